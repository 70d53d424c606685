// SPDX-License-Identifier: MIT
// What a real 5.6.4 printed for short runs of scalar instructions (its own test_verifier cases), replayed.
import * as uapi from '@tsbpf/uapi';
import { describe, expect, it } from 'vitest';
import type { Bounds, Width } from './index.ts';
import {
  UNKNOWN,
  branchTaken,
  formatBounds,
  formatKnown,
  known,
  knownImm,
  refineBranch,
  resultUpTo,
  scalarAlu,
  tnumIsConst,
  unknownOfSize,
} from './index.ts';

const text = (b: Bounds): string => (tnumIsConst(b) ? `inv${formatKnown(b)}` : `inv(id=0${formatBounds(b)})`);
const alu64 = (op: number, dst: Bounds, src: Bounds | number): Bounds =>
  scalarAlu(op, 64, dst, typeof src === 'number' ? knownImm(src) : src);
const alu32 = (op: number, dst: Bounds, src: Bounds | number): Bounds =>
  scalarAlu(op, 32, dst, typeof src === 'number' ? knownImm(src) : src);

function sides(op: number, width: Width, dst: Bounds, src: Bounds): [taken: Bounds, fall: Bounds] {
  expect(branchTaken(op, width, dst, src)).toBeUndefined();
  const s = refineBranch(op, width, dst, src);
  return src.exact ? [s.takenDst, s.fallDst] : [s.takenSrc, s.fallSrc];
}
const jump = (op: number, dst: Bounds, imm: number, width: Width = 64): [Bounds, Bounds] =>
  sides(op, width, dst, knownImm(imm));

