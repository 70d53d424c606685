// SPDX-License-Identifier: MIT

/** A seeded generator of 32-bit numbers. */
export interface Random {
  u32(): number;
  /** 0 to n-1. */
  below(n: number): number;
  pick<T>(items: readonly T[]): T;
}

/** Starts a generator; equal seeds give equal numbers. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const u32 = (): number => {
    state = (state + 0x9e3779b9) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 16), 0x21f0aaad);
    t = Math.imul(t ^ (t >>> 15), 0x735a2d97);
    return (t ^ (t >>> 15)) >>> 0;
  };
  const below = (n: number): number => u32() % n;
  return { u32, below, pick: (items) => items[below(items.length)] };
}
