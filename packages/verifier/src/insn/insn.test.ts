// SPDX-License-Identifier: MIT
import { BPF_ALU64, BPF_JMP } from '@tsbpf/uapi';
import type { Insn } from '@tsbpf/insn';
import { describe, expect, it } from 'vitest';
import { lookup } from '../../test/lookup.ts';
import { type RigOptions, messagesOf, verifyText } from '../../test/rig.ts';

const insn = (code: number, fields: Partial<Insn> = {}): Insn => ({ code, dst: 0, src: 0, off: 0, imm: 0, ...fields });
const EXIT = insn(0x95);
const OUT = '\nr0 = 0\nexit';

type Row = readonly [what: string, text: string, errno: number, messages: readonly string[], options?: RigOptions];

describe('fields an instruction does not use', () => {
  it.each([
    ['BPF_NEG uses reserved fields', insn(0x87, { imm: 1 })],
    ['BPF_END uses reserved fields', insn(0xd4, { imm: 8 })],
    ['BPF_MOV uses reserved fields', insn(0xbf, { off: 1 })],
    ['BPF_MOV uses reserved fields', insn(0xb7, { src: 1 })],
    ['BPF_ALU uses reserved fields', insn(0x0f, { imm: 1 })],
    ['BPF_ALU uses reserved fields', insn(0x07, { off: 1 })],
    ['BPF_JMP/JMP32 uses reserved fields', insn(0x1d, { imm: 1 })],
    ['BPF_JMP/JMP32 uses reserved fields', insn(0x15, { src: 1 })],
    ['BPF_JA uses reserved fields', insn(0x05, { imm: 1 })],
    ['BPF_EXIT uses reserved fields', insn(0x95, { imm: 1 })],
    ['BPF_CALL uses reserved fields', insn(0x85, { off: 1 })],
    ['BPF_ST uses reserved fields', insn(0x62, { src: 1, dst: 10, off: -4 })],
    ['BPF_LD_[ABS|IND] uses reserved fields', insn(0x20, { off: 4 })],
    ['invalid BPF_LD_IMM insn', insn(0x00)],
    ['R11 is invalid', insn(0xb7, { dst: 11 })],
    ['frame pointer is read only', insn(0xb7, { dst: 10 })],
    ['div by zero', insn(0x37)],
    ['invalid shift 64', insn(0x67, { imm: 64 })],
    ['invalid shift -1', insn(0x67, { imm: -1 })],
    ['invalid shift 32', insn(0x64, { imm: 32 })],
  ])('%s', (message, bad) => {
    const program = bad.code === 0x95 ? [insn(0xb7), bad] : [insn(0xb7), bad, EXIT];
    const { errno, log } = verifyText(program);
    expect(errno).toBeLessThan(0);
    const expected = message === 'invalid BPF_LD_IMM insn' ? 'unknown opcode 00' : message;
    expect(messagesOf(log)).toEqual([expected]);
  });
});

describe('registers', () => {
  it.each([
    ['never written', 'r0 = r2\nexit', ['R2 !read_ok']],
    ['lost in a call', 'call bpf_get_prandom_u32\nr0 = r1\nexit', ['R1 !read_ok']],
    ['kept over a call', 'r6 = 1\ncall bpf_get_prandom_u32\nr0 = r6\nexit', []],
    ['nothing returned', 'exit', ['R0 !read_ok']],
  ])('%s', (_what, text, messages) => {
    const { errno, log } = verifyText(text);
    expect({ errno, messages: messagesOf(log) }).toEqual({ errno: messages.length === 0 ? 0 : -13, messages });
  });
});

describe('pointer arithmetic', () => {
  const UNBOUNDED = 'and register with unbounded min value is not allowed';
  it.each<readonly [string, string, number, string]>([
    ['pointer plus pointer', `r1 += r10${OUT}`, 13, 'R1 pointer += pointer prohibited'],
    ['32 bits of a pointer', `w1 += 1${OUT}`, 13, 'R1 32-bit pointer arithmetic prohibited'],
    ['and', `r1 &= 1${OUT}`, 13, 'R1 bitwise operator &= on pointer prohibited'],
    ['times', `r1 *= 2${OUT}`, 13, 'R1 pointer arithmetic with *= operator prohibited'],
    ['number minus pointer', `r2 = 1\nr2 -= r1${OUT}`, 13, 'R2 tried to subtract pointer from scalar'],
    ['frame pointer minus', `r2 = r10\nr2 -= 8${OUT}`, 13, 'R2 subtraction from stack pointer prohibited'],
    ['a map', `r2 = hash ll\nr2 += 8${OUT}`, 13, 'R2 pointer arithmetic on map_ptr prohibited'],
    ['too far', `r1 += 536870912${OUT}`, 22, 'math between ctx pointer and 536870912 is not allowed'],
    ['too far in steps', `r1 += 536870911\nr1 += 1${OUT}`, 22, 'ctx pointer offset 536870912 is not allowed'],
    ['by an unknown number', `r2 = *(u64 *)(r10 -8)${OUT}`, 13, 'invalid read from stack off -8+0 size 8'],
    [
      'by a number without a minimum',
      lookup('big', 'r1 = *(u64 *)(r0 +0)\nr0 += r1'),
      22,
      `math between map_value pointer ${UNBOUNDED}`,
    ],
    [
      'by a number far below zero',
      lookup('big', 'r1 = *(u64 *)(r0 +0)\nif r1 s< -1073741824 goto out\nif r1 s> 0 goto out\nr0 += r1'),
      22,
      'value -1073741824 makes map_value pointer be out of bounds',
    ],
    [
      'before NULL is ruled out',
      '*(u64 *)(r10 -8) = 0\nr2 = r10\nr2 += -8\nr1 = hash ll\ncall bpf_map_lookup_elem\nr0 += 1\nexit',
      13,
      'R0 pointer arithmetic on map_value_or_null prohibited, null-check it first',
    ],
  ])('%s', (_what, text, errno, message) => {
    const result = verifyText(text);
    expect({ errno: result.errno, messages: messagesOf(result.log) }).toEqual({ errno: -errno, messages: [message] });
  });

  it('pointer minus pointer is a number, for root', () => {
    expect(verifyText(`r1 -= r10\nr0 = r1\nexit`).errno).toBe(0);
  });
});

