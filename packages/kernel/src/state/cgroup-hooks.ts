// SPDX-License-Identifier: MIT
import type { CgroupHooks } from '@tsbpf/core';

/** Id of the root of the cgroup v2 hierarchy. */
const ROOT_CGROUP = 1n;

/** A kernel without cgroup programs: everything is allowed, and every task lives in the root cgroup. */
export function openCgroupHooks(): CgroupHooks {
  return {
    enabled: () => false,
    run: () => 1,
    currentCgroupId: () => ROOT_CGROUP,
    ancestorId: (cgroupId, level) => (level === 0 && cgroupId === ROOT_CGROUP ? ROOT_CGROUP : 0n),
  };
}
