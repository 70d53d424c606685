// SPDX-License-Identifier: MIT

/** The middle one of values in order. */
export function median(values: readonly number[]): number {
  return sorted(values)[values.length >> 1] ?? 0;
}

/** In order, as numbers. */
export function sorted(values: readonly number[]): number[] {
  return [...values].sort((a, b) => a - b);
}

export function geomean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(Math.max(value, 1e-3)), 0) / Math.max(1, values.length));
}

/** A quarter of the values is below the first, a quarter above the second. */
export function quartiles(values: readonly number[]): readonly [low: number, high: number] {
  const ordered = sorted(values);
  return [ordered[ordered.length >> 2] ?? 0, ordered[Math.ceil((ordered.length * 3) / 4) - 1] ?? 0];
}
