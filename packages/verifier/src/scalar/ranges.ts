// SPDX-License-Identifier: MIT
// Sums and differences of ranges, for scalars and for the offsets of pointers: what overflows is unbounded.
import type { Bounds } from './bounds.ts';
import { unboundSigned, unboundUnsigned } from './draft.ts';
import type { Draft } from './draft.ts';
import { addHi, addOverflows, subHi, subOverflows, ult } from './words.ts';

/** Both ranges of `d` become those of d + b. */
export function addRanges(d: Draft, b: Bounds): void {
  const sminLo = (d.sminLo + b.sminLo) | 0;
  const sminHi = addHi(d.sminLo, d.sminHi, b.sminHi, sminLo);
  const smaxLo = (d.smaxLo + b.smaxLo) | 0;
  const smaxHi = addHi(d.smaxLo, d.smaxHi, b.smaxHi, smaxLo);
  if (addOverflows(d.sminHi, b.sminHi, sminHi) || addOverflows(d.smaxHi, b.smaxHi, smaxHi)) unboundSigned(d);
  else putSigned(d, sminLo, sminHi, smaxLo, smaxHi);

  const uminLo = (d.uminLo + b.uminLo) | 0;
  const uminHi = addHi(d.uminLo, d.uminHi, b.uminHi, uminLo);
  const umaxLo = (d.umaxLo + b.umaxLo) | 0;
  const umaxHi = addHi(d.umaxLo, d.umaxHi, b.umaxHi, umaxLo);
  if (ult(uminLo, uminHi, b.uminLo, b.uminHi) || ult(umaxLo, umaxHi, b.umaxLo, b.umaxHi)) unboundUnsigned(d);
  else putUnsigned(d, uminLo, uminHi, umaxLo, umaxHi);
}

/** Both ranges of `d` become those of d - b. */
export function subRanges(d: Draft, b: Bounds): void {
  const sminLo = (d.sminLo - b.smaxLo) | 0;
  const sminHi = subHi(d.sminLo, d.sminHi, b.smaxLo, b.smaxHi);
  const smaxLo = (d.smaxLo - b.sminLo) | 0;
  const smaxHi = subHi(d.smaxLo, d.smaxHi, b.sminLo, b.sminHi);
  if (subOverflows(d.sminHi, b.smaxHi, sminHi) || subOverflows(d.smaxHi, b.sminHi, smaxHi)) unboundSigned(d);
  else putSigned(d, sminLo, sminHi, smaxLo, smaxHi);

  if (ult(d.uminLo, d.uminHi, b.umaxLo, b.umaxHi)) {
    unboundUnsigned(d);
    return;
  }
  const uminLo = (d.uminLo - b.umaxLo) | 0;
  const uminHi = subHi(d.uminLo, d.uminHi, b.umaxLo, b.umaxHi);
  const umaxLo = (d.umaxLo - b.uminLo) | 0;
  const umaxHi = subHi(d.umaxLo, d.umaxHi, b.uminLo, b.uminHi);
  putUnsigned(d, uminLo, uminHi, umaxLo, umaxHi);
}

function putSigned(d: Draft, minLo: number, minHi: number, maxLo: number, maxHi: number): void {
  d.sminLo = minLo;
  d.sminHi = minHi;
  d.smaxLo = maxLo;
  d.smaxHi = maxHi;
}

function putUnsigned(d: Draft, minLo: number, minHi: number, maxLo: number, maxHi: number): void {
  d.uminLo = minLo;
  d.uminHi = minHi;
  d.umaxLo = maxLo;
  d.umaxHi = maxHi;
}
