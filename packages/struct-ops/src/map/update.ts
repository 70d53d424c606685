// SPDX-License-Identifier: MIT
// Filling a table and registering it. @see kernel/bpf/bpf_struct_ops.c, bpf_struct_ops_map_update_elem
import { BPF_PROG_TYPE_STRUCT_OPS, E2BIG, EBUSY, EINVAL } from '@tsbpf/uapi';
import type { Errno, StructOpsInstance } from '@tsbpf/core';
import { funcModel } from '@tsbpf/trampoline';
import { holesAreZero, isZero, type TableMember } from './layout.ts';
import { MemberCall } from './member-call.ts';
import { STATE_INIT, STATE_INUSE, type StructOpsMap } from './struct-ops-map.ts';

/** The table as its subsystem gets it. */
export function instanceOf(map: StructOpsMap): StructOpsInstance {
  return {
    off: map.kvalue + map.layout.dataOff,
    member: (name) => map.calls.get(name)?.symbol.entry,
    get: () => map.getTable(),
    put: () => map.putTable(),
  };
}

/** What a member that holds a function gets: the program behind the fd in it, if any. */
function setProgram(map: StructOpsMap, index: number, member: TableMember & { protoId: number }): Errno {
  const { kernel, layout, mem } = map;
  const at = layout.dataOff + member.off;
  const fd = mem.readS32(map.uvalue + at);
  if (fd === 0) return 0;
  const file = kernel.fds.get(fd, 'prog');
  if (typeof file === 'number') return file;
  const { prog } = file;
  prog.get();
  map.progs.set(index, prog);
  if (
    prog.type !== BPF_PROG_TYPE_STRUCT_OPS ||
    prog.attachBtfId !== layout.structId ||
    prog.expectedAttachType !== index
  )
    return -EINVAL;
  const model = funcModel(kernel.vmlinux.btf, member.protoId);
  const call = new MemberCall(kernel, prog, { name: member.name, model, owner: map.off });
  map.calls.set(member.name, call);
  mem.write64(map.kvalue + at, call.symbol.addr);
  mem.write64(map.uvalue + at, BigInt(prog.id));
  return 1;
}

/**
 * Takes over every member of the value in `uvalue`. The answer is negative where one is wrong, and otherwise says whether
 * the table may be registered. Linux v5.6 answers for an owner with what the member before it came to, which is no error.
 */
function takeMembers(map: StructOpsMap): { readonly ok: boolean; readonly answer: Errno } {
  const { layout, kernel, mem } = map;
  let answer = 0;
  for (const [index, member] of layout.members.entries()) {
    const at = layout.dataOff + member.off;
    const value = mem.readBytes(map.uvalue + at, member.size);
    if (member.isModule) {
      if (!isZero(value)) return { ok: false, answer };
      continue;
    }
    answer = layout.row.initMember(kernel, { name: member.name, value, dst: map.kvalue + at });
    if (answer < 0) return { ok: false, answer };
    if (answer > 0) continue;
    if (member.protoId === undefined) {
      if (!isZero(value)) return { ok: false, answer: -EINVAL };
      continue;
    }
    answer = setProgram(map, index, { ...member, protoId: member.protoId });
    if (answer < 0) return { ok: false, answer };
  }
  return { ok: true, answer };
}

/**
 * Registers the table that a user's value describes.
 * @errno EINVAL flags; bytes between members, a state or a count that is not zero; a member that is missing or that no
 * program may have; a program of another kind
 * @errno E2BIG the key is not 0; EBUSY the map was registered once; EBADF no such fd; and what the subsystem answers
 */
export function updateTable(map: StructOpsMap, keyOff: number, valueOff: number, flags: number): Errno {
  const { layout, mem, kernel } = map;
  if (flags !== 0) return -EINVAL;
  if (mem.read32(keyOff) !== 0) return -E2BIG;
  const value = mem.readBytes(valueOff, layout.sizeBytes);
  const data = value.subarray(layout.dataOff, layout.dataOff + layout.structBytes);
  if (!holesAreZero(value, layout.valueMembers) || !holesAreZero(data, layout.members)) return -EINVAL;
  if (mem.read32(valueOff + layout.stateOff) !== 0 || mem.read32(valueOff + layout.refcntOff) !== 0) return -EINVAL;
  if (map.state !== STATE_INIT) return -EBUSY;

  mem.copy(map.uvalue, valueOff, layout.sizeBytes);
  const taken = takeMembers(map);
  if (!taken.ok) {
    map.reset();
    return taken.answer;
  }
  map.users = 1;
  kernel.mapGet(map);
  const err = layout.row.register(kernel, instanceOf(map));
  if (err < 0) {
    kernel.mapPut(map);
    map.reset();
    return err;
  }
  map.state = STATE_INUSE;
  return 0;
}
