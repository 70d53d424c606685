// SPDX-License-Identifier: MIT
import { BPF_ADD, BPF_JEQ, UsageError } from '@tsbpf/uapi';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { alu64Imm, mov64Imm } from '../build/alu.ts';
import { callPseudo, exit, gotol, ja, jmpImm } from '../build/jump.ts';
import { ldFunc } from '../build/memory.ts';
import { program } from '../build/program.ts';
import type { Insn } from '../insn.ts';
import { jumpTarget, subprogTarget } from '../insn.ts';
import type { Patch } from './patch.ts';
import { patchInsns, patchProgram } from './patch.ts';

const nop = (tag: number): Insn => alu64Imm(BPF_ADD, 1, tag);

describe('patchInsns', () => {
  it('grows: jumps across are lengthened, jumps to the place go to its start', () => {
    const before = program(
      jmpImm(BPF_JEQ, 1, 0, 'out'),
      'loop',
      nop(1),
      jmpImm(BPF_JEQ, 1, 1, 'loop'),
      ja('next'),
      'next',
      'out',
      exit(),
    );
    const after = program(
      jmpImm(BPF_JEQ, 1, 0, 'out'),
      'loop',
      nop(7),
      nop(8),
      nop(9),
      jmpImm(BPF_JEQ, 1, 1, 'loop'),
      ja('next'),
      'next',
      'out',
      exit(),
    );
    expect(patchInsns(before, 1, 1, [nop(7), nop(8), nop(9)])).toEqual(after);
  });

  it('removes: jumps to the place go to what follows', () => {
    const before = program(jmpImm(BPF_JEQ, 1, 0, 'dead'), 'top', nop(1), 'dead', ja(0), nop(2), ja('top'), exit());
    const after = program(jmpImm(BPF_JEQ, 1, 0, 'dead'), 'top', nop(1), 'dead', nop(2), ja('top'), exit());
    expect(patchInsns(before, 2, 1, [])).toEqual(after);
  });

  it('leaves the jumps of the replacement alone', () => {
    const after = patchInsns([nop(1), exit()], 0, 1, [jmpImm(BPF_JEQ, 1, 0, 1), nop(2), nop(3)]);
    expect(after).toEqual([jmpImm(BPF_JEQ, 1, 0, 1), nop(2), nop(3), exit()]);
  });

  it('corrects calls, function addresses and long jumps, which count in imm', () => {
    const before = [callPseudo(5), ...ldFunc(1, 3), gotol(1), nop(1), exit(), exit()];
    const after = patchInsns(before, 4, 1, [nop(7), nop(8), nop(9)]) as Insn[];
    expect(after.map((insn, idx) => subprogTarget(insn, idx) ?? jumpTarget(insn, idx))).toEqual([
      8,
      7,
      undefined,
      7,
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('does not touch fields of other instructions that look like distances', () => {
    const load: Insn = { code: 0x79, dst: 1, src: 2, off: 16, imm: 0 };
    const helper: Insn = { code: 0x85, dst: 0, src: 0, off: 0, imm: 12 };
    expect(patchInsns([load, helper, nop(1), exit()], 2, 1, [nop(2), nop(3)])).toEqual([
      load,
      helper,
      nop(2),
      nop(3),
      exit(),
    ]);
  });

  it('shares what it does not change', () => {
    const before = [mov64Imm(0, 1), nop(1), exit()];
    const after = patchInsns(before, 1, 1, [nop(2), nop(3)]) as Insn[];
    expect(after[0]).toBe(before[0]);
    expect(after[3]).toBe(before[2]);
  });

  it('says when a distance no longer fits 16 bits', () => {
    const before = [ja(0x7fff), ...new Array<Insn>(0x7fff).fill(nop(0)), exit()];
    expect(patchInsns(before, 5, 1, [nop(1)])).toHaveLength(before.length);
    expect(patchInsns(before, 5, 1, [nop(1), nop(2)])).toBeUndefined();
    expect(patchInsns(before, 0x8000, 1, [nop(1), exit()])).toHaveLength(before.length + 1);
    const back = [...new Array<Insn>(0x7fff).fill(nop(0)), ja(-0x8000), exit()];
    expect(patchInsns(back, 5, 1, [nop(1), nop(2)])).toBeUndefined();
    const long = [gotol(0x7fff), ...new Array<Insn>(0x7fff).fill(nop(0)), exit()];
    expect(patchInsns(long, 5, 1, [nop(1), nop(2)])?.[0]).toEqual(gotol(0x8000));
  });

  it('inserts before an instruction, whose jumpers skip what was inserted', () => {
    expect(patchInsns([ja(0), exit()], 1, 0, [nop(1)])).toEqual([ja(1), nop(1), exit()]);
    expect(patchInsns([ja(0), exit()], 2, 0, [nop(1)])).toEqual([ja(0), exit(), nop(1)]);
  });

  it('refuses stretches outside the program, and patches out of order', () => {
    expect(() => patchInsns([exit()], 1, 1, [])).toThrow(UsageError);
    expect(() => patchInsns([exit()], -1, 1, [])).toThrow(UsageError);
    const patches = [
      { at: 1, count: 1, replacement: [] },
      { at: 1, count: 1, replacement: [] },
    ];
    expect(() => patchProgram([exit(), exit()], patches)).toThrow(UsageError);
  });
});

/** A program of tagged instructions with random jumps inside it. */
const programs = fc.integer({ min: 1, max: 24 }).chain((length) =>
  fc.array(fc.option(fc.nat({ max: length - 1 })), { minLength: length, maxLength: length }).map((targets) =>
    targets.map((target, idx): Insn => {
      const tagged = { code: 0x15, dst: 1, src: 0, off: 0, imm: idx };
      return target === null ? { ...tagged, code: 0xb7 } : { ...tagged, off: target - (idx + 1) };
    }),
  ),
);

describe('patchProgram', () => {
  it('is many patches at once, and keeps every jump on its mark', () => {
    fc.assert(
      fc.property(
        programs,
        fc.array(fc.tuple(fc.nat({ max: 3 }), fc.integer({ min: 1, max: 2 }), fc.nat({ max: 3 })), { maxLength: 5 }),
        (insns, shapes) => {
          const patches: Patch[] = [];
          let at = 0;
          for (const [gap, count, length] of shapes) {
            at += gap;
            if (at + count > insns.length) break;
            patches.push({ at, count, replacement: new Array<Insn>(length).fill(nop(-1)) });
            at += count;
          }
          const patched = patchProgram(insns, patches);
          let oneByOne: Insn[] | undefined = insns;
          for (const patch of patches.toReversed()) {
            oneByOne = patchInsns(oneByOne as Insn[], patch.at, patch.count, patch.replacement);
          }
          expect(patched?.insns).toEqual(oneByOne);
          const { insns: after, newIdx } = patched as NonNullable<typeof patched>;
          const replaced = (idx: number): boolean => patches.some((p) => idx >= p.at && idx < p.at + p.count);
          for (const [idx, insn] of insns.entries()) {
            if (replaced(idx)) continue;
            const moved = after[newIdx[idx]];
            expect(moved.imm).toBe(insn.imm);
            const target = jumpTarget(insn, idx);
            if (target === undefined) continue;
            const landed = after[jumpTarget(moved, newIdx[idx]) as number];
            // A kept target is found by its tag; a replaced one by the start of its replacement, if any.
            if (!replaced(target)) expect(landed.imm).toBe(target);
            else expect(jumpTarget(moved, newIdx[idx])).toBe(newIdx[target]);
          }
        },
      ),
    );
  });
});
