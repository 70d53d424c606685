// SPDX-License-Identifier: MIT

/** What word `index` of a key is multiplied with: odd, and another one for each. */
export function wordFactor(index: number): number {
  return (0x9e3779b1 + Math.imul(index, 0x3c6ef372)) | 1;
}

/**
 * Hashes a key of whole words. Linux uses jhash; which function it is cannot be observed, since its seed is random.
 * Every input bit reaches every result bit, so that low bits can number buckets. Words are mixed apart and added, so
 * that processors work on several at once. The result is signed: engines keep such integers unboxed.
 */
export function hashWords(i32: Int32Array, firstWord: number, words: number, seed: number): number {
  let h = seed;
  for (let i = 0, factor = wordFactor(0); i < words; i++, factor = (factor + 0x3c6ef372) | 0) {
    const mixed = Math.imul(i32[firstWord + i], factor);
    h = (h + (mixed ^ (mixed >>> 15))) | 0;
  }
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  return h ^ (h >>> 15);
}
