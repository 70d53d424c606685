// SPDX-License-Identifier: MIT
// Records as the kernel's BTF lays them out: programs relocate to `trace_event_raw_CLASS`.
import { BTF_KIND_STRUCT, typeDeclC, type Btf } from '@tsbpf/btf';
import type { KernelServices } from '@tsbpf/core';
import { COMMON_BYTES, DATA_LOC, layOut, type FieldSpec, type TraceField } from './trace-event.ts';

const PREFIX = 'trace_event_raw_';
const LOC = '__data_loc_';

/** A member as a format file would declare it: the type known for v5.6 where it is of that size, else its C type. */
function typeOf(btf: Btf, member: { name: string; typeId: number }, known: FieldSpec | undefined): string {
  if (known?.size === btf.resolveSize(member.typeId)) return known.type;
  return typeDeclC(btf, member.typeId).replace(/\s*(\[\d+\])$/, '$1');
}

/** The fields of a record; by the first of these classes that the BTF has, else laid out as v5.6 has them. */
export function layOutRecord(
  { types }: KernelServices,
  classes: readonly string[],
  specs: readonly FieldSpec[],
): TraceField[] {
  const { btf } = types;
  const ids = classes.map((recordClass) => btf.findByName(`${PREFIX}${recordClass}`, BTF_KIND_STRUCT));
  const id = ids.find((found) => found !== undefined);
  if (id === undefined) return layOut(specs);
  const struct = btf.type(id);
  if (struct.kind !== BTF_KIND_STRUCT) return layOut(specs);
  return struct.members.flatMap((member): TraceField[] => {
    const off = member.bitOffset / 8;
    const size = btf.resolveSize(member.typeId);
    if (off < COMMON_BYTES || size === 0) return [];
    if (member.name.startsWith(LOC)) return [{ name: member.name.slice(LOC.length), type: DATA_LOC, off, size }];
    const known = specs.find(({ name }) => name === member.name);
    return [{ name: member.name, type: typeOf(btf, member, known), off, size }];
  });
}
