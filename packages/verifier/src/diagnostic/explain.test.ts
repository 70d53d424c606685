// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { createBtfBuilder } from '@tsbpf/btf';
import { exit, mov64Imm, type Insn } from '@tsbpf/insn';
import { lookup } from '../../test/lookup.ts';
import { type RigOptions, verifyText } from '../../test/rig.ts';

const words = (...values: number[]): Uint8Array => new Uint8Array(Uint32Array.from(values).buffer);

function diagnose(text: string | readonly Insn[], options: RigOptions = {}) {
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
        insnIdx: 7,
        insn: '(61) r1 = *(u32 *)(r0 +0)',
        state: 'r1=inv(id=0,umax_value=4294967295,var_off=(0x0; 0xffffffff))',
        note: 'loaded through r0',
      },
      {
        insnIdx: 8,
        insn: '(57) r1 &= 63',
        state: 'r1=inv(id=0,umax_value=63,var_off=(0x0; 0x3f))',
        note: 'computed',
      },
      {
        insnIdx: 9,
        insn: '(0f) r0 += r1',
        state: 'r0=map_value(id=0,off=0,ks=8,vs=48,umax_value=63,var_off=(0x0; 0x3f))',
        note: 'computed with r1',
      },
    ]);
  });

  it('has no subject where the instruction names a register that there is not', () => {
    const insns = [mov64Imm(0, 0), { ...mov64Imm(0, 0), dst: 11 }, exit()];
    const { diagnostic } = verifyText(insns, { diagnose: true });
    expect(diagnostic).toMatchObject({ errno: 22, message: 'R11 is invalid', insnIdx: 1, history: [] });
    expect(diagnostic?.subject).toBeUndefined();
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
      history: [['wrote only these bytes', 'fp-8=????mmmm']],
    });
  });

  it('blames no value where it is the path that has no end', () => {
    const d = diagnose('r0 = 0\nagain:\nr0 = 1\nif r0 == 1 goto again\nexit');
    expect(d.message).toBe('infinite loop detected at insn 1');
    expect(d.subject).toBeUndefined();
    expect(d.history).toEqual([]);
  });

  it('tells where it gave up on a path that is too long, with what was known there', () => {
    const d = diagnose('r0 = 0\nagain:\nr0 += 1\nif r0 != 0 goto again\nexit');
    expect(d).toMatchObject({
      errno: 7,
      message: 'BPF program is too large. Processed 1000001 insn',
      insnIdx: 2,
      insn: '(55) if r0 != 0x0 goto pc-2',
      history: [],
    });
    expect(d.state).toContain('R0_w=invP500000');
    expect(d.subject).toBeUndefined();
  });

  it('tells the message, not the line of C that may follow it, and the last line there was', () => {
    const b = createBtfBuilder();
    const main = b.func('main', b.funcProto(b.int('int', 4), []));
    const file = b.addString('a.c');
    const line = b.addString('\tctx->len = 1;');
    const none = b.addString('');
    const prog = {
      btf: b.build(),
      funcInfo: { recSize: 8, bytes: words(0, main) },
      lineInfo: { recSize: 16, bytes: words(0, file, line, (7 << 10) | 2, 2, file, none, 0) },
    };
    const d = diagnose('r0 = 0\nr2 = 1\n*(u32 *)(r1 +0) = r2\nexit', { prog });
    expect(d.message).toBe('invalid bpf_context access off=0 size=4');
    expect(d.source).toEqual({ file: 'a.c', line: 7, col: 2, text: 'ctx->len = 1;' });
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

  it.each([
    ['a helper', { code: 0x85, dst: 0, src: 0, off: 0, imm: 131 }, 'bpf_ringbuf_reserve', '5.8'],
    ['a kfunc', { code: 0x85, dst: 0, src: 2, off: 0, imm: 77 }, 'a call of a kernel function (kfunc)', '5.13'],
    [
      'fetching',
      { code: 0xdb, dst: 10, src: 0, off: -8, imm: 1 },
      'an atomic operation that fetches the old value',
      '5.12',
    ],
    ['sign extension', { code: 0xbc, dst: 1, src: 0, off: 8, imm: 0 }, 'a move with sign extension (-mcpu=v4)', '6.6'],
    [
      'signed division',
      { code: 0x37, dst: 0, src: 0, off: 1, imm: 3 },
      'signed division or remainder (-mcpu=v4)',
      '6.6',
    ],
    [
      'a swap',
      { code: 0xd7, dst: 0, src: 0, off: 0, imm: 16 },
      'a byte swap whatever the order of the machine (-mcpu=v4)',
      '6.6',
    ],
    ['a signed load', { code: 0x91, dst: 0, src: 10, off: -8, imm: 0 }, 'a load with sign extension (-mcpu=v4)', '6.6'],
    ['a long jump', { code: 0x06, dst: 0, src: 0, off: 0, imm: 1 }, 'a jump of 32 bits (-mcpu=v4)', '6.6'],
    ['may_goto', { code: 0xe5, dst: 0, src: 0, off: 1, imm: 0 }, 'may_goto', '6.9'],
  ])('names the version of Linux that has what the program asks for: %s', (_, insn, feature, version) => {
    const d = diagnose([mov64Imm(0, 0), insn, mov64Imm(0, 0), exit()]);
    expect(d).toMatchObject({ errno: 22, insnIdx: 1, since: { feature, version } });
  });

  it('blames a callback, an instruction of two slots, that no path was walked for', () => {
    const callback = [
      { code: 0x18, dst: 2, src: 4, off: 0, imm: 1 },
      { code: 0, dst: 0, src: 0, off: 0, imm: 0 },
    ];
    expect(diagnose([mov64Imm(0, 0), ...callback, exit()])).toMatchObject({
      message: 'unrecognized bpf_ld_imm64 insn',
      insnIdx: 1,
      since: { feature: 'a function given to a helper to call back', version: '5.13' },
    });
  });

  it('names no version where an instruction is as wrong for later ones', () => {
    expect(diagnose('call 4000\nexit')).not.toHaveProperty('since');
    expect(diagnose('r0 = r3\nexit')).not.toHaveProperty('since');
  });

  it('is made only on rejection, and only where it was asked for', () => {
    expect(verifyText('r0 = 0\nexit', { diagnose: true }).diagnostic).toBeUndefined();
    expect(verifyText('exit').diagnostic).toBeUndefined();
  });
});
