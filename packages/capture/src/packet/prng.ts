// SPDX-License-Identifier: MIT

/** A source of unsigned 32-bit numbers. */
export type Prng = () => number;

/** A small generator (mulberry32): the same seed, the same numbers, on every machine. */
export function createPrng(seed: number): Prng {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  };
}

/** A whole number from 0 to `limit - 1`. */
export function below(prng: Prng, limit: number): number {
  return prng() % limit;
}

export function pick<T>(prng: Prng, choices: readonly T[]): T {
  return choices[below(prng, choices.length)];
}

export function randomBytes(prng: Prng, lenBytes: number): Uint8Array {
  const bytes = new Uint8Array(lenBytes);
  for (let i = 0; i < lenBytes; i++) bytes[i] = prng();
  return bytes;
}
