// SPDX-License-Identifier: MIT

/** Numbers from 0 to below `below`; the same sequence for a seed on every machine. */
export type RandomSource = (below: number) => number;

export function randomSource(seed: number): RandomSource {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}
