// SPDX-License-Identifier: MIT
import {
  BPF_EXIST,
  BPF_F_LOCK,
  BPF_F_RDONLY,
  BPF_F_RDONLY_PROG,
  BPF_F_WRONLY,
  BPF_F_WRONLY_PROG,
  BPF_NOEXIST,
  EEXIST,
  ENOENT,
} from '@tsbpf/uapi';
import type { Errno } from '@tsbpf/core';

/** Creation flags that say who may read and write. @see include/linux/bpf.h, BPF_F_ACCESS_MASK */
export const ACCESS_MASK = BPF_F_RDONLY | BPF_F_WRONLY | BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG;

/** A map closed to programs for reading and for writing is of no use. @see include/linux/bpf.h, bpf_map_flags_access_ok */
export function accessOk(flags: number): boolean {
  const prog = BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG;
  return (flags & prog) !== prog;
}

/** Only bits of `mask` are set, and the access bits make sense. */
export function flagsOk(flags: number, mask: number): boolean {
  return (flags & ~mask) === 0 && accessOk(flags);
}

// Own constants for what every update asks: V8 loads those of other modules wherever they are used.
const EXIST = BPF_EXIST;
const NOEXIST = BPF_NOEXIST;
const LOCK = BPF_F_LOCK;

/** Update flags are one of ANY, NOEXIST and EXIST, with or without F_LOCK. They may be larger than 2^32. */
export function updateFlagsOk(flags: number): boolean {
  return flags <= (EXIST | LOCK) && (flags & (EXIST | NOEXIST)) !== (EXIST | NOEXIST);
}

/** NOEXIST on a present element is -EEXIST, EXIST on an absent one -ENOENT. */
export function presenceError(present: boolean, flags: number): Errno {
  if (present) return (flags & ~LOCK) === NOEXIST ? -EEXIST : 0;
  return (flags & ~LOCK) === EXIST ? -ENOENT : 0;
}
