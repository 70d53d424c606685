// SPDX-License-Identifier: MIT
// Attributes of hash tables, in the kernel's order. @see kernel/bpf/hashtab.c, htab_map_alloc_check
import {
  BPF_F_NO_COMMON_LRU,
  BPF_F_NO_PREALLOC,
  BPF_F_NUMA_NODE,
  BPF_F_ZERO_SEED,
  CAP_SYS_ADMIN,
  E2BIG,
  EINVAL,
  ENOTSUPP,
  EPERM,
} from '@tsbpf/uapi';
import type { Errno, KernelServices, MapParams } from '@tsbpf/core';
import { ACCESS_MASK, flagsOk } from '../object/flags.ts';
import { HTAB_ELEM_SIZE, KMALLOC_MAX_SIZE, MAX_KEY_SIZE } from '../object/sizes.ts';

const CREATE_FLAGS = BPF_F_NO_PREALLOC | BPF_F_NO_COMMON_LRU | BPF_F_NUMA_NODE | BPF_F_ZERO_SEED | ACCESS_MASK;

export function htabAllocCheck(
  params: MapParams,
  kernel: KernelServices,
  shape: { percpu?: boolean; lru?: boolean } = {},
): Errno {
  const has = (flag: number): boolean => (params.flags & flag) !== 0;
  const admin = kernel.env.capable(CAP_SYS_ADMIN);
  if ((shape.lru === true || has(BPF_F_ZERO_SEED)) && !admin) return -EPERM;
  if (!flagsOk(params.flags, CREATE_FLAGS)) return -EINVAL;
  if (shape.lru !== true && has(BPF_F_NO_COMMON_LRU)) return -EINVAL;
  if (shape.lru === true && has(BPF_F_NO_PREALLOC)) return -ENOTSUPP;
  if (params.numaNode !== -1 && (shape.percpu === true || has(BPF_F_NO_COMMON_LRU))) return -EINVAL;
  if (params.maxEntries === 0 || params.keySize === 0 || params.valueSize === 0) return -EINVAL;
  if (params.keySize > MAX_KEY_SIZE) return -E2BIG;
  return params.valueSize >= KMALLOC_MAX_SIZE - MAX_KEY_SIZE - HTAB_ELEM_SIZE ? -E2BIG : 0;
}
