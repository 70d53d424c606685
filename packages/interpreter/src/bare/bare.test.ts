// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { assemble, type Insn } from '@tsbpf/insn';
import { FaultError, UsageError } from '@tsbpf/uapi';
import { loadBare, runBare } from './bare.ts';

const insn = (code: number, fields: Partial<Insn> = {}): Insn => ({ code, dst: 0, src: 0, off: 0, imm: 0, ...fields });
const EXIT = insn(0x95);

describe('runBare', () => {
  it('passes the memory in R1 and its length in R2, and gives the memory back', () => {
    const insns = assemble('ldxb r0, [r1]\nstxb [r1+1], r2\nexit');
    const mem = Uint8Array.of(7, 8, 9);
    expect(runBare({ insns, mem })).toEqual({ r0: 7n, mem: Uint8Array.of(7, 3, 9) });
    expect(mem).toEqual(Uint8Array.of(7, 8, 9));
  });

  it('passes NULL and 0 without memory, and registers as given', () => {
    expect(runBare({ insns: assemble('mov r0, r1\nor r0, r2\nexit') }).r0).toBe(0n);
    const registers = [undefined, 0x1122334455667788n, undefined, -1n];
    expect(runBare({ insns: assemble('mov r0, r1\nexit'), registers }).r0).toBe(0x1122334455667788n);
    expect(runBare({ insns: assemble('mov r0, r3\nexit'), registers }).r0).toBe(2n ** 64n - 1n);
  });

  it('calls helpers with 64-bit arguments and memory', () => {
    const insns = assemble('mov r3, -1\ncall 5\nadd r0, 1\nexit');
    const result = runBare({
      insns,
      mem: Uint8Array.of(1, 2, 3),
      helpers: {
        5: ([addr, length, third], mem) => {
          expect([length, third]).toEqual([3n, 2n ** 64n - 1n]);
          const bytes = mem.read(addr, Number(length));
          mem.write(addr, bytes.reverse());
          return 0xffffffffn;
        },
      },
    });
    expect(result).toEqual({ r0: 0x100000000n, mem: Uint8Array.of(3, 2, 1) });
  });

  it('faults where a helper reaches beyond what is the program’s', () => {
    const options = { insns: assemble('call 1\nexit'), mem: new Uint8Array(4) };
    expect(() => runBare({ ...options, helpers: { 1: ([addr], mem) => BigInt(mem.read(addr, 5).length) } })).toThrow(
      /of which only 4 belong/,
    );
    expect(() => runBare({ ...options, helpers: { 1: (_, mem) => BigInt(mem.read(8n, 1).length) } })).toThrow(
      FaultError,
    );
  });

  it('runs again with a clean stack and clean registers', () => {
    const prog = loadBare({
      insns: assemble('mov r0, r7\nldxdw r1, [r10-8]\nadd r0, r1\nmov r7, 5\nstdw [r10-8], 3\nexit'),
    });
    expect([prog.run().r0, prog.run().r0]).toEqual([0n, 0n]);
  });

  it('stops at a limit of instructions', () => {
    const insns = assemble('mov r0, 0\nloop:\nja loop\nexit');
    expect(() => runBare({ insns, maxInsns: 1000 })).toThrow('the program ran 1000 instructions, which is the limit');
    expect(runBare({ insns: assemble('mov r0, 4\nexit'), maxInsns: 2 }).r0).toBe(4n);
    expect(() => loadBare({ insns, checked: false, maxInsns: 1 })).toThrow(UsageError);
  });

  it.each([
    ['ldxb r0, [r1+4]', 0, 'where no object lives|only'],
    ['ldxw r0, [r1+1]', 0, 'of which only 3 belong to the object'],
    ['ldxb r0, [r1-1]', 0, 'no object lives'],
    ['mov r1, 0\nldxb r0, [r1]', 1, 'no object lives'],
    ['mov32 r1, r1\nldxb r0, [r1]', 1, 'no object lives'],
    ['lddw r3, 0x100000000\nadd r1, r3\nstb [r1], 0', 3, 'no object lives'],
    ['stb [r10-512], 0\nstb [r10-513], 0', 1, 'no object lives|of the stack|only'],
    ['stb [r10], 0', 0, 'the stack of a function that returned'],
    ['stdw [r10-4], 0', 0, 'across the top of a stack'],
    ['lock add [r1], r0', 0, 'of which only 4 belong'],
  ])('faults at %j', (asm, insnIdx, text) => {
    const run = (): unknown => runBare({ insns: assemble(`${asm}\nmov r0, 0\nexit`), mem: new Uint8Array(4) });
    expect(run).toThrow(new RegExp(text));
    try {
      run();
    } catch (error) {
      expect(error).toBeInstanceOf(FaultError);
      expect(error).toMatchObject({ insnIdx, code: 'EFAULT', addr: expect.any(BigInt) as bigint });
    }
  });
});

describe('validation', () => {
  it.each<[string, readonly Insn[], string]>([
    ['no instruction', [], 'at least one'],
    ['an unknown opcode', [insn(0xff), EXIT], 'instruction 0: opcode ff is unknown'],
    ['a reserved field', [insn(0xb7, { off: 3 }), EXIT], 'does not use off'],
    ['a register that does not exist', [insn(0xb7, { dst: 11 }), EXIT], 'no register R11'],
    ['a source register that does not exist', [insn(0xbf, { src: 12 }), EXIT], 'no register R12'],
    ['a write to R10', [insn(0xb7, { dst: 10 }), EXIT], 'R10 cannot be written'],
    ['a jump behind the end', [insn(0x05, { off: 1 }), EXIT], 'leads to 2'],
    ['a jump before the start', [insn(0x05, { off: -2 }), EXIT], 'leads to -1'],
    ['a jump into a constant', [insn(0x05, { off: 1 }), insn(0x18), insn(0), EXIT], 'leads to 2'],
    ['a call behind the end', [insn(0x85, { src: 1, imm: 5 }), EXIT], 'leads to 6'],
    ['half a constant', [EXIT, insn(0x18)], 'second half of the 64-bit constant is missing'],
    ['a wrong second half', [insn(0x18), EXIT, EXIT], 'not the second half'],
    ['a stray second half', [insn(0), EXIT], 'opcode 00 is unknown'],
    ['a map', [insn(0x18, { src: 1 }), insn(0), EXIT], 'need a kernel'],
    ['no return', [insn(0xb7)], 'ends without a return'],
    ['a conditional jump at the end', [EXIT, insn(0x15, { off: -2 })], 'ends without a return'],
    ['a constant at the end', [EXIT, insn(0x18), insn(0)], 'ends without a return'],
    ['an unknown helper', [insn(0x85, { imm: 7 }), EXIT], 'no helper 7 was given'],
    ['a kernel function', [insn(0x85, { src: 2, imm: 7 }), EXIT], 'need a kernel'],
    ['packet access', [insn(0x20), EXIT], 'needs a kernel'],
  ])('refuses %s', (_, insns, text) => {
    expect(() => loadBare({ insns })).toThrow(UsageError);
    expect(() => loadBare({ insns })).toThrow(text);
  });

  it('accepts shifts beyond the width, which count modulo it', () => {
    expect(runBare({ insns: [insn(0xb7, { imm: 1 }), insn(0x67, { imm: 68 }), EXIT] }).r0).toBe(16n);
  });
});
