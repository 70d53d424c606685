// SPDX-License-Identifier: MIT
import { BTF_KIND_DATASEC, BTF_KIND_STRUCT, BTF_KIND_VAR, type Btf } from '@tsbpf/btf';
import { BPF_F_LINK, BPF_MAP_TYPE_STRUCT_OPS } from '@tsbpf/uapi';
import type { ElfFile, ElfSection } from '../elf/elf.ts';
import type { Print } from '../log.ts';
import { emptyMapSpec } from '../maps/btf-map-def.ts';
import { datasecOf } from '../maps/btf-maps.ts';
import type { Refuse } from './refuse.ts';
import type { MapSpec } from './spec.ts';

/** A map for each variable of a struct_ops section. Its functions come with the section's relocations. */
export function collectStructOps(elf: ElfFile, section: ElfSection, btf: Btf, print: Print, refuse: Refuse): MapSpec[] {
  // The kernel's BTF rules forbid the mark; the BTF names the section as the object does.
  const datasec = datasecOf(btf, section.name);
  if (datasec === undefined) return refuse(`struct_ops init: DATASEC ${section.name} not found`);
  const data = elf.data(section);
  return btf.typeOf(datasec, BTF_KIND_DATASEC).vars.map((info) => {
    const variable = btf.typeOf(info.typeId, BTF_KIND_VAR);
    const typeId = btf.skipModifiers(variable.typeId);
    if (btf.kind(typeId) !== BTF_KIND_STRUCT || btf.name(typeId) === '') {
      refuse(`struct_ops init: ${btf.name(typeId) || '<anon>'} is not a struct`, { map: variable.name });
    }
    if (info.offset + btf.sizeOrType(typeId) > data.length) {
      refuse(`struct_ops init: var ${variable.name} is beyond the end of DATASEC ${section.name}`, {
        map: variable.name,
      });
    }
    const link = section.name.endsWith('.link');
    print(
      'debug',
      `struct_ops init: struct ${btf.name(typeId)}(type_id=${typeId}) ${variable.name} found at offset ${info.offset}`,
    );
    return {
      ...emptyMapSpec({
        name: variable.name,
        kind: 'struct_ops',
        secName: section.name,
        secIdx: section.index,
        secOffset: info.offset,
      }),
      type: BPF_MAP_TYPE_STRUCT_OPS,
      keySize: 4,
      // The kernel's own size takes its place when the object is loaded.
      valueSize: btf.sizeOrType(typeId),
      maxEntries: 1,
      mapFlags: link ? BPF_F_LINK : 0,
      data: data.slice(info.offset, info.offset + btf.sizeOrType(typeId)),
      structOps: { typeId, link, funcs: [] },
      autocreate: !section.name.startsWith('?'),
    };
  });
}
