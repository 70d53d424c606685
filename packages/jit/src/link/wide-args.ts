// SPDX-License-Identifier: MIT
import type { HelperCall, HelperFn } from '@tsbpf/core';

type Import = (call: HelperCall, ...words: number[]) => number;

/**
 * What a module imports for a helper: the helper itself, or, where it reads high words, a function that puts those where
 * the helper looks for them. `argCount` low words come first, then the high words of `wide`.
 */
export function importOf(fn: HelperFn, argCount: number, wide: readonly number[], argHi: Int32Array): Import {
  if (wide.length === 0) return fn;
  const [first = 0] = wide;
  if (wide.length === 1 && argCount === 4) {
    return (call, a1, a2, a3, a4, hi) => {
      argHi[first] = hi;
      return fn(call, a1, a2, a3, a4, 0);
    };
  }
  if (wide.length === 1 && argCount === 3) {
    return (call, a1, a2, a3, hi) => {
      argHi[first] = hi;
      return fn(call, a1, a2, a3, 0, 0);
    };
  }
  return (call, ...words) => {
    wide.forEach((arg, i) => (argHi[arg] = words[argCount + i]));
    const low = (arg: number): number => (arg <= argCount ? words[arg - 1] : 0);
    return fn(call, low(1), low(2), low(3), low(4), low(5));
  };
}
