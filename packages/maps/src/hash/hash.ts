// SPDX-License-Identifier: MIT

/**
 * Hashes a key of whole words. Linux uses jhash; which function it is cannot be observed, since its seed is random.
 * Every input bit reaches every result bit, so that low bits can number buckets. The result is signed: engines keep
 * such integers unboxed.
 */
export function hashWords(i32: Int32Array, firstWord: number, words: number, seed: number): number {
  let h = seed;
  for (let i = firstWord; i < firstWord + words; i++) {
    h = Math.imul(h ^ i32[i], 0x9e3779b1);
    h ^= h >>> 15;
  }
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
