// SPDX-License-Identifier: MIT
import { EINVAL, BtfError } from '@tsbpf/uapi';
import * as K from '../kinds.ts';
import type { TypeWords } from './words.ts';

/** No canonical type is known yet. */
export const UNMAPPED = 0xffffffff;

/** Canonical types by hash; within a hash, the last added comes first. */
export class CanonicalTable {
  readonly #buckets = new Map<number, number[]>();

  add(hash: number, id: number): void {
    const bucket = this.#buckets.get(hash);
    if (bucket) bucket.push(id);
    else this.#buckets.set(hash, [id]);
  }

  *candidates(hash: number): Generator<number> {
    const bucket = this.#buckets.get(hash);
    if (bucket) for (let i = bucket.length - 1; i >= 0; i--) yield bucket[i];
  }
}

/** What a dedup knows: which type stands for which. */
export class DedupState {
  readonly t: TypeWords;
  /** First type that may be dropped: the base's stay as they are. */
  readonly startId: number;
  /** Canonical type of each; itself for a canonical one, UNMAPPED where it is not known. */
  readonly map: Uint32Array;
  readonly table = new CanonicalTable();

  constructor(t: TypeWords, startId: number) {
    this.t = t;
    this.startId = startId;
    this.map = new Uint32Array(t.typeCount).fill(UNMAPPED);
    this.map[0] = 0;
    for (let id = 1; id < t.typeCount; id++) {
      t.forEachRef(id, (position) => {
        const ref = t.words[position];
        if (ref >= t.typeCount) throw new BtfError(`[${id}] refers to [${ref}]`, { errno: EINVAL, typeId: id });
      });
      const kind = t.kind(id);
      // Variables and sections are never the same as others.
      if (id < startId || kind === K.BTF_KIND_VAR || kind === K.BTF_KIND_DATASEC) this.map[id] = id;
    }
  }

  isMapped(id: number): boolean {
    return this.map[id] !== UNMAPPED;
  }

  /** The end of the chain of types that stand for one another. */
  resolve(id: number): number {
    let at = id;
    while (this.map[at] !== UNMAPPED && this.map[at] !== at) at = this.map[at];
    return at;
  }

  /** The struct that a FWD has been found to stand for; the FWD itself where none is known. */
  resolveFwd(id: number): number {
    if (this.t.kind(id) !== K.BTF_KIND_FWD) return id;
    const at = this.resolve(id);
    return this.t.kind(at) === K.BTF_KIND_FWD ? id : at;
  }
}

export function isComposite(kind: number): boolean {
  return kind === K.BTF_KIND_STRUCT || kind === K.BTF_KIND_UNION;
}

/** Same name, size and members by name and offset: what two structs must share before their members are compared. */
export function sameShape(t: TypeWords, a: number, b: number): boolean {
  if (t.name(a) !== t.name(b) || t.info(a) !== t.info(b) || t.ref(a) !== t.ref(b)) return false;
  const vlen = t.vlen(a);
  for (let i = 0; i < vlen; i++) {
    if (t.extra(a, 3 * i) !== t.extra(b, 3 * i) || t.extra(a, 3 * i + 2) !== t.extra(b, 3 * i + 2)) return false;
  }
  return true;
}

export function sameParamNames(t: TypeWords, a: number, b: number): boolean {
  if (t.name(a) !== t.name(b) || t.info(a) !== t.info(b)) return false;
  const vlen = t.vlen(a);
  for (let i = 0; i < vlen; i++) if (t.extra(a, 2 * i) !== t.extra(b, 2 * i)) return false;
  return true;
}

export function isAnyEnum(kind: number): boolean {
  return kind === K.BTF_KIND_ENUM || kind === K.BTF_KIND_ENUM64;
}

/** An enum that is only declared. */
export function isEnumFwd(t: TypeWords, id: number): boolean {
  return isAnyEnum(t.kind(id)) && t.vlen(id) === 0;
}

/** Equal enums, or a declaration of one and the other of the same name. */
export function enumsCompatible(t: TypeWords, a: number, b: number): boolean {
  if (!isEnumFwd(t, a) && !isEnumFwd(t, b)) return t.equal(a, b);
  return t.name(a) === t.name(b) && isAnyEnum(t.kind(a)) && isAnyEnum(t.kind(b));
}
