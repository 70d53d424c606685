// SPDX-License-Identifier: MIT
// Programs on routes: `ip route … encap bpf`, and `encap seg6local action End.BPF`. @see net/core/lwt_bpf.c
import {
  BPF_PROG_TYPE_LWT_IN,
  BPF_PROG_TYPE_LWT_OUT,
  BPF_PROG_TYPE_LWT_SEG6LOCAL,
  BPF_PROG_TYPE_LWT_XMIT,
  EINVAL,
  ERANGE,
  UsageError,
} from '@tsbpf/uapi';
import type { BpfProg, KernelServices } from '@tsbpf/core';
import type { LwtState } from '../world/route.ts';

const MAX_HEADROOM = 256;

/** Programs of a route, by when they run. */
export interface BpfEncap extends LwtState {
  readonly kind: 'bpf';
  readonly in: BpfProg | undefined;
  readonly out: BpfProg | undefined;
  readonly xmit: BpfProg | undefined;
}

/** The program that is a segment's action. */
export interface EndBpf extends LwtState {
  readonly kind: 'seg6local';
  readonly prog: BpfProg;
}

/** The program behind an fd; the route takes a reference. @errno EBADF @errno EINVAL UsageError */
function progOf(kernel: KernelServices, fd: number, type: number): BpfProg {
  const file = kernel.fds.get(fd, 'prog');
  if (typeof file === 'number') throw new UsageError(`fd ${fd} is no program`, { errno: -file });
  if (file.prog.type !== type) {
    throw new UsageError(`program ${file.prog.name} is of another type than this place of a route takes`, {
      errno: EINVAL,
    });
  }
  file.prog.get();
  return file.prog;
}

/**
 * Programs for a route, by their fds: one at least.
 * @errno EINVAL UsageError: none, or one of another type @errno ERANGE UsageError: more headroom than 256 bytes
 */
export function bpfEncap(
  kernel: KernelServices,
  fds: { readonly in?: number; readonly out?: number; readonly xmit?: number; readonly headroom?: number },
): BpfEncap {
  const { headroom = 0 } = fds;
  if (fds.in === undefined && fds.out === undefined && fds.xmit === undefined) {
    throw new UsageError('a route with programs needs one: in, out or xmit', { errno: EINVAL });
  }
  if (headroom < 0 || headroom > MAX_HEADROOM) {
    throw new UsageError(`headroom ${headroom}: a tunnel has up to ${MAX_HEADROOM} bytes`, { errno: ERANGE });
  }
  const prog = (fd: number | undefined, type: number) => (fd === undefined ? undefined : progOf(kernel, fd, type));
  return {
    kind: 'bpf',
    headroom,
    in: prog(fds.in, BPF_PROG_TYPE_LWT_IN),
    out: prog(fds.out, BPF_PROG_TYPE_LWT_OUT),
    xmit: prog(fds.xmit, BPF_PROG_TYPE_LWT_XMIT),
  };
}

/** The action End.BPF for a route. @errno EINVAL UsageError: a program of another type */
export function endBpf(kernel: KernelServices, fd: number): EndBpf {
  return { kind: 'seg6local', headroom: 0, prog: progOf(kernel, fd, BPF_PROG_TYPE_LWT_SEG6LOCAL) };
}

export const isBpf = (state: LwtState | undefined): state is BpfEncap => state?.kind === 'bpf';
export const isEndBpf = (state: LwtState | undefined): state is EndBpf => state?.kind === 'seg6local';
