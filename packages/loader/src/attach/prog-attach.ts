// SPDX-License-Identifier: MIT
// Hooks of BPF_PROG_ATTACH: cgroups, maps of sockets, network namespaces.
import { BPF_PROG_ATTACH, BPF_PROG_DETACH } from '@tsbpf/uapi';
import { BpfLink } from '../handle/link.ts';
import { must } from '../handle/syscall.ts';
import type { Attachable } from './attachable.ts';

interface ProgAttachInit {
  readonly targetFd: number;
  readonly attachType: number;
  readonly flags: number;
  readonly target: string;
  /** Sockets' maps take no program to detach. */
  readonly detachNamesProg: boolean;
}

function progAttach(prog: Attachable, init: ProgAttachInit): BpfLink {
  const { targetFd, attachType, flags, target, detachNamesProg } = init;
  const { sys } = prog;
  const attr = { target_fd: targetFd, attach_bpf_fd: prog.fd, attach_type: attachType };
  must(sys, BPF_PROG_ATTACH, { ...attr, attach_flags: flags }, `prog '${prog.name}': failed to attach to ${target}`);
  return new BpfLink({
    progName: prog.name,
    target,
    detach: () => {
      const { attach_bpf_fd: _, ...without } = attr;
      const how = detachNamesProg ? attr : without;
      must(sys, BPF_PROG_DETACH, how, `prog '${prog.name}': failed to detach from ${target}`);
    },
  });
}

/** Attaches to the cgroup whose directory the fd is. @see bpf_prog_attach(2) */
export function attachCgroup(
  prog: Attachable,
  cgroupFd: number,
  options: { flags?: number; attachType?: number },
): BpfLink {
  return progAttach(prog, {
    targetFd: cgroupFd,
    attachType: options.attachType ?? prog.expectedAttachType,
    flags: options.flags ?? 0,
    target: 'cgroup',
    detachNamesProg: true,
  });
}

/** Attaches a stream parser or a verdict to a SOCKMAP or SOCKHASH. */
export function attachSockmap(prog: Attachable, mapFd: number, options: { attachType?: number }): BpfLink {
  return progAttach(prog, {
    targetFd: mapFd,
    attachType: options.attachType ?? prog.expectedAttachType,
    flags: 0,
    target: 'sockmap',
    detachNamesProg: true,
  });
}

/** Attaches a flow dissector to the caller's network namespace. */
export function attachNetns(prog: Attachable): BpfLink {
  return progAttach(prog, {
    targetFd: 0,
    attachType: prog.expectedAttachType,
    flags: 0,
    target: 'netns',
    detachNamesProg: false,
  });
}
