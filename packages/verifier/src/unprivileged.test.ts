// SPDX-License-Identifier: MIT
// What a user without CAP_SYS_ADMIN may not do.
import { describe, expect, it } from 'vitest';
import { lookup } from '../test/lookup.ts';
import { type RigOptions, messagesOf, verifyText } from '../test/rig.ts';

const OUT = '\nr0 = 0\nexit';
const USER: RigOptions = { unprivileged: true };

describe('pointers do not leak', () => {
  it.each<readonly [string, string, string]>([
    ['as the result', 'r0 = r10\nexit', 'R0 leaks addr as return value'],
    ['into a map', lookup('hash', '*(u64 *)(r0 +0) = r10'), 'R10 leaks addr into map'],
    ['into the context', `*(u32 *)(r1 +48) = r10${OUT}`, 'R10 leaks addr into ctx'],
    ['into memory, by adding', lookup('hash', 'r1 = r10\nlock *(u64 *)(r0 +0) += r1'), 'R1 leaks addr into mem'],
    [
      'into a helper',
      `r1 = hash ll\nr2 = r10\nr3 = r10\nr4 = r10\n*(u64 *)(r10 -8) = 0\nr2 += -8\nr3 += -8
      call bpf_map_update_elem${OUT}`,
      'R4 leaks addr into helper function',
    ],
    ['in part', `w2 = w1${OUT}`, 'R1 partial copy of pointer'],
    ['by negation', `r1 = -r1${OUT}`, 'R1 pointer arithmetic prohibited'],
    ['by subtraction', `r1 -= r10${OUT}`, 'R1 pointer -= pointer prohibited'],
    ['by comparison', `if r1 == 5 goto +0${OUT}`, 'R1 pointer comparison prohibited'],
    ['by comparison with each other', `r2 = 5\nif r2 == r1 goto +0${OUT}`, 'R1 pointer comparison prohibited'],
  ])('%s', (_what, text, message) => {
    const { errno, log } = verifyText(text, USER);
    expect({ errno, message: messagesOf(log).at(-1) }).toEqual({ errno: -13, message });
    expect(verifyText(text).errno).toBe(0);
  });

  it('a comparison of a lookup with NULL tells nothing', () => {
    expect(verifyText(lookup('hash', 'r1 = *(u64 *)(r0 +0)'), USER).errno).toBe(0);
  });
});

describe('pointer arithmetic', () => {
  it('by a register is walked as a processor may mispredict it', () => {
    const { errno, log } = verifyText(
      lookup('big', 'r1 = *(u8 *)(r0 +0)\nr1 &= 15\nr0 += r1\nr1 = *(u8 *)(r0 +0)'),
      USER,
    );
    expect(errno).toBe(0);
    expect(log).toContain('\nfrom 9 to 10 (speculative execution): R0_w=map_value(id=0,off=0,ks=8,vs=48,imm=0)');
  });

  it('that puts the pointer where the number was is shown so, not as written', () => {
    const { errno, log } = verifyText('r1 = -8\nr1 += r10\nr2 = r1\nr0 = 0\nexit', USER);
    expect(errno).toBe(0);
    expect(log).toContain('\nfrom 1 to 2 (speculative execution): R1=fp0 R10=fp0\n');
    const copied = verifyText('r3 = r10\nr1 = -8\nr1 += r3\nr0 = 0\nexit', USER).log;
    expect(copied).toContain('\nfrom 2 to 3 (speculative execution): R1_w=fp0 R3_w=fp0 R10=fp0\n');
  });

  it('is masked', () => {
    const { verified } = verifyText(
      lookup('big', 'r1 = *(u8 *)(r0 +0)\nr1 &= 15\nr0 += r1\nr1 = *(u8 *)(r0 +0)'),
      USER,
    );
    // r11 = limit - 1; r11 -= r1; r11 |= r1; …
    expect(verified?.insns.filter(({ dst }) => dst === 11).map(({ imm }) => imm)[0]).toBe(47);
  });
  it('to the left is masked one short, as in v5.6', () => {
    const text = lookup('big', 'r1 = 15\nw1 &= 15\nr0 += 15\nr0 -= r1\nr1 = *(u8 *)(r0 +0)');
    const limitOf = (options: RigOptions): number | undefined =>
      verifyText(text, options).verified?.insns.find(({ dst }) => dst === 11)?.imm;
    expect(limitOf(USER)).toBe(14);
    expect(limitOf({ ...USER, mended: { leftMaskInclusive: true } })).toBe(15);
  });

  it.each<readonly [string, string, string]>([
    [
      'never leaves the value',
      lookup('big', 'r0 += 48'),
      'R0 pointer arithmetic of map value goes out of range, prohibited for !root',
    ],
    [
      'never leaves the stack',
      `r2 = r10\nr2 += 8${OUT}`,
      'R2 stack pointer arithmetic goes out of range, prohibited for !root',
    ],
    [
      'by numbers of both signs',
      lookup('big', 'r1 = *(u64 *)(r0 +0)\nif r1 s> 4 goto out\nif r1 s< -4 goto out\nr0 += r1'),
      'R1 has unknown scalar with mixed signed bounds, pointer arithmetic with it prohibited for !root',
    ],
    [
      'with different limits on two paths',
      lookup('big', `r6 = *(u8 *)(r0 +0)\nr7 = r0\nif r6 == 1 goto far\nr7 += 8\nfar:\nr1 = 4\nr7 += r1`),
      'R7 tried to add from different maps or paths',
    ],
    [
      'of a number on another path',
      lookup('big', `r6 = *(u8 *)(r0 +0)\nr7 = r0\nif r6 == 1 goto far\nr7 = 8\nfar:\nr1 = 4\nr7 += r1`),
      'R7 tried to add from different maps or paths',
    ],
  ])('%s', (_what, text, message) => {
    const { errno, log } = verifyText(text, USER);
    expect({ errno, message: messagesOf(log).at(-1) }).toEqual({ errno: -13, message });
  });
});

describe('the stack', () => {
  it('is cleared before a pointer goes where data was', () => {
    const { verified, errno } = verifyText(`r2 = 1\n*(u64 *)(r10 -8) = r2\n*(u64 *)(r10 -8) = r1${OUT}`, USER);
    expect(errno).toBe(0);
    expect(verified?.insns.map(({ code }) => code)).toEqual([0xb7, 0x7b, 0x7a, 0x7b, 0xb7, 0x95]);
  });
});