describe('a real 5.6.4', () => {
  it('and.c: MOD forgets, AND by an unknown of a constant is bounded, the rest follows', () => {
    let r1 = alu32(uapi.BPF_MOD, unknownOfSize(4), 2);
    r1 = alu32(uapi.BPF_ADD, r1, 1);
    expect(text(r1)).toBe('inv(id=0,umax_value=4294967295,var_off=(0x0; 0xffffffff))');
    let r9 = alu32(uapi.BPF_AND, knownImm(1), r1);
    r9 = alu32(uapi.BPF_ADD, r9, 1);
    r9 = alu32(uapi.BPF_RSH, r9, 1);
    expect(text(r9)).toBe('inv(id=0,umax_value=1,var_off=(0x0; 0x1))');
    let r3 = alu32(uapi.BPF_SUB, knownImm(1), r9);
    r3 = alu32(uapi.BPF_MUL, r3, 268435456);
    expect(text(r3)).toBe('inv(id=0,umax_value=268435456,var_off=(0x0; 0x10000000))');
  });

  it('array_access.c: the constant in dst, the unknown in src', () => {
    const [taken, fall] = sides(uapi.BPF_JGT, 64, knownImm(12), unknownOfSize(4));
    expect(text(fall)).toBe('inv(id=0,umin_value=12,umax_value=4294967295,var_off=(0x0; 0xffffffff))');
    expect(text(taken)).toBe('inv(id=0,umax_value=11,var_off=(0x0; 0xf))');
    expect(text(alu32(uapi.BPF_LSH, taken, 2))).toBe('inv(id=0,umax_value=44,var_off=(0x0; 0x3c))');
  });

  it('bounds.c: a 32-bit signed comparison of a 64-bit positive range learns nothing', () => {
    const [zero, positive] = jump(uapi.BPF_JSLT, unknownOfSize(4), 1);
    expect(text(zero)).toBe('inv0');
    const expected = 'inv(id=0,umin_value=1,umax_value=4294967295,var_off=(0x0; 0xffffffff))';
    expect(text(positive)).toBe(expected);
    expect(jump(uapi.BPF_JSLT, positive, 0, 32).map(text)).toEqual([expected, expected]);
  });

  it('bounds_mix_sign_unsign.c: the sign bit is learnt from an unsigned comparison', () => {
    const [taken, fall] = sides(uapi.BPF_JGT, 64, known(1n << 63n), UNKNOWN);
    expect(text(fall)).toBe(
      'inv(id=0,umin_value=9223372036854775808,var_off=(0x8000000000000000; 0x7fffffffffffffff))',
    );
    expect(text(taken)).toBe('inv(id=0,umax_value=9223372036854775807,var_off=(0x0; 0x7fffffffffffffff))');
    expect(text(jump(uapi.BPF_JSGT, taken, 1)[1])).toBe('inv(id=0,umax_value=1,var_off=(0x0; 0x1))');
  });

  it('jset.c, dead_code.c: one bit', () => {
    const [taken, fall] = jump(uapi.BPF_JSET, UNKNOWN, 1);
    const even = 'smax_value=9223372036854775806,umax_value=18446744073709551614,var_off=(0x0; 0xfffffffffffffffe)';
    expect(text(fall)).toBe(`inv(id=0,${even})`);
    expect(text(taken)).toBe(
      'inv(id=0,smin_value=-9223372036854775807,umin_value=1,var_off=(0x1; 0xfffffffffffffffe))',
    );
    expect(branchTaken(uapi.BPF_JSET, 64, fall, knownImm(1))).toBe(false);
    expect(branchTaken(uapi.BPF_JSET, 64, taken, knownImm(1))).toBe(true);
  });

  it('jmp32.c: 32-bit JSET keeps the upper half', () => {
    const [some, none] = jump(uapi.BPF_JSET, UNKNOWN, -2, 32);
    expect(some).toBe(UNKNOWN);
    const rest = 'smax_value=9223372032559808513,umax_value=18446744069414584321,var_off=(0x0; 0xffffffff00000001)';
    expect(text(none)).toBe(`inv(id=0,${rest})`);
    const [taken, fall] = jump(uapi.BPF_JSET, none, 1, 32);
    expect(text(fall)).toBe(
      'inv(id=0,smax_value=9223372032559808512,umax_value=18446744069414584320,var_off=(0x0; 0xffffffff00000000))',
    );
    expect(text(taken)).toBe(
      'inv(id=0,smin_value=-9223372036854775807,smax_value=9223372032559808513,umin_value=1,' +
        'umax_value=18446744069414584321,var_off=(0x1; 0xffffffff00000000))',
    );
  });

  it('jump.c: OR with a constant, then signed comparisons', () => {
    const r3 = alu64(uapi.BPF_OR, UNKNOWN, 32767);
    const [positive, negative] = jump(uapi.BPF_JSGE, r3, 0);
    expect(text(negative)).toBe(
      'inv(id=0,umin_value=9223372036854808575,var_off=(0x8000000000007fff; 0x7fffffffffff8000))',
    );
    const top = 'umax_value=9223372036854775807,var_off=(0x7fff; 0x7fffffffffff8000)';
    expect(text(positive)).toBe(`inv(id=0,umin_value=32767,${top})`);
    const [low, high] = jump(uapi.BPF_JSLE, positive, 0x8000);
    expect(text(high)).toBe(`inv(id=0,umin_value=32769,${top})`);
    expect(text(low)).toBe('inv(id=0,umin_value=32767,umax_value=32768,var_off=(0x7fff; 0x8000))');
    const zeroOrOne = alu64(uapi.BPF_ADD, low, -32767);
    expect(text(jump(uapi.BPF_JLE, zeroOrOne, 0)[1])).toBe('inv1');
  });

  it('helper_value_access.c: signed bounds that cross 0 say nothing of the bits', () => {
    const [upTo32, above] = jump(uapi.BPF_JSLE, UNKNOWN, 32);
    expect(text(upTo32)).toBe('inv(id=0,smax_value=32)');
    expect(text(above)).toBe(
      'inv(id=0,umin_value=33,umax_value=9223372036854775807,var_off=(0x0; 0x7fffffffffffffff))',
    );
    expect(text(jump(uapi.BPF_JSLE, upTo32, -3)[1])).toBe('inv(id=0,smin_value=-2,smax_value=32)');
  });

  it('loops1.c: counting up to a bound', () => {
    let r0 = jump(uapi.BPF_JSLT, UNKNOWN, 0)[1];
    const seen: string[] = [];
    for (let i = 0; i < 3; i++) {
      r0 = alu64(uapi.BPF_ADD, r0, 1);
      const [again, done] = jump(uapi.BPF_JLT, r0, 4);
      seen.push(text(again), text(done));
      r0 = again;
    }
    expect(seen).toEqual([
      'inv(id=0,umin_value=1,umax_value=3,var_off=(0x0; 0x3))',
      'inv(id=0,umin_value=4,umax_value=9223372036854775808)',
      'inv(id=0,umin_value=2,umax_value=3,var_off=(0x2; 0x1))',
      'inv4',
      'inv3',
      'inv4',
    ]);
    expect(branchTaken(uapi.BPF_JLT, 64, alu64(uapi.BPF_ADD, r0, 1), knownImm(4))).toBe(false);
  });

  it('div_overflow.c: even a constant modulo a constant is unknown', () => {
    expect(alu64(uapi.BPF_MOD, known(1n << 63n), -1)).toBe(UNKNOWN);
  });

  it('a helper that returns a length', () => {
    const size = jump(uapi.BPF_JGT, UNKNOWN, 8)[1];
    expect(text(size)).toBe('inv(id=0,umax_value=8,var_off=(0x0; 0xf))');
    expect(text(resultUpTo(size))).toBe('inv(id=0,umax_value=8,var_off=(0x0; 0xf))');
  });
});
