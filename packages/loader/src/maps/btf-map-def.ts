// SPDX-License-Identifier: MIT
// A map's declaration, as the type of a variable says it: `__uint`, `__type`, `__ulong` and `__array` members.
// @see libbpf, BTF-defined maps
import {
  BTF_KIND_ARRAY,
  BTF_KIND_ENUM,
  BTF_KIND_ENUM64,
  BTF_KIND_FUNC_PROTO,
  BTF_KIND_PTR,
  BTF_KIND_STRUCT,
  type Btf,
  type BtfMember,
} from '@tsbpf/btf';
import {
  BPF_MAP_TYPE_ARRAY_OF_MAPS,
  BPF_MAP_TYPE_HASH_OF_MAPS,
  BPF_MAP_TYPE_PROG_ARRAY,
  EINVAL,
  EOPNOTSUPP,
} from '@tsbpf/uapi';
import type { Print } from '../log.ts';
import type { Refuse } from '../open/refuse.ts';
import type { MapSpec } from '../open/spec.ts';

/** Where a declaration is read, and how its refusal is said. */
export interface MapDefContext {
  readonly btf: Btf;
  readonly print: Print;
  readonly refuse: Refuse;
}

/** A map without attributes, for a declaration to fill. */
export function emptyMapSpec(place: Pick<MapSpec, 'name' | 'kind' | 'secName' | 'secIdx' | 'secOffset'>): MapSpec {
  return {
    ...place,
    type: 0,
    keySize: 0,
    valueSize: 0,
    maxEntries: 0,
    mapFlags: 0,
    numaNode: 0,
    mapExtra: 0n,
    pinning: 0,
    btfKeyTypeId: 0,
    btfValueTypeId: 0,
    autocreate: true,
  };
}

/** The N of `__uint(name, N)`: a pointer to an array of N. */
function uintOf(ctx: MapDefContext, mapName: string, member: BtfMember): number {
  const { btf, refuse } = ctx;
  const ptr = btf.skipModifiers(member.typeId);
  if (btf.kind(ptr) !== BTF_KIND_PTR) {
    refuse(`map '${mapName}': attr '${member.name}': expected PTR, got ${btf.kind(ptr)}.`, { map: mapName });
  }
  const array = btf.sizeOrType(ptr);
  if (btf.kind(array) !== BTF_KIND_ARRAY) {
    refuse(`map '${mapName}': attr '${member.name}': expected ARRAY, got ${btf.kind(array)}.`, { map: mapName });
  }
  const { nelems } = btf.typeOf(array, BTF_KIND_ARRAY);
  return nelems;
}

/** The value of `__ulong(name, V)`, an enum of one enumerator, or of `__uint`. */
function ulongOf(ctx: MapDefContext, mapName: string, member: BtfMember): bigint {
  const { btf, refuse } = ctx;
  const ptr = btf.skipModifiers(member.typeId);
  if (btf.kind(ptr) === BTF_KIND_PTR) return BigInt(uintOf(ctx, mapName, member));
  const type = btf.type(ptr);
  if ((type.kind !== BTF_KIND_ENUM && type.kind !== BTF_KIND_ENUM64) || type.values.length !== 1) {
    return refuse(`map '${mapName}': attr '${member.name}': expected ENUM or ENUM64, got ${type.kind}.`, {
      map: mapName,
    });
  }
  return BigInt.asUintN(64, BigInt(type.values[0].value));
}

/** The T of `__type(name, T)`: a pointer to it. */
function pointee(ctx: MapDefContext, mapName: string, member: BtfMember): number {
  const { btf, refuse } = ctx;
  if (btf.kind(member.typeId) !== BTF_KIND_PTR) {
    refuse(`map '${mapName}': ${member.name} spec is not PTR: ${btf.kind(member.typeId)}.`, { map: mapName });
  }
  return btf.sizeOrType(member.typeId);
}

/** Takes a size that a type and a number may both give, if they agree. */
function agreed(ctx: MapDefContext, map: MapSpec, what: 'key' | 'value', old: number, size: number): number {
  if (old !== 0 && old !== size) {
    ctx.refuse(`map '${map.name}': conflicting ${what} size ${old} != ${size}.`, { map: map.name });
  }
  return size;
}

function sizeOfType(ctx: MapDefContext, map: MapSpec, what: 'key' | 'value', typeId: number): number {
  try {
    return ctx.btf.resolveSize(typeId);
  } catch (cause) {
    return ctx.refuse(`map '${map.name}': can't determine ${what} size for type [${typeId}]: ${-EINVAL}.`, {
      map: map.name,
      cause,
    });
  }
}

const isMapOfMaps = (type: number): boolean =>
  type === BPF_MAP_TYPE_ARRAY_OF_MAPS || type === BPF_MAP_TYPE_HASH_OF_MAPS;

