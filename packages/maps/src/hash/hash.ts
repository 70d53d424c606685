// SPDX-License-Identifier: MIT

/** From the factor of one word to the next one's. */
const NEXT_FACTOR = 0x3c6ef372;

/** What word `index` of a key is multiplied with: odd, and another one for each. */
export function wordFactor(index: number): number {
  return (0x9e3779b1 + Math.imul(index, NEXT_FACTOR)) | 1;
}

/**
 * Hashes a key of whole words. Linux uses jhash; which function it is cannot be observed, since its seed is random.
 * Every input bit reaches every result bit, so that low bits can number buckets. Words are mixed apart and added, so
 * that processors work on several at once. The result is signed: engines keep such integers unboxed.
 */
export function hashWords(i32: Int32Array, firstWord: number, words: number, seed: number): number {
  let h = seed;
  let factor = wordFactor(0);
  let at = firstWord;
  const end = firstWord + words;
  // Four at a time: most keys have so many or less.
  for (; at + 4 <= end; at += 4, factor = (factor + 4 * NEXT_FACTOR) | 0) {
    const a = Math.imul(i32[at], factor);
    const b = Math.imul(i32[at + 1], (factor + NEXT_FACTOR) | 0);
    const c = Math.imul(i32[at + 2], (factor + 2 * NEXT_FACTOR) | 0);
    const d = Math.imul(i32[at + 3], (factor + 3 * NEXT_FACTOR) | 0);
    h = (h + (a ^ (a >>> 15)) + (b ^ (b >>> 15)) + (c ^ (c >>> 15)) + (d ^ (d >>> 15))) | 0;
  }
  for (; at < end; at++, factor = (factor + NEXT_FACTOR) | 0) {
    const mixed = Math.imul(i32[at], factor);
    h = (h + (mixed ^ (mixed >>> 15))) | 0;
  }
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  return h ^ (h >>> 15);
}
