// SPDX-License-Identifier: MIT
import { E2BIG, EPERM } from '@tsbpf/uapi';
import type { KernelEnv, Memlock } from '@tsbpf/core';

const PAGE_SIZE = 4096;
const U32_MAX = 0xffffffff;

/** Accounting against RLIMIT_MEMLOCK, by whole pages. @see kernel/bpf/syscall.c, bpf_map_charge_init */
export function createMemlock(env: KernelEnv): Memlock {
  let pages = 0;
  const pagesOf = (costBytes: number): number => Math.ceil(costBytes / PAGE_SIZE);
  return {
    get chargedBytes() {
      return pages * PAGE_SIZE;
    },
    charge(costBytes) {
      if (costBytes >= U32_MAX - PAGE_SIZE) return -E2BIG;
      const more = pagesOf(costBytes);
      if ((pages + more) * PAGE_SIZE > env.memlockLimitBytes) return -EPERM;
      pages += more;
      return 0;
    },
    uncharge(costBytes) {
      pages -= pagesOf(costBytes);
    },
  };
}
