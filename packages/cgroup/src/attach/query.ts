// SPDX-License-Identifier: MIT
import { BPF_F_QUERY_EFFECTIVE, EFAULT, ENOSPC, type ProgQueryAttr } from '@tsbpf/uapi';
import type { Cgroup } from '../tree/cgroup.ts';
import { EMPTY_LIST } from './attachment.ts';

const ID_BYTES = 4;

/**
 * Writes flags, the number of programs and the ids there is room for: a cgroup's own programs in attach order, or the
 * effective ones in the order they run. Flags are always the cgroup's own.
 * @errno ENOSPC more programs than room
 * @see kernel/bpf/cgroup.c, __cgroup_bpf_query
 */
export function queryProgs(cgroup: Cgroup, attr: ProgQueryAttr): number {
  const list = cgroup.lists.get(attr.attach_type) ?? EMPTY_LIST;
  const wantEffective = ((attr.query_flags ?? 0) & BPF_F_QUERY_EFFECTIVE) !== 0;
  const found = wantEffective ? (cgroup.effective.get(attr.attach_type) ?? []) : list.items;
  const ids = attr.prog_ids;
  const room = attr.prog_cnt ?? Math.floor((ids?.length ?? 0) / ID_BYTES);
  attr.attach_flags = list.flags;
  attr.prog_cnt = found.length;
  if (room === 0 || ids === undefined || found.length === 0) return 0;
  const count = Math.min(room, found.length);
  if (ids.length < count * ID_BYTES) return -EFAULT;
  const view = new DataView(ids.buffer, ids.byteOffset, ids.byteLength);
  found.slice(0, count).forEach((item, i) => view.setUint32(i * ID_BYTES, item.prog.id, true));
  return room < found.length ? -ENOSPC : 0;
}
