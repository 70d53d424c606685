// SPDX-License-Identifier: MIT
// The flow dissector of each network namespace. @see net/core/flow_dissector.c, skb_flow_dissector_bpf_prog_attach
import {
  BPF_FLOW_DISSECTOR,
  BPF_PROG_TYPE_FLOW_DISSECTOR,
  EBADF,
  EEXIST,
  EINVAL,
  ENOENT,
  ENOSPC,
  type ProgQueryAttr,
} from '@tsbpf/uapi';
import type { AttachRow, BpfProg, Checkpointable, Errno, KernelFile, KernelServices, SubsystemKey } from '@tsbpf/core';
import type { NetNamespace } from '../dev/namespace.ts';

declare module '@tsbpf/core' {
  interface KernelFiles {
    netns: NamespaceFile;
  }
}

/** An open /proc/PID/ns/net. */
export interface NamespaceFile extends KernelFile {
  readonly netns: NetNamespace;
}

/** Opens a namespace as /proc/PID/ns/net is opened: its fd, or -EMFILE. */
export function openNamespace(kernel: KernelServices, netns: NetNamespace): number {
  const file: NamespaceFile = { kind: 'netns', name: 'net', netns, release: () => undefined };
  return kernel.fds.install(file);
}

/** Flow dissectors, by namespace. */
export class FlowDissectors implements Checkpointable {
  readonly checkpointName = 'net-flow-dissectors';
  readonly byNs = new Map<NetNamespace, BpfProg>();
  /** The first namespace, whose program excludes others. */
  initNs: NetNamespace | undefined;
  /** That of the process. */
  processNs: () => NetNamespace | undefined = () => this.initNs;

  save(): unknown {
    return [...this.byNs];
  }
  restore(saved: unknown): void {
    this.byNs.clear();
    for (const [netns, prog] of saved as [NetNamespace, BpfProg][]) this.byNs.set(netns, prog);
  }
}

const DISSECTORS: SubsystemKey<FlowDissectors> = {
  name: 'net-flow-dissectors',
  create(kernel) {
    const state = new FlowDissectors();
    kernel.checkpointables.push(state);
    return state;
  },
};

export function flowDissectorsOf(kernel: Pick<KernelServices, 'subsystem'>): FlowDissectors {
  return kernel.subsystem(DISSECTORS);
}

/**
 * The program that looks at packets of a namespace: the first namespace's looks at those of all.
 * @see __skb_flow_dissect
 */
export function flowDissectorFor(kernel: KernelServices, netns: NetNamespace): BpfProg | undefined {
  const { byNs, initNs } = flowDissectorsOf(kernel);
  return (initNs === undefined ? undefined : byNs.get(initNs)) ?? byNs.get(netns);
}

function attach(kernel: KernelServices, prog: BpfProg, netns: NetNamespace): Errno {
  const { byNs, initNs } = flowDissectorsOf(kernel);
  // The first namespace's program excludes all others.
  if (netns === initNs) {
    if ([...byNs.keys()].some((other) => other !== initNs)) return -EEXIST;
  } else if (initNs !== undefined && byNs.has(initNs)) {
    return -EEXIST;
  }
  const old = byNs.get(netns);
  if (old === prog) return -EINVAL;
  prog.get();
  byNs.set(netns, prog);
  old?.put();
  return 0;
}

function detach(kernel: KernelServices, netns: NetNamespace): Errno {
  const { byNs } = flowDissectorsOf(kernel);
  const old = byNs.get(netns);
  if (old === undefined) return -ENOENT;
  byNs.delete(netns);
  old.put();
  return 0;
}

function query(kernel: KernelServices, attr: ProgQueryAttr): Errno {
  if ((attr.query_flags ?? 0) !== 0) return -EINVAL;
  const file = kernel.fds.file(attr.target_fd ?? 0) as NamespaceFile | undefined;
  if (file === undefined) return -EBADF;
  if (file.kind !== 'netns') return -EINVAL;
  const prog = flowDissectorsOf(kernel).byNs.get(file.netns);
  const room = attr.prog_ids === undefined ? 0 : attr.prog_ids.length / 4;
  attr.attach_flags = 0;
  attr.prog_cnt = prog === undefined ? 0 : 1;
  if (prog === undefined || attr.prog_ids === undefined) return 0;
  if (room < 1) return -ENOSPC;
  new DataView(attr.prog_ids.buffer, attr.prog_ids.byteOffset).setUint32(0, prog.id, true);
  return 0;
}

/** Attaches flow dissectors to the namespace of the process; the target's fd is not looked at. */
export const flowDissectorAttachRow: AttachRow = {
  attachTypes: { [BPF_FLOW_DISSECTOR]: BPF_PROG_TYPE_FLOW_DISSECTOR },
  attach(kernel, prog) {
    const netns = flowDissectorsOf(kernel).processNs();
    return netns === undefined ? -EINVAL : attach(kernel, prog, netns);
  },
  detach(kernel) {
    const netns = flowDissectorsOf(kernel).processNs();
    return netns === undefined ? -ENOENT : detach(kernel, netns);
  },
  query,
};

/** Attaches a program for a process of another namespace. 0 or -errno, as BPF_PROG_ATTACH. */
export function attachFlowDissector(kernel: KernelServices, progFd: number, netns: NetNamespace): Errno {
  const file = kernel.fds.get(progFd, 'prog');
  if (typeof file === 'number') return file;
  return file.prog.type === BPF_PROG_TYPE_FLOW_DISSECTOR ? attach(kernel, file.prog, netns) : -EINVAL;
}
