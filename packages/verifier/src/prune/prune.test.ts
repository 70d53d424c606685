// SPDX-License-Identifier: MIT
import { BPF_F_TEST_STATE_FREQ } from '@tsbpf/uapi';
import { describe, expect, it } from 'vitest';
import { messagesOf, verifyText } from '../../test/rig.ts';

const FREQ = { prog: { flags: BPF_F_TEST_STATE_FREQ } };

/** Precision lines of a log. */
function trace(log: string): string[] {
  return log.split('\n').filter((line) => /^(last_idx|regs=|parent |propagating )/.test(line));
}

describe('pruning', () => {
  it('ends a path where a state is met that is as good', () => {
    const { log, stats } = verifyText(
      `r6 = *(u32 *)(r1 +0)
       r7 = *(u32 *)(r1 +8)
       if r6 == 1 goto +1
       r8 = 1
       if r7 == 1 goto +1
       r8 = 2
       r0 = 0
       exit`,
      FREQ,
    );
    expect(log).toContain('\nfrom 2 to 4: safe\n');
    expect(stats.totalStates).toBe(3);
  });

  it('takes no notice of what a precise number was compared with, before Linux 6.3', () => {
    // On the path that comes first r6 is 1, and r7, which is less, nothing; on the other r6 is anything.
    const text = `r6 = *(u32 *)(r1 +0)
       r7 = *(u32 *)(r1 +8)
       r8 = *(u32 *)(r1 +48)
       if r8 == 1 goto +1
       r6 = 1
       if r6 > r7 goto +2
       r0 = 0
       exit
       r2 = r10
       r2 += r7
       *(u8 *)(r2 -8) = 0
       r0 = 0
       exit`;
    expect(verifyText(text, FREQ).errno).toBe(0);
    const { errno, log } = verifyText(text, { ...FREQ, mended: { jumpsTaintPrecision: true } });
    expect(errno).toBe(-13);
    expect(log).toContain('variable stack access');
  });

  it('does not where what was read is known less well', () => {
    const { errno, log } = verifyText(
      `r6 = *(u32 *)(r1 +0)
       r2 = r10
       if r6 == 1 goto +1
       r2 = 0
       if r6 == 2 goto +0
       r0 = *(u8 *)(r2 +0)
       exit`,
      FREQ,
    );
    expect({ errno, messages: messagesOf(log) }).toEqual({ errno: -13, messages: ["R2 invalid mem access 'inv'"] });
  });

  it('does not note ids that are the same, as v5.6 does not: a later rule', () => {
    const lookUp = 'r2 = r10\nr2 += -8\nr1 = hash ll\ncall bpf_map_lookup_elem';
    const text = `r6 = *(u32 *)(r1 +0)
       *(u64 *)(r10 -8) = 0
       ${lookUp}
       r7 = r0
       ${lookUp}
       r8 = r0
       if r6 == 1 goto +1
       r8 = r7
       if r6 == 2 goto +0
       if r7 == 0 goto +1
       r0 = *(u8 *)(r8 +0)
       r0 = 0
       exit`;
    expect(verifyText(text, FREQ).errno).toBe(0);
    const { errno, log } = verifyText(text, { ...FREQ, mended: { idsOfEqualRegisters: true } });
    expect({ errno, messages: messagesOf(log) }).toEqual({
      errno: -13,
      messages: ["R8 invalid mem access 'map_value_or_null'"],
    });
  });

  it('compares values only where they matter', () => {
    const program = (use: string): string =>
      `r6 = *(u32 *)(r1 +0)\nr7 = 1\nif r6 == 1 goto +1\nr7 = 2\nif r6 == 9 goto +0\n${use}\nr0 = 0\nexit`;
    expect(verifyText(program('r8 = r7'), FREQ).log).toMatch(/from 2 to 4: safe/);
    expect(verifyText(program('if r7 == 1 goto +0'), FREQ).log).not.toMatch(/from 2 to 4: safe/);
  });
});

