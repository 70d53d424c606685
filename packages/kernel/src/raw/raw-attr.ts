// SPDX-License-Identifier: MIT
// The raw form of bpf(2): bytes of `union bpf_attr` in, the same commands behind. @see kernel/bpf/syscall.c, SYSCALL(bpf)
import {
  BPF_ATTR_GROUPS,
  BPF_ATTR_SIZE_5_6,
  BPF_CMD_ATTRS,
  E2BIG,
  EFAULT,
  EINVAL,
  EPERM,
  CAP_SYS_ADMIN,
  type BpfCmd,
  type StructLayout,
  type UserMemory,
} from '@tsbpf/uapi';
import { decodeGroup } from './decode.ts';
import type { KernelState } from '../kernel-state.ts';

const PAGE_SIZE = 4096;

/** First byte past a command's last field, which everything from there on must be zero from. */
export function endOfAttr(cmd: number): number {
  const row = BPF_CMD_ATTRS[cmd];
  if (row === undefined) return 0;
  const group: StructLayout = BPF_ATTR_GROUPS[row.group];
  const last = group.fields.find((field) => field.name === row.lastField);
  return last === undefined ? 0 : last.off + last.size;
}

/** Runs a raw command through `run`, which gets the decoded attributes. */
export function runRaw(
  k: KernelState,
  cmd: number,
  bytes: Uint8Array,
  sizeBytes: number,
  user: UserMemory,
  run: (cmd: BpfCmd, attr: never) => number,
): number {
  if (k.env.unprivilegedBpfDisabled !== 0 && !k.env.capable(CAP_SYS_ADMIN)) return -EPERM;
  if (sizeBytes > PAGE_SIZE) return -E2BIG;
  if (bytes.length < sizeBytes) return -EFAULT;
  for (let i = BPF_ATTR_SIZE_5_6; i < sizeBytes; i++) if (bytes[i] !== 0) return -E2BIG;
  const union = new Uint8Array(BPF_ATTR_SIZE_5_6);
  union.set(bytes.subarray(0, Math.min(sizeBytes, BPF_ATTR_SIZE_5_6)));
  if (BPF_CMD_ATTRS[cmd] === undefined) return -EINVAL;
  for (let i = endOfAttr(cmd); i < union.length; i++) if (union[i] !== 0) return -EINVAL;
  const decoded = decodeGroup(k, cmd as BpfCmd, union, user);
  if (typeof decoded === 'number') return decoded;
  const result = run(cmd as BpfCmd, decoded.attr as never);
  const wrote = decoded.writeBack(union, result);
  bytes.set(union.subarray(0, Math.min(sizeBytes, union.length)));
  return wrote < 0 ? wrote : result;
}
