// SPDX-License-Identifier: MIT
// Whatever is replaced or removed, what refers to a place still means the same instruction.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { exit, type Insn, ja, jmpImm, jumpTarget, mov64Imm } from '@tsbpf/insn';
import { BPF_JEQ } from '@tsbpf/uapi';
import { fakeVerification } from '../../test/verification.ts';
import type { Verification } from '../verification.ts';
import { removeInsns } from './remove.ts';
import { replaceInsns } from './rewrite.ts';

interface Plan {
  /** For each instruction: where it jumps to (as a fraction of the program), or null for a plain one. */
  readonly jumps: (number | null)[];
  /** How many instructions each plain one becomes. */
  readonly lengths: number[];
  readonly removed: boolean[];
}

const plan: fc.Arbitrary<Plan> = fc.integer({ min: 2, max: 40 }).chain((length) =>
  fc.record({
    jumps: fc.array(fc.option(fc.double({ min: 0, max: 0.999, noNaN: true })), {
      minLength: length,
      maxLength: length,
    }),
    lengths: fc.array(fc.integer({ min: 1, max: 5 }), { minLength: length, maxLength: length }),
    removed: fc.array(fc.boolean(), { minLength: length, maxLength: length }),
  }),
);

function build({ jumps }: Plan): { v: Verification; targets: (number | undefined)[] } {
  const length = jumps.length + 1;
  const targets = jumps.map((to) => (to === null ? undefined : Math.floor(to * length)));
  const insns: Insn[] = targets.map((to, i) =>
    to === undefined ? mov64Imm(0, i) : i % 2 === 0 ? ja(to - i - 1) : jmpImm(BPF_JEQ, 0, 0, to - i - 1),
  );
  const v = fakeVerification({ insns: [...insns, exit()] });
  v.lineInfo = v.insns.map((_, insnIdx) => ({ insnIdx, fileNameOff: 0, lineOff: insnIdx, lineCol: 0 }));
  return { v, targets: [...targets, undefined] };
}

/** Index of the first instruction that came from an original one. */
const firstOf = (v: Verification, origIdx: number) => v.insnFacts.findIndex((f) => f.origIdx === origIdx);

describe('rewriting', () => {
  it('keeps jumps and lines on their instructions when some grow', () => {
    fc.assert(
      fc.property(plan, (p) => {
        const { v, targets } = build(p);
        const replacements = p.lengths.flatMap((length, at) =>
          targets[at] === undefined && length > 1
            ? [{ at, insns: Array.from({ length }, (_, i) => mov64Imm(1, i)) }]
            : [],
        );
        const grown = replacements.reduce((sum, r) => sum + r.insns.length - 1, 0);
        replaceInsns(v, replacements);
        expect(v.insns).toHaveLength(targets.length + grown);
        v.insns.forEach((insn, i) => {
          const target = jumpTarget(insn, i);
          if (target === undefined) return;
          expect(target).toBe(firstOf(v, targets[v.insnFacts[i].origIdx]!));
        });
        for (const line of v.lineInfo) expect(line.insnIdx).toBe(firstOf(v, line.lineOff));
      }),
    );
  });

  it('keeps jumps and lines on what is left when some go', () => {
    fc.assert(
      fc.property(plan, (p) => {
        const { v, targets } = build(p);
        // Only what nothing jumps to goes, as with code that is never reached; the first and the last stay.
        const wanted = new Set(targets);
        const goes = (i: number): boolean => i > 0 && p.removed[i] === true && !wanted.has(i) && i < targets.length - 1;
        const kept = targets.flatMap((_, i) => (goes(i) ? [] : [i]));
        removeInsns(v, goes);
        expect(v.insnFacts.map((f) => f.origIdx)).toEqual(kept);
        v.insns.forEach((insn, i) => {
          const target = jumpTarget(insn, i);
          if (target !== undefined) expect(target).toBe(firstOf(v, targets[kept[i]]!));
        });
        expect(v.lineInfo.map((line) => [line.insnIdx, line.lineOff])).toEqual(kept.map((orig, i) => [i, orig]));
      }),
    );
  });
});
