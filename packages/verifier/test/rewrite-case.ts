// SPDX-License-Identifier: MIT
// Rows of rewrite tests: instructions in, instructions out.
import type { Insn } from '@tsbpf/insn';
import { expect } from 'vitest';
import type { Verification } from '../src/verification.ts';
import { type FakeOptions, fakeVerification, outcome } from './verification.ts';

export interface Case extends FakeOptions {
  name: string;
  out: readonly Insn[];
  /** origIdx of each instruction that comes out. */
  from?: number[];
}

/** Runs a pass on a row. */
export function check(pass: (v: Verification) => void) {
  return ({ name: _, out, from, ...options }: Case): void => {
    const v = fakeVerification(options);
    expect(outcome(v, pass)).toEqual({ errno: 0, log: '' });
    expect(v.insns).toEqual(out);
    expect(v.insnFacts).toHaveLength(out.length);
    if (from !== undefined) expect(v.insnFacts.map((f) => f.origIdx)).toEqual(from);
  };
}

/** Facts of instructions that the analysis never reached. */
export const dead = (...idx: number[]) => Object.fromEntries(idx.map((i) => [i, { seen: false }]));
