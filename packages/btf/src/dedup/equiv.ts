// SPDX-License-Identifier: MIT
import { E2BIG, BtfError } from '@tsbpf/uapi';
import * as K from '../kinds.ts';
import { enumsCompatible, isComposite, isAnyEnum, sameParamNames, sameShape, type DedupState } from './state.ts';

/** How deep two types that are not the same id may be compared word by word. */
const MAX_IDENTICAL_DEPTH = 16;
/** Comparisons that one question of identity may take. */
const MAX_IDENTICAL_STEPS = 100_000;

/** A comparison of two type graphs: what each canonical type would stand for, were they equivalent. */
export interface Hypothesis {
  /** Canonical id to candidate id, in the order found. */
  readonly pairs: ReadonlyMap<number, number>;
  /** A declaration in the base would become the candidate's struct: then the graphs are not really equivalent. */
  readonly adjustsBase: boolean;
}

/**
 * Whether the graph of types that hangs on the candidate has the same form as the canonical one's. Pairs assumed on
 * the way cut cycles. Undefined where it has not.
 */
export function compareGraphs(d: DedupState, candId: number, canonId: number): Hypothesis | undefined {
  const pairs = new Map<number, number>();
  let adjustsBase = false;
  // Depth first, in the order of the members; the first difference decides.
  const pending: [cand: number, canon: number][] = [[candId, canonId]];
  for (let next = pending.pop(); next; next = pending.pop()) {
    const outcome = comparePair(d, next[0], next[1], pairs, pending);
    if (outcome === false) return undefined;
    if (outcome === 'adjusts-base') adjustsBase = true;
  }
  return { pairs, adjustsBase };
}

function comparePair(
  d: DedupState,
  candId: number,
  givenCanonId: number,
  pairs: Map<number, number>,
  pending: [number, number][],
): boolean | 'adjusts-base' {
  const { t } = d;
  if (d.resolve(candId) === d.resolve(givenCanonId)) return true;
  const canonId = d.resolveFwd(givenCanonId);
  const assumed = pairs.get(canonId);
  if (assumed !== undefined) {
    if (assumed === candId) return true;
    // Compilers write some types of one unit twice.
    return areIdentical(d, assumed, candId, { steps: 0 }, MAX_IDENTICAL_DEPTH);
  }
  pairs.set(canonId, candId);
  if (t.name(candId) !== t.name(canonId)) return false;
  const candKind = t.kind(candId);
  const canonKind = t.kind(canonId);
  if ((candKind === K.BTF_KIND_FWD) !== (canonKind === K.BTF_KIND_FWD)) {
    const [fwd, real] = candKind === K.BTF_KIND_FWD ? [candId, canonKind] : [canonId, candKind];
    const declared = K.infoKflag(t.info(fwd)) ? K.BTF_KIND_UNION : K.BTF_KIND_STRUCT;
    if (declared !== real) return false;
    return canonKind === K.BTF_KIND_FWD && canonId < d.startId ? 'adjusts-base' : true;
  }
  if (isAnyEnum(candKind) && isAnyEnum(canonKind)) return enumsCompatible(t, candId, canonId);
  if (candKind !== canonKind) return false;

  // The stack gives the last pushed first.
  const push = (refs: [number, number][]): true => {
    for (let i = refs.length - 1; i >= 0; i--) pending.push(refs[i]);
    return true;
  };
  switch (candKind) {
    case K.BTF_KIND_UNKN:
      return true;
    case K.BTF_KIND_INT:
    case K.BTF_KIND_FWD:
    case K.BTF_KIND_FLOAT:
      return t.equal(candId, canonId);
    case K.BTF_KIND_CONST:
    case K.BTF_KIND_VOLATILE:
    case K.BTF_KIND_RESTRICT:
    case K.BTF_KIND_PTR:
    case K.BTF_KIND_TYPEDEF:
    case K.BTF_KIND_FUNC:
    case K.BTF_KIND_TYPE_TAG:
      return t.info(candId) === t.info(canonId) && push([[t.ref(candId), t.ref(canonId)]]);
    case K.BTF_KIND_ARRAY:
      if (t.info(candId) !== t.info(canonId) || t.extra(candId, 2) !== t.extra(canonId, 2)) return false;
      return push([
        [t.extra(candId, 1), t.extra(canonId, 1)],
        [t.extra(candId, 0), t.extra(canonId, 0)],
      ]);
    case K.BTF_KIND_STRUCT:
    case K.BTF_KIND_UNION: {
      if (!sameShape(t, candId, canonId)) return false;
      const refs: [number, number][] = [];
      for (let i = 0; i < t.vlen(candId); i++) refs.push([t.extra(candId, 3 * i + 1), t.extra(canonId, 3 * i + 1)]);
      return push(refs);
    }
    case K.BTF_KIND_FUNC_PROTO: {
      if (!sameParamNames(t, candId, canonId)) return false;
      const refs: [number, number][] = [[t.ref(candId), t.ref(canonId)]];
      for (let i = 0; i < t.vlen(candId); i++) refs.push([t.extra(candId, 2 * i + 1), t.extra(canonId, 2 * i + 1)]);
      return push(refs);
    }
    default:
      return false;
  }
}