describe('comparisons', () => {
  it('follow one way only where the outcome is known', () => {
    const { log, stats } = verifyText('r0 = 3\nif r0 > 5 goto +1\nexit\nr0 = r9\nexit');
    expect({ insns: stats.processedInsns, traced: log.includes('regs=1 stack=0 before 0: (b7) r0 = 3') }).toEqual({
      insns: 3,
      traced: true,
    });
  });

  it('tell what is equal to 0 of every copy of a pointer', () => {
    const { errno, log } = verifyText(
      `*(u64 *)(r10 -8) = 0\nr2 = r10\nr2 += -8\nr1 = hash ll\ncall bpf_map_lookup_elem
       r6 = r0\n*(u64 *)(r10 -16) = r0\nif r0 != 0 goto ok\nr0 = 0\nexit\nok:
       r7 = *(u64 *)(r10 -16)\nr1 = *(u64 *)(r6 +0)\nr1 = *(u64 *)(r7 +0)\nr0 = 0\nexit`,
    );
    expect(errno).toBe(0);
    expect(log).toContain(' R0_w=inv0 R6_w=inv0 R10=fp0 fp-8_w=mmmmmmmm fp-16_w=inv0\n');
  });

  it('end a path that waits for too many others', () => {
    const jumps = Array.from({ length: 8193 }, () => insn(BPF_JMP | 0x10, { dst: 2, imm: 7, off: 0 }));
    const load = insn(0x61, { dst: 2, src: 1 });
    const { errno, log } = verifyText([load, ...jumps, insn(BPF_ALU64 | 0xb0), EXIT], { level: 4 });
    expect({ errno, log: log.startsWith('The sequence of 8193 jumps is too complex.\n') }).toEqual({
      errno: -14,
      log: true,
    });
  });
});

describe('loads from the packet in the classic way', () => {
  const cases: readonly Row[] = [
    ['good', 'r6 = r1\nr0 = *(u16 *)skb[12]\nexit', 0, []],
    [
      'r6 is not the context',
      'r6 = r10\nr0 = *(u16 *)skb[12]\nexit',
      22,
      ['at the time of BPF_LD_ABS|IND R6 != pointer to skb'],
    ],
    [
      'a changed context',
      'r6 = r1\nr6 += 4\nr0 = *(u16 *)skb[12]\nexit',
      13,
      ['dereference of modified ctx ptr R6 off=4 disallowed'],
    ],
    [
      'not for XDP',
      'r6 = r1\nr0 = *(u16 *)skb[12]\nexit',
      22,
      ['BPF_LD_[ABS|IND] instructions not allowed for this program type'],
      { type: 'XDP' },
    ],
    [
      'with functions',
      'r6 = r1\nr0 = *(u16 *)skb[12]\ncall f\nexit\nf:\nr0 = 0\nexit',
      22,
      ['BPF_LD_[ABS|IND] instructions cannot be mixed with bpf-to-bpf calls'],
    ],
    ['r1 is lost', 'r6 = r1\nr0 = *(u16 *)skb[12]\nr0 = r1\nexit', 13, ['R1 !read_ok']],
  ];
  for (const [what, text, errno, messages, options] of cases)
    it(what, () => {
      const result = verifyText(text, options);
      expect({ errno: result.errno || 0, messages: messagesOf(result.log) }).toEqual({ errno: -errno || 0, messages });
    });
});

describe('exit values', () => {
  const SOCK: RigOptions = { type: 'CGROUP_SOCK' };
  it.each([
    ['in range', 'r0 = 1\nexit', []],
    [
      'out of range',
      'r0 = 2\nexit',
      ['At program exit the register R0 has value (0x2; 0x0) should have been in (0x0; 0x1)'],
    ],
    [
      'unknown',
      'call bpf_get_prandom_u32\nexit',
      ['At program exit the register R0 has unknown scalar value should have been in (0x0; 0x1)'],
    ],
    ['a pointer', 'r0 = r1\nexit', ['At program exit the register R0 is not a known value (ctx)']],
  ])('%s', (_what, text, messages) => {
    const { errno, log } = verifyText(text, SOCK);
    expect({ errno, messages: messagesOf(log) }).toEqual({ errno: messages.length === 0 ? 0 : -22, messages });
  });
});
