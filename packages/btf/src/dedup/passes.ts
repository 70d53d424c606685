// SPDX-License-Identifier: MIT
// The passes of a dedup, in their order. Each settles what stands for the types of some kinds.
import { ELOOP, BtfError } from '@tsbpf/uapi';
import * as K from '../kinds.ts';
import { acceptHypothesis, compareGraphs } from './equiv.ts';
import { enumsCompatible, isComposite, isEnumFwd, sameShape, UNMAPPED, type DedupState } from './state.ts';

/** References to references, at most. */
const MAX_DEPTH = 2000;

function hashOf(d: DedupState, id: number): number {
  switch (d.t.kind(id)) {
    case K.BTF_KIND_ENUM:
    case K.BTF_KIND_ENUM64:
      // Without kind and enumerators, so that a declaration meets its definition.
      return d.t.name(id);
    case K.BTF_KIND_STRUCT:
    case K.BTF_KIND_UNION:
      return d.t.hash(id, 'no-refs');
    default:
      return d.t.hash(id, 'all');
  }
}

/** The base's types are canonical from the start. */
export function seedBase(d: DedupState): void {
  for (let id = 1; id < d.startId; id++) {
    const kind = d.t.kind(id);
    if (kind !== K.BTF_KIND_VAR && kind !== K.BTF_KIND_DATASEC) d.table.add(hashOf(d, id), id);
  }
}

function settle(d: DedupState, id: number, hash: number, canonical: number): void {
  d.map[id] = canonical;
  if (canonical === id) d.table.add(hash, id);
}

/** Integers, floats, declarations and enums: equal words. */
export function dedupPrimitives(d: DedupState): void {
  const { t } = d;
  for (let id = d.startId; id < t.typeCount; id++) {
    const kind = t.kind(id);
    const isEnum = kind === K.BTF_KIND_ENUM || kind === K.BTF_KIND_ENUM64;
    if (!isEnum && kind !== K.BTF_KIND_INT && kind !== K.BTF_KIND_FLOAT && kind !== K.BTF_KIND_FWD) continue;
    const hash = hashOf(d, id);
    let canonical = id;
    for (const cand of d.table.candidates(hash)) {
      if (t.equal(id, cand)) {
        canonical = cand;
        break;
      }
      if (!isEnum || !enumsCompatible(t, id, cand)) continue;
      if (isEnumFwd(t, id)) {
        canonical = cand;
        break;
      }
      // The definition of what was only declared so far takes its place.
      d.map[cand] = id;
    }
    settle(d, id, hash, canonical);
  }
}

/** Structs and unions: equivalent graphs. */
export function dedupComposites(d: DedupState): void {
  const { t } = d;
  for (let id = d.startId; id < t.typeCount; id++) {
    if (!isComposite(t.kind(id)) || d.isMapped(id)) continue;
    const hash = hashOf(d, id);
    let canonical = id;
    for (const cand of d.table.candidates(hash)) {
      if (!isComposite(t.kind(cand)) || !sameShape(t, id, cand)) continue;
      const hypothesis = compareGraphs(d, id, cand);
      if (!hypothesis) continue;
      acceptHypothesis(d, hypothesis);
      if (hypothesis.adjustsBase) continue;
      canonical = cand;
      break;
    }
    settle(d, id, hash, canonical);
  }
}

/** Declarations whose name only one struct or union has stand for it. */
export function resolveFwds(d: DedupState): void {
  const { t } = d;
  const byName = new Map<number, number>();
  const AMBIGUOUS = 0;
  const keyOf = (name: number, kind: number): number => name * 2 + (kind === K.BTF_KIND_UNION ? 1 : 0);
  for (let id = 1; id < t.typeCount; id++) {
    const kind = t.kind(id);
    if (!isComposite(kind) || t.name(id) === 0 || d.map[id] !== id) continue;
    const key = keyOf(t.name(id), kind);
    byName.set(key, byName.has(key) ? AMBIGUOUS : id);
  }
  for (let id = d.startId; id < t.typeCount; id++) {
    if (t.kind(id) !== K.BTF_KIND_FWD || d.map[id] !== id || t.name(id) === 0) continue;
    const kind = K.infoKflag(t.info(id)) ? K.BTF_KIND_UNION : K.BTF_KIND_STRUCT;
    const found = byName.get(keyOf(t.name(id), kind));
    if (found !== undefined && found !== AMBIGUOUS) d.map[id] = found;
  }
}

/** Pointers, arrays, functions and the rest: equal words once what they refer to is settled. */
export function dedupReferences(d: DedupState): void {
  const inProgress = new Uint8Array(d.t.typeCount);
  for (let id = d.startId; id < d.t.typeCount; id++) settleReference(d, id, inProgress, 0);
}

function settleReference(d: DedupState, id: number, inProgress: Uint8Array, depth: number): number {
  const { t } = d;
  if (inProgress[id] || depth > MAX_DEPTH) {
    throw new BtfError(`[${id}] refers to itself`, { errno: ELOOP, typeId: id });
  }
  if (d.map[id] !== UNMAPPED) return d.resolve(id);
  inProgress[id] = 1;
  t.forEachRef(id, (position) => {
    t.words[position] = settleReference(d, t.words[position], inProgress, depth + 1);
  });
  const hash = hashOf(d, id);
  let canonical = id;
  for (const cand of d.table.candidates(hash)) {
    if (t.equal(id, cand)) {
      canonical = cand;
      break;
    }
  }
  settle(d, id, hash, canonical);
  inProgress[id] = 0;
  return canonical;
}
