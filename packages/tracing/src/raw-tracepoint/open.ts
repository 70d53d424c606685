// SPDX-License-Identifier: MIT
// BPF_RAW_TRACEPOINT_OPEN. @see kernel/bpf/syscall.c, bpf_raw_tracepoint_open
import {
  BPF_FD_TYPE_RAW_TRACEPOINT,
  BPF_PROG_TYPE_EXT,
  BPF_PROG_TYPE_RAW_TRACEPOINT,
  BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE,
  BPF_PROG_TYPE_TRACING,
  BPF_TRACE_RAW_TP,
  EEXIST,
  EFAULT,
  EINVAL,
  ENOENT,
} from '@tsbpf/uapi';
import type { BpfProg, KernelFile, KernelServices, RawTracepointRow } from '@tsbpf/core';
import { tracingOf } from '../tracing.ts';
import { attachToFunction } from '../trampoline/attach.ts';
import { runOnArgs } from './run.ts';

/** Bytes of a name that are looked at. */
const NAME_BYTES = 127;
const WORD = 8;

function attach(kernel: KernelServices, prog: BpfProg, name: string): number {
  const { links, runs } = tracingOf(kernel);
  const tracepoint = kernel.tracepoints.find(name);
  if (tracepoint === undefined) return -ENOENT;
  const { maxCtxOffset, maxTpAccess } = prog.verified;
  if (maxCtxOffset > tracepoint.numArgs * WORD || maxTpAccess > tracepoint.writableSize) return -EINVAL;
  if (links.some((link) => link.prog === prog && link.name === name)) return -EEXIST;

  const link = { prog, name };
  const unlisten = kernel.tracepoints.listen(name, (args) => {
    runs.note({ prog, kind: 'raw_tp', r0: runOnArgs(kernel, prog, args) });
  });
  links.push(link);
  prog.get();
  const file: KernelFile & { taskFdQuery(): object } = {
    kind: 'raw_tracepoint',
    name: 'bpf-raw-tracepoint',
    release() {
      unlisten();
      links.splice(links.indexOf(link), 1);
      prog.put();
    },
    taskFdQuery: () => ({
      progId: prog.id,
      fdType: BPF_FD_TYPE_RAW_TRACEPOINT,
      name,
      probeOffset: 0n,
      probeAddr: 0n,
    }),
  };
  const fd = kernel.fds.install(file);
  if (fd < 0) file.release();
  return fd;
}

/**
 * Attaches to tracepoints: raw ones, writable ones, and those a TRACING program was loaded for. Programs run in the
 * order they were attached, until their fd is closed. Programs for functions go to those: see {@link attachToFunction}.
 * @errno EFAULT no name; ENOENT no such tracepoint; EEXIST the program is there already
 * @errno EINVAL a name for a TRACING program; the program reads arguments, or a buffer, that the tracepoint does not have
 */
export const rawTracepointRow: RawTracepointRow = {
  progTypes: [
    BPF_PROG_TYPE_RAW_TRACEPOINT,
    BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE,
    BPF_PROG_TYPE_TRACING,
    BPF_PROG_TYPE_EXT,
  ],
  open(kernel, prog, attr) {
    if (prog.type !== BPF_PROG_TYPE_TRACING && prog.type !== BPF_PROG_TYPE_EXT) {
      return attr.name === undefined ? -EFAULT : attach(kernel, prog, attr.name.slice(0, NAME_BYTES));
    }
    if (attr.name !== undefined) return -EINVAL;
    if (prog.type === BPF_PROG_TYPE_TRACING && prog.expectedAttachType === BPF_TRACE_RAW_TP) {
      return attach(kernel, prog, prog.attach?.name ?? '');
    }
    return attachToFunction(kernel, tracingOf(kernel).trampolines, prog);
  },
};
