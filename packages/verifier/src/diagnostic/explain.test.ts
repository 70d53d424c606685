// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { lookup } from '../../test/lookup.ts';
import { type RigOptions, verifyText } from '../../test/rig.ts';

function diagnose(text: string, options: RigOptions = {}) {
  const { diagnostic, errno } = verifyText(text, { ...options, diagnose: true });
  if (diagnostic === undefined) throw new TypeError(`no diagnostic for errno ${errno}`);
  return diagnostic;
}

describe('a diagnostic', () => {
  it('tells the register, and what made it so', () => {
    const d = diagnose(lookup('big', 'r1 = *(u32 *)(r0 +0)\nr1 &= 63\nr0 += r1\nr2 = *(u8 *)(r0 +0)'));
    expect(d).toMatchObject({
      errno: 13,
      message: 'R0 max value is outside of the array range',
      insnIdx: 10,
      insn: '(71) r2 = *(u8 *)(r0 +0)',
      subject: 'r0',
    });
    expect(d.state).toContain('R0_w=map_value(id=0,off=0,ks=8,vs=48,umax_value=63,var_off=(0x0; 0x3f))');
    expect(d.history).toEqual([
      {
        insnIdx: 5,
        insn: '(85) call bpf_map_lookup_elem#1',
        state: 'r0=map_value_or_null(id=1,off=0,ks=8,vs=48,imm=0)',
        note: 'result of this call',
      },
      {
        insnIdx: 6,
        insn: '(15) if r0 == 0x0 goto pc+4',
        state: 'r0=map_value(id=0,off=0,ks=8,vs=48,imm=0)',
        note: 'learned by this comparison',
      },
      {
        insnIdx: 9,
        insn: '(0f) r0 += r1',
        state: 'r0=map_value(id=0,off=0,ks=8,vs=48,umax_value=63,var_off=(0x0; 0x3f))',
        note: 'computed',
      },
    ]);
  });

  it('follows values through copies, the stack and functions', () => {
    const d = diagnose(
      `r6 = 7
       *(u64 *)(r10 -8) = r6
       r1 = *(u64 *)(r10 -8)
       call f
       exit
       f:
       r2 = r1
       r0 = *(u8 *)(r2 +0)
       exit`,
    );
    expect({ subject: d.subject, history: d.history.map(({ insnIdx, note }) => `${insnIdx} ${note}`) }).toEqual({
      subject: 'r2',
      history: ['0 set to a constant', '1 stored from r6', '2 loaded from fp-8', '5 copied from r1'],
    });
  });

  it('tells the stack slot', () => {
    const d = diagnose('*(u32 *)(r10 -8) = 1\nr2 = *(u64 *)(r10 -8)\nr0 = 0\nexit');
    expect({ subject: d.subject, history: d.history.map(({ note, state }) => [note, state]) }).toEqual({
      subject: 'fp-8',
      history: [['stored a constant', 'fp-8=????mmmm']],
    });
  });

  it('tells where a reference was acquired that was never given back', () => {
    const zero = [-8, -16, -24, -32, -40, -48].map((off) => `*(u64 *)(r10 ${off}) = r2`).join('\n');
    const d = diagnose(
      `r2 = 0\n${zero}\nr2 = r10\nr2 += -48\nr3 = 36\nr4 = 0\nr5 = 0\ncall bpf_sk_lookup_tcp\nr6 = r0\nr0 = 0\nexit`,
      { type: 'SCHED_CLS' },
    );
    expect({ subject: d.subject, history: d.history.map(({ insn, note }) => [insn, note]) }).toEqual({
      subject: 'r6',
      history: [
        ['(85) call bpf_sk_lookup_tcp#84', 'result of this call'],
        ['(bf) r6 = r0', 'copied from r0'],
      ],
    });
  });

  it('tells what a call took', () => {
    const d = diagnose('r1 = 5\ncall bpf_get_prandom_u32\nr0 = r1\nexit');
    expect(d.history.map(({ insnIdx, note }) => [insnIdx, note])).toEqual([
      [1, 'lost in this call: calls leave nothing in r1 to r5'],
    ]);
  });

  it('tells of the program’s form where no path was walked', () => {
    expect(diagnose('r0 = 0\nexit\nr0 = 1\nexit')).toEqual({
      errno: 22,
      message: 'unreachable insn 2',
      history: [],
      insnIdx: 2,
      insn: '(b7) r0 = 1',
    });
  });

  it('is made only on rejection, and only where it was asked for', () => {
    expect(verifyText('r0 = 0\nexit', { diagnose: true }).diagnostic).toBeUndefined();
    expect(verifyText('exit').diagnostic).toBeUndefined();
  });
});