/** Whether two types of one unit say the same down to the same ids, or to types of which that holds in turn. */
function areIdentical(d: DedupState, a: number, b: number, budget: { steps: number }, depth: number): boolean {
  if (a === b) return true;
  if (depth <= 0) return false;
  if (++budget.steps > MAX_IDENTICAL_STEPS) {
    throw new BtfError(`[${a}] takes too long to compare`, { errno: E2BIG, typeId: a });
  }
  const { t } = d;
  const kind = t.kind(a);
  if (kind !== t.kind(b) || t.name(a) !== t.name(b)) return false;
  const same = (x: number, y: number): boolean => areIdentical(d, x, y, budget, depth - 1);
  switch (kind) {
    case K.BTF_KIND_INT:
    case K.BTF_KIND_ENUM:
    case K.BTF_KIND_ENUM64:
    case K.BTF_KIND_FLOAT:
    case K.BTF_KIND_FWD:
      return t.equal(a, b);
    case K.BTF_KIND_CONST:
    case K.BTF_KIND_VOLATILE:
    case K.BTF_KIND_RESTRICT:
    case K.BTF_KIND_PTR:
    case K.BTF_KIND_TYPEDEF:
    case K.BTF_KIND_FUNC:
    case K.BTF_KIND_TYPE_TAG:
      return t.info(a) === t.info(b) && same(t.ref(a), t.ref(b));
    case K.BTF_KIND_ARRAY:
      return (
        t.extra(a, 2) === t.extra(b, 2) && same(t.extra(a, 0), t.extra(b, 0)) && same(t.extra(a, 1), t.extra(b, 1))
      );
    case K.BTF_KIND_STRUCT:
    case K.BTF_KIND_UNION:
      if (!sameShape(t, a, b)) return false;
      for (let i = 0; i < t.vlen(a); i++) if (!same(t.extra(a, 3 * i + 1), t.extra(b, 3 * i + 1))) return false;
      return true;
    case K.BTF_KIND_FUNC_PROTO:
      if (!sameParamNames(t, a, b) || !same(t.ref(a), t.ref(b))) return false;
      for (let i = 0; i < t.vlen(a); i++) if (!same(t.extra(a, 2 * i + 1), t.extra(b, 2 * i + 1))) return false;
      return true;
    default:
      return false;
  }
}

/** Makes the pairs of a hypothesis permanent. */
export function acceptHypothesis(d: DedupState, hypothesis: Hypothesis): void {
  const { t, map } = d;
  for (const [canon, cand] of hypothesis.pairs) {
    const candId = d.resolve(cand);
    const canonId = d.resolve(canon);
    const candKind = t.kind(candId);
    const canonKind = t.kind(canonId);
    if (candKind !== K.BTF_KIND_FWD && canonKind === K.BTF_KIND_FWD) map[canonId] = candId;
    if (hypothesis.adjustsBase) continue;
    if (candKind === K.BTF_KIND_FWD && canonKind !== K.BTF_KIND_FWD) map[candId] = canonId;
    if (isComposite(candKind) && canonKind !== K.BTF_KIND_FWD && d.isMapped(canonId) && !d.isMapped(candId)) {
      map[candId] = canonId;
    }
  }
}
