// SPDX-License-Identifier: MIT
// Which helpers take which maps, and what the rewrites must know of the map. @see kernel/bpf/verifier.c,
// check_map_func_compatibility, record_func_map, record_func_key
import type { FuncProto, MapFacts } from '@tsbpf/core';
import { BPF_F_RDONLY_PROG, BPF_MAP_TYPE_PROG_ARRAY, EACCES, EINVAL, InternalError } from '@tsbpf/uapi';
import { markRegPrecise } from '../prune/precision.ts';
import { refuse } from '../refuse.ts';
import { tnumIn, tnumRange } from '../scalar/index.ts';
import { type Analysis, regAt } from '../state/analysis.ts';
import { isConstScalar } from '../state/reg.ts';
import type { CallFacts } from './call-facts.ts';

/** The index argument of a tail call. */
const KEY_REG = 3;

function isMapOp({ special }: FuncProto): boolean {
  switch (special) {
    case 'tailCall':
    case 'mapLookup':
    case 'mapUpdate':
    case 'mapDelete':
    case 'mapPush':
    case 'mapPop':
    case 'mapPeek':
      return true;
    default:
      return false;
  }
}

function writes({ special }: FuncProto): boolean {
  return special === 'mapUpdate' || special === 'mapDelete' || special === 'mapPush' || special === 'mapPop';
}

/** The map of a call that may be specialised for it. @errno EACCES programs may only read it */
export function noteMap(a: Analysis, call: CallFacts): void {
  const { proto } = call.row;
  const { map } = call;
  if (!isMapOp(proto)) return;
  if (map === undefined) throw new InternalError(`${call.row.variant} works on a map, but takes none`);
  if ((map.flags & BPF_F_RDONLY_PROG) !== 0 && writes(proto)) refuse(a.v, EACCES, 'write into map forbidden\n');
  const facts = a.facts[a.insnIdx];
  if (facts.callMap === undefined) facts.callMap = map;
  else if (facts.callMap !== map) facts.callMap = 'poison';
  if (map.unprivArray === true) facts.maskIndex = true;
}

/** The index of a tail call, where it is known and in the array. @errno EINVAL no program array */
export function noteKey(a: Analysis, call: CallFacts): void {
  if (call.row.proto.special !== 'tailCall') return;
  const { map } = call;
  if (map?.type !== BPF_MAP_TYPE_PROG_ARRAY) {
    refuse(a.v, EINVAL, 'kernel subsystem misconfigured verifier\n');
  }
  const facts = a.facts[a.insnIdx];
  const reg = regAt(a, KEY_REG);
  if (!isConstScalar(reg) || !tnumIn(tnumRange(0n, BigInt(map.maxEntries - 1)), reg.bounds)) {
    facts.callKey = 'poison';
    return;
  }
  markRegPrecise(a, KEY_REG);
  const key = reg.bounds.value;
  if (facts.callKey === undefined) facts.callKey = key;
  else if (facts.callKey !== key) facts.callKey = 'poison';
}

function takes(map: MapFacts, proto: FuncProto): boolean {
  const only = map.def.onlyHelpers;
  if (only !== undefined && !only.includes(proto.name) && !only.includes(`bpf_${proto.name}`)) return false;
  return proto.mapTypes === undefined || proto.mapTypes.includes(map.type);
}

/** The helper and the map go together. @errno EINVAL */
export function checkMapForHelper(a: Analysis, call: CallFacts, name: string): void {
  const { map } = call;
  const { proto } = call.row;
  if (map === undefined) return;
  if (!takes(map, proto)) {
    refuse(a.v, EINVAL, `cannot pass map_type ${map.type} into func ${name}#${proto.id}\n`);
  }
  if (proto.special === 'tailCall' && a.v.subprogs.length > 1) {
    refuse(a.v, EINVAL, 'tail_calls are not allowed in programs with bpf-to-bpf calls\n');
  }
}
