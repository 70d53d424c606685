// SPDX-License-Identifier: MIT
// The verifier's words: what it said last, and what later versions print differently, in the words of 5.6.

const FIGURES = /^(processed |verification time|stack depth|mark_precise|cur state:|old state:)/;

/** The last message of a log, without the figures that follow it; empty where there is none. */
export const lastMessage = (log: string): string =>
  log
    .split('\n')
    .filter((line) => line !== '' && !FIGURES.test(line))
    .at(-1) ?? '';

/** A message of the running kernel as 5.6 words it. */
export function inWordsOf56(message: string): string {
  return message
    .replaceAll("'scalar'", "'inv'")
    .replaceAll('type=scalar', 'type=inv')
    .replace(/^invalid write to stack R\d+ off=(-?\d+) size=(\d+)$/, 'invalid stack off=$1 size=$2')
    .replace(
      /^misaligned (\S+) access off (\d+)\+/,
      (_, what: string, n: string) => `misaligned ${what} access off (0x${Number(n).toString(16)}; 0x0)+`,
    )
    .replace('outside of the allowed memory range', 'outside of the array range')
    .replace(/^(R\d+ type=\S+ expected=\w+), .*$/, '$1')
    .replace(/^program of this type cannot use helper (\S+)$/, 'unknown func $1');
}