function parseValues(ctx: MapDefContext, map: MapSpec, member: BtfMember, isLast: boolean, isInner: boolean): void {
  const { btf, refuse } = ctx;
  const { name } = map;
  const bad = (text: string, errno = EINVAL): never => refuse(text, { errno, map: name });
  const isProgArray = map.type === BPF_MAP_TYPE_PROG_ARRAY;
  const desc = isProgArray ? 'prog-array value' : 'map-in-map inner';
  if (isInner) bad(`map '${name}': multi-level inner maps not supported.`, EOPNOTSUPP);
  if (!isLast) bad(`map '${name}': '${member.name}' member should be last.`);
  if (!isMapOfMaps(map.type) && !isProgArray) {
    bad(`map '${name}': should be map-in-map or prog-array.`, EOPNOTSUPP);
  }
  if (map.valueSize !== 0 && map.valueSize !== 4) bad(`map '${name}': conflicting value size ${map.valueSize} != 4.`);
  map.valueSize = 4;
  if (btf.kind(member.typeId) !== BTF_KIND_ARRAY || btf.extraWord(member.typeId, 2) !== 0) {
    bad(`map '${name}': ${desc} spec is not a zero-sized array.`);
  }
  const elem = btf.skipModifiers(btf.extraWord(member.typeId, 0));
  if (btf.kind(elem) !== BTF_KIND_PTR) bad(`map '${name}': ${desc} def is of unexpected kind ${btf.kind(elem)}.`);
  const target = btf.skipModifiers(btf.sizeOrType(elem));
  if (isProgArray) {
    if (btf.kind(target) !== BTF_KIND_FUNC_PROTO) {
      bad(`map '${name}': prog-array value def is of unexpected kind ${btf.kind(target)}.`);
    }
    return;
  }
  if (btf.kind(target) !== BTF_KIND_STRUCT) {
    bad(`map '${name}': map-in-map inner def is of unexpected kind ${btf.kind(target)}.`);
  }
  ctx.print('debug', `map '${name}': found inner map definition.`);
  map.inner = emptyMapSpec({
    name: `${name}.inner`,
    kind: 'user',
    secName: map.secName,
    secIdx: -1,
    secOffset: -1,
  });
  fillMapDef(ctx, map.inner, target, { isInner: true });
}

/** Fills a map from the members of the struct that declares it. */
export function fillMapDef(
  ctx: MapDefContext,
  map: MapSpec,
  structId: number,
  { isInner = false }: { isInner?: boolean } = {},
): void {
  const { btf, refuse, print } = ctx;
  const { name } = map;
  const members = btf.members(structId);
  const found = (text: string): void => print('debug', `map '${name}': found ${text}.`);
  for (const [i, member] of members.entries()) {
    switch (member.name) {
      case '':
        refuse(`map '${name}': invalid field #${i}.`, { map: name });
        break;
      case 'type':
        map.type = uintOf(ctx, name, member);
        found(`type = ${map.type}`);
        break;
      case 'max_entries':
        map.maxEntries = uintOf(ctx, name, member);
        found(`max_entries = ${map.maxEntries}`);
        break;
      case 'map_flags':
        map.mapFlags = uintOf(ctx, name, member);
        found(`map_flags = 0x${map.mapFlags.toString(16)}`);
        break;
      case 'numa_node':
        map.numaNode = uintOf(ctx, name, member);
        found(`numa_node = ${map.numaNode}`);
        break;
      case 'map_extra':
        map.mapExtra = ulongOf(ctx, name, member);
        found(`map_extra = 0x${map.mapExtra.toString(16)}`);
        break;
      case 'key_size':
        map.keySize = agreed(ctx, map, 'key', map.keySize, uintOf(ctx, name, member));
        found(`key_size = ${map.keySize}`);
        break;
      case 'value_size':
        map.valueSize = agreed(ctx, map, 'value', map.valueSize, uintOf(ctx, name, member));
        found(`value_size = ${map.valueSize}`);
        break;
      case 'key': {
        const typeId = pointee(ctx, name, member);
        map.keySize = agreed(ctx, map, 'key', map.keySize, sizeOfType(ctx, map, 'key', typeId));
        map.btfKeyTypeId = typeId;
        found(`key [${typeId}], sz = ${map.keySize}`);
        break;
      }
      case 'value': {
        const typeId = pointee(ctx, name, member);
        map.valueSize = agreed(ctx, map, 'value', map.valueSize, sizeOfType(ctx, map, 'value', typeId));
        map.btfValueTypeId = typeId;
        found(`value [${typeId}], sz = ${map.valueSize}`);
        break;
      }
      case 'values':
        parseValues(ctx, map, member, i === members.length - 1, isInner);
        break;
      case 'pinning':
        if (isInner) refuse(`map '${name}': inner def can't be pinned.`, { map: name });
        map.pinning = uintOf(ctx, name, member);
        found(`pinning = ${map.pinning}`);
        if (map.pinning > 1) refuse(`map '${name}': invalid pinning value ${map.pinning}.`, { map: name });
        break;
      default:
        refuse(`map '${name}': unknown field '${member.name}'.`, { errno: EOPNOTSUPP, map: name });
    }
  }
  if (map.type === 0) refuse(`map '${name}': map type isn't specified.`, { map: name });
}