describe('loops', () => {
  it('are followed to their end', () => {
    const { errno, stats } = verifyText('r0 = 0\nagain:\nr0 += 1\nif r0 < 4 goto again\nexit');
    expect({ errno, insns: stats.processedInsns }).toEqual({ errno: 0, insns: 10 });
  });

  it('without an end are found by their state', () => {
    const { errno, log } = verifyText('r0 = 0\nagain:\nr0 = 1\nif r0 == 1 goto again\nexit');
    expect({ errno, message: messagesOf(log).at(-1) }).toEqual({
      errno: -22,
      message: 'infinite loop detected at insn 1',
    });
  });

  it('are not for everybody', () => {
    const { errno, log } = verifyText('r0 = 0\nagain:\nr0 += 1\nif r0 < 4 goto again\nexit', { unprivileged: true });
    expect({ errno, messages: messagesOf(log) }).toEqual({ errno: -22, messages: ['back-edge from insn 2 to 1'] });
  });

  it('end after a million instructions, with the states of v5.6', () => {
    const { errno, log } = verifyText('r0 = 0\nagain:\nr0 += 1\nif r0 != 0 goto again\nexit', { level: 4 });
    expect(errno).toBe(-7);
    expect(log).toContain('BPF program is too large. Processed 1000001 insn\n');
    expect(log).toMatch(/processed 1000001 insns .* total_states 25001 peak_states 25001 mark_read 1\n$/);
  });
});

describe('precision', () => {
  it('goes back to the constant, through copies, arithmetic and the stack', () => {
    const { log } = verifyText(
      `r2 = 3
       r3 = r2
       r3 += 1
       *(u64 *)(r10 -8) = r3
       r4 = *(u64 *)(r10 -8)
       r1 += r4
       r0 = 0
       exit`,
    );
    expect(trace(log)).toEqual([
      'last_idx 5 first_idx 0',
      'regs=10 stack=0 before 4: (79) r4 = *(u64 *)(r10 -8)',
      'regs=0 stack=1 before 3: (7b) *(u64 *)(r10 -8) = r3',
      'regs=8 stack=0 before 2: (07) r3 += 1',
      'regs=8 stack=0 before 1: (bf) r3 = r2',
      'regs=4 stack=0 before 0: (b7) r2 = 3',
    ]);
  });

  it('goes through states, and stops where a parent was marked before', () => {
    const { log } = verifyText(
      `r2 = 3
       if r1 == 7 goto +0
       if r2 == 3 goto +0
       if r2 == 3 goto +0
       r0 = 0
       exit`,
      FREQ,
    );
    expect(trace(log).slice(0, 4)).toEqual([
      'last_idx 2 first_idx 2',
      "parent didn't have regs=4 stack=0 marks",
      'last_idx 1 first_idx 1',
      'regs=4 stack=0 before 1: (15) if r1 == 0x7 goto pc+0',
    ]);
  });

  it('is for all scalars from the start where there are functions', () => {
    const { log } = verifyText('r6 = 1\ncall f\nr0 = r6\nexit\nf:\nr0 = 0\nexit');
    expect(log).toContain('R6_w=invP1');
    expect(trace(log)).toEqual([]);
  });
});

describe('liveness', () => {
  it('is told along parents, as the last figure of the log', () => {
    const { stats } = verifyText(
      'r6 = 1\nif r1 == 1 goto +0\nif r1 == 2 goto +0\nif r1 == 3 goto +0\nr0 = r6\nexit',
      FREQ,
    );
    expect(stats.markRead).toBe(4);
  });

  it('lets 32-bit definitions that are read whole be extended', () => {
    const zext = (text: string): unknown => verifyText(text, { prog: { flags: 4 } }).verified?.insns.length;
    // BPF_F_TEST_RND_HI32 poisons the definitions that nobody reads whole: three more instructions.
    expect(zext('w0 = 1\nexit')).toBe(2);
    expect(zext('w2 = 1\nw3 = w2\nr0 = 0\nexit')).toBeGreaterThan(4);
  });
});
