// SPDX-License-Identifier: MIT
import { BTF_KIND_DATASEC, BTF_KIND_VAR, BTF_VAR_STATIC, type Btf } from '@tsbpf/btf';
import { BPF_F_MMAPABLE, BPF_F_RDONLY_PROG, BPF_MAP_TYPE_ARRAY } from '@tsbpf/uapi';
import type { Print } from '../log.ts';
import type { MapKind, MapSpec } from '../open/spec.ts';
import { emptyMapSpec } from './btf-map-def.ts';
import { datasecOf } from './btf-maps.ts';

const NAME_MAX = 15;

/**
 * The name of the map that holds a section: as much of the object's name as fits before the section's, for which at
 * least 7 of 15 characters are kept. Sections such as `.data.cust` go without the object's name.
 */
export function internalMapName(objName: string, secName: string): string {
  const custom = secName.indexOf('.', 1) >= 0;
  const prefix = custom ? '' : objName.slice(0, Math.max(0, NAME_MAX - Math.max(7, secName.length)));
  return (prefix + secName).slice(0, NAME_MAX).replace(/[^A-Za-z0-9_.]/g, '_');
}

/** Whether user space has reason to map the section: a variable that is not static. */
function hasGlobalVar(btf: Btf, datasec: number): boolean {
  return btf
    .typeOf(datasec, BTF_KIND_DATASEC)
    .vars.some(({ typeId }) => btf.typeOf(typeId, BTF_KIND_VAR).linkage !== BTF_VAR_STATIC);
}

/** The map of one element that holds a section's variables. */
export function internalMap(init: {
  objName: string;
  kind: Exclude<MapKind, 'user' | 'struct_ops'>;
  secName: string;
  secIdx: number;
  /** What it starts with, or how many zeros: those are there once somebody looks at them. */
  data: Uint8Array | number;
  btf: Btf | undefined;
  print: Print;
}): MapSpec {
  const { objName, kind, secName, secIdx, data, btf, print } = init;
  const name = internalMapName(objName, secName);
  const datasec = datasecOf(btf, secName);
  let mapFlags = kind === 'rodata' || kind === 'kconfig' ? BPF_F_RDONLY_PROG : 0;
  if (btf !== undefined && datasec !== undefined && hasGlobalVar(btf, datasec)) mapFlags |= BPF_F_MMAPABLE;
  print('debug', `map '${name}' (global data): at sec_idx ${secIdx}, offset 0, flags ${mapFlags.toString(16)}.`);
  let bytes = typeof data === 'number' ? undefined : data;
  const valueSize = typeof data === 'number' ? data : data.length;
  return {
    ...emptyMapSpec({ name, kind, secName, secIdx, secOffset: 0 }),
    type: BPF_MAP_TYPE_ARRAY,
    keySize: 4,
    valueSize,
    maxEntries: 1,
    mapFlags,
    btfValueTypeId: datasec ?? 0,
    get data() {
      return (bytes ??= new Uint8Array(valueSize));
    },
    set data(value) {
      bytes = value;
    },
  };
}
