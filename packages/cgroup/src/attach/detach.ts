// SPDX-License-Identifier: MIT
// Detaching. @see kernel/bpf/cgroup.c, __cgroup_bpf_detach and cgroup_bpf_release
import { EINVAL, ENOENT } from '@tsbpf/uapi';
import type { BpfProg } from '@tsbpf/core';
import type { Cgroup } from '../tree/cgroup.ts';
import { release } from './attach.ts';
import { EMPTY_LIST, isMulti } from './attachment.ts';
import { updateEffective } from './effective.ts';

/**
 * Removes a program. Where the cgroup takes one program only it is removed whatever `prog` says.
 * @errno EINVAL the list takes several programs, and none was named
 * @errno ENOENT not attached
 */
export function detachProg(cgroup: Cgroup, attachType: number, prog: BpfProg | undefined): number {
  const list = cgroup.lists.get(attachType) ?? EMPTY_LIST;
  if (isMulti(list) && prog === undefined) return -EINVAL;
  const old = isMulti(list) ? list.items.find((item) => item.prog === prog) : list.items[0];
  if (old === undefined) return -ENOENT;
  const items = list.items.filter((item) => item !== old);
  cgroup.lists.set(attachType, items.length === 0 ? EMPTY_LIST : { ...list, items });
  updateEffective(cgroup, attachType);
  release(old);
  return 0;
}

/** Lets go of everything attached: the cgroup is gone, and nothing runs its programs any more. */
export function releaseAll(cgroup: Cgroup): void {
  const all = [...cgroup.lists.values()].flatMap((list) => list.items);
  cgroup.lists.clear();
  cgroup.effective.clear();
  all.forEach(release);
}
