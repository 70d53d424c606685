// SPDX-License-Identifier: MIT
// BPF_PROG_ATTACH, BPF_PROG_DETACH, BPF_PROG_QUERY. @see kernel/bpf/syscall.c, bpf_prog_attach
import {
  BPF_F_ALLOW_MULTI,
  BPF_F_ALLOW_OVERRIDE,
  BPF_F_REPLACE,
  BPF_F_QUERY_EFFECTIVE,
  CAP_NET_ADMIN,
  EINVAL,
  EPERM,
} from '@tsbpf/uapi';
import type { AttachRow, BpfProg } from '@tsbpf/core';
import type { Command } from '../command.ts';
import type { KernelState } from '../kernel-state.ts';

const rowFor = (k: KernelState, attachType: number): AttachRow | undefined =>
  k.registries.attach.find((row) => row.attachTypes[attachType] !== undefined);

/** Whether a program may be attached as `attachType`. @see kernel/bpf/syscall.c, bpf_prog_attach_check_attach_type */
function attachTypeFits(prog: BpfProg, attachType: number): boolean {
  if (prog.verified.enforceExpectedAttachType || prog.def.attachMustMatch === true) {
    return prog.expectedAttachType === attachType;
  }
  return true;
}

export const progAttach: Command<8> = (k, attr) => {
  if (!k.env.capable(CAP_NET_ADMIN)) return -EPERM;
  if (((attr.attach_flags ?? 0) & ~(BPF_F_ALLOW_OVERRIDE | BPF_F_ALLOW_MULTI | BPF_F_REPLACE)) !== 0) return -EINVAL;
  const row = rowFor(k, attr.attach_type);
  if (row === undefined) return -EINVAL;
  const file = k.fds.get(attr.attach_bpf_fd ?? 0, 'prog');
  if (typeof file === 'number') return file;
  const { prog } = file;
  if (prog.type !== row.attachTypes[attr.attach_type] || !attachTypeFits(prog, attr.attach_type)) return -EINVAL;
  return row.attach(k, prog, attr);
};

export const progDetach: Command<9> = (k, attr) => {
  if (!k.env.capable(CAP_NET_ADMIN)) return -EPERM;
  const row = rowFor(k, attr.attach_type);
  if (row === undefined) return -EINVAL;
  const file = k.fds.get(attr.attach_bpf_fd ?? 0, 'prog');
  const prog = typeof file === 'number' ? undefined : file.prog;
  return row.detach(k, prog?.type === row.attachTypes[attr.attach_type] ? prog : undefined, attr);
};

export const progQuery: Command<16> = (k, attr) => {
  if (!k.env.capable(CAP_NET_ADMIN)) return -EPERM;
  if (((attr.query_flags ?? 0) & ~BPF_F_QUERY_EFFECTIVE) !== 0) return -EINVAL;
  return rowFor(k, attr.attach_type)?.query?.(k, attr) ?? -EINVAL;
};
