// SPDX-License-Identifier: MIT
// Maps declared as `struct bpf_map_def` in a section named `maps`: what libbpf took before version 1.
import { BTF_KIND_STRUCT, type Btf } from '@tsbpf/btf';
import { EINVAL } from '@tsbpf/uapi';
import type { ElfFile, ElfSection } from '../elf/elf.ts';
import * as C from '../elf/constants.ts';
import type { Refuse } from '../open/refuse.ts';
import type { MapSpec } from '../open/spec.ts';
import { emptyMapSpec } from './btf-map-def.ts';

/** Bytes of `struct bpf_map_def`: type, key_size, value_size, max_entries, map_flags. */
const MAP_DEF_SIZE = 20;

/** Key and value types, where a struct `____btf_map_NAME` gives them. */
function annotate(btf: Btf | undefined, map: MapSpec): void {
  const id = btf?.findByName(`____btf_map_${map.name}`, BTF_KIND_STRUCT);
  if (btf === undefined || id === undefined) return;
  const members = btf.members(id);
  const [key, value] = members;
  if (members.length < 2) return;
  if (btf.resolveSize(key.typeId) !== map.keySize || btf.resolveSize(value.typeId) !== map.valueSize) return;
  map.btfKeyTypeId = key.typeId;
  map.btfValueTypeId = value.typeId;
}

/** The maps of a `maps` section; all their declarations have the same size. */
export function collectLegacyMaps(elf: ElfFile, section: ElfSection, btf: Btf | undefined, refuse: Refuse): MapSpec[] {
  const symbols = elf.symbols.filter(
    (sym) => sym.shndx === section.index && sym.type !== C.STT_SECTION && sym.name !== '',
  );
  if (symbols.length === 0) return [];
  const data = elf.data(section);
  const stride = data.length / symbols.length;
  if (!Number.isInteger(stride)) {
    refuse(
      `unable to determine map definition size section ${section.name}, ${symbols.length} maps in ${data.length} bytes`,
    );
  }
  if (stride < MAP_DEF_SIZE) refuse(`corrupted maps section in object: map definitions of ${stride} bytes`);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  return symbols
    .sort((a, b) => a.value - b.value)
    .map((sym) => {
      if (sym.value + stride > data.length) {
        refuse(`corrupted maps section in object: last map "${sym.name}" too small`, { map: sym.name });
      }
      if (data.subarray(sym.value + MAP_DEF_SIZE, sym.value + stride).some((byte) => byte !== 0)) {
        refuse(`maps section in object: "${sym.name}" has unrecognized, non-zero options`, {
          errno: EINVAL,
          map: sym.name,
        });
      }
      const word = (index: number): number => view.getUint32(sym.value + 4 * index, elf.littleEndian);
      const map: MapSpec = {
        ...emptyMapSpec({
          name: sym.name,
          kind: 'user',
          secName: section.name,
          secIdx: section.index,
          secOffset: sym.value,
        }),
        type: word(0),
        keySize: word(1),
        valueSize: word(2),
        maxEntries: word(3),
        mapFlags: word(4),
      };
      annotate(btf, map);
      return map;
    });
}
