// SPDX-License-Identifier: MIT
// Whether two declarations of a map declare the same one.
import { BTF_KIND_STRUCT } from '@tsbpf/btf';
import { emptyMapSpec, fillMapDef } from '../maps/btf-map-def.ts';
import type { Print } from '../log.ts';
import type { Refuse } from '../open/refuse.ts';
import type { MapSpec } from '../open/spec.ts';
import { typeMismatch, type Side } from './type-match.ts';

function readDef(name: string, { btf, id }: Side, print: Print, refuse: Refuse): MapSpec {
  const variable = btf.skipModifiers(id);
  const def = btf.skipModifiers(btf.sizeOrType(variable));
  if (btf.kind(def) !== BTF_KIND_STRUCT) refuse(`global '${name}': its type is no map definition`);
  const map = emptyMapSpec({ name, kind: 'user', secName: '.maps', secIdx: 0, secOffset: 0 });
  fillMapDef({ btf, print, refuse }, map, def);
  return map;
}

/** What two definitions of a map differ in. */
function difference(a: MapSpec, b: MapSpec, sides: readonly [Side, Side]): string | undefined {
  const [{ btf: btfA }, { btf: btfB }] = sides;
  const typesDiffer = (idA: number, idB: number): boolean =>
    (idA === 0) !== (idB === 0) ||
    (idA !== 0 && typeMismatch({ btf: btfA, id: idA }, { btf: btfB, id: idB }) !== undefined);
  if (a.type !== b.type) return 'type';
  if (a.keySize !== b.keySize) return 'key_size';
  if (typesDiffer(a.btfKeyTypeId, b.btfKeyTypeId)) return 'key type';
  if (a.valueSize !== b.valueSize) return 'value_size';
  if (typesDiffer(a.btfValueTypeId, b.btfValueTypeId)) return 'value type';
  if (a.maxEntries !== b.maxEntries) return 'max_entries';
  if (a.mapFlags !== b.mapFlags) return 'map_flags';
  if (a.numaNode !== b.numaNode) return 'numa_node';
  if (a.pinning !== b.pinning) return 'pinning';
  if (a.mapExtra !== b.mapExtra) return 'map_extra';
  if ((a.inner === undefined) !== (b.inner === undefined)) return 'inner map';
  return a.inner && b.inner && difference(a.inner, b.inner, sides);
}

/** Refuses two declarations of one map that differ. */
export function checkMapDefs(name: string, sides: readonly [Side, Side], print: Print, refuse: Refuse): void {
  const [a, b] = sides.map((side) => readDef(name, side, print, refuse));
  const why = difference(a, b, sides);
  if (why !== undefined) refuse(`global '${name}': map ${why} mismatch`, { map: name });
}
