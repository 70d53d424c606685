// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import * as I from '@tsbpf/insn';
import { BPF_ADD, BPF_B, BPF_DW, BPF_JEQ, BPF_MOV, BPF_W, FaultError } from '@tsbpf/uapi';
import type { ArgType, HelperRow } from '@tsbpf/core';
import { FakeKernel } from '../../test/fake-kernel.ts';

type Loaded = ReturnType<FakeKernel['load']>;

/** What a program answers in checked mode: R0, or the fault. */
function outcome(k: FakeKernel, prog: Loaded, ctx: number): string {
  try {
    return String(prog.loaded.run(ctx));
  } catch (error) {
    if (!(error instanceof FaultError)) throw error;
    expect(error.code).toBe('EFAULT');
    expect(k.services.currentCall).toBeUndefined();
    return error.message.replace(/ at 0x[0-9a-f]{16}$/, '');
  }
}

const RETURN_0 = [I.mov64Imm(0, 0), I.exit()];

describe('registers', () => {
  const clobber = (k: FakeKernel): HelperRow => k.helper({ retWidth: 'sext', call: () => 0 });

  it.each<[string, I.ProgramItem[], string]>([
    ['a context and a frame pointer', [I.mov64Reg(2, 1), I.mov64Reg(3, 10), ...RETURN_0], '0'],
    [
      'R0 before it was written',
      [I.alu64Imm(BPF_ADD, 0, 1), I.exit()],
      'instruction 0: R0 is read, but was not written',
    ],
    ['R2 as a source', [I.mov64Reg(0, 2), I.exit()], 'instruction 0: R2 is read, but was not written'],
    ['R7 in a comparison', [I.jmpImm(BPF_JEQ, 7, 0, 0), ...RETURN_0], 'instruction 0: R7 is read, but was not written'],
    ['R3 stored', [I.stxMem(BPF_DW, 10, 3, -8), ...RETURN_0], 'instruction 0: R3 is read, but was not written'],
    [
      'R1 after a call',
      [I.callHelper(1), I.mov64Reg(0, 1), I.exit()],
      'instruction 1: R1 is read, but was not written',
    ],
    ['R0 after a call', [I.callHelper(1), I.alu64Imm(BPF_ADD, 0, 3), I.exit()], '3'],
    ['R6 kept over a call', [I.mov64Imm(6, 4), I.callHelper(1), I.mov64Reg(0, 6), I.exit()], '4'],
    [
      'R0 of a function that returned',
      [I.callPseudo('f'), I.alu64Imm(BPF_ADD, 0, 1), I.exit(), 'f', I.mov64Imm(0, 1), I.exit()],
      '2',
    ],
    [
      'R0 of a function that did not write it',
      [I.mov64Imm(0, 9), I.callPseudo('f'), I.alu64Imm(BPF_ADD, 0, 1), I.exit(), 'f', I.mov64Imm(1, 1), I.exit()],
      'instruction 2: R0 is read, but was not written',
    ],
    [
      'the caller’s R6 in a function',
      [I.mov64Imm(6, 9), I.callPseudo('f'), ...RETURN_0, 'f', I.mov64Reg(0, 6), I.exit()],
      'instruction 4: R6 is read, but was not written',
    ],
  ])('%s', (_, items, expected) => {
    const k = new FakeKernel({ checked: true });
    const prog = k.load(items, { calls: [clobber(k)], subprogs: [{ start: 3 }, { start: 4 }] });
    expect(outcome(k, prog, k.ctx())).toBe(expected);
  });

  it('void helpers leave R0 unwritten', () => {
    const k = new FakeKernel({ checked: true });
    const row = k.helper({ retWidth: 'sext', call: () => 0 }, { ret: 'RET_VOID' });
    const prog = k.load([I.callHelper(1), I.alu64Imm(BPF_ADD, 0, 0), I.exit()], { calls: [row] });
    expect(outcome(k, prog, 0)).toContain('R0 is read');
  });

  it('a store that the kernel added may park a register nobody wrote', () => {
    const k = new FakeKernel({ checked: true });
    const prog = k.load([I.stxMem(BPF_DW, 1, 9, 0), I.ldxMem(BPF_DW, 9, 1, 0), ...RETURN_0]);
    expect(outcome(k, prog, k.ctx())).toContain('R9 is read');
    prog.verified.origIdx[1] = 0;
    expect(outcome(k, prog, k.ctx())).toBe('0');
  });
});

describe('accesses', () => {
  it.each<[string, I.ProgramItem[], string]>([
    ['inside the context', [I.ldxMem(BPF_DW, 0, 1, 56), I.exit()], '0'],
    [
      'across its end',
      [I.ldxMem(BPF_DW, 0, 1, 60), I.exit()],
      'instruction 0: 8 bytes of which only 4 belong to the object (ctx)',
    ],
    [
      'through NULL',
      [I.mov64Imm(2, 0), I.ldxMem(BPF_B, 0, 2, 0), I.exit()],
      'instruction 1: 1 bytes where no object lives',
    ],
    [
      'through a number that looks like an offset',
      [I.mov32Reg(2, 1), I.ldxMem(BPF_B, 0, 2, 0), I.exit()],
      'instruction 1: 1 bytes where no object lives',
    ],
    ['a written stack byte', [I.stMem(BPF_DW, 10, -16, 5), I.ldxMem(BPF_W, 0, 10, -16), I.exit()], '5'],
    [
      'an unwritten stack byte',
      [I.stMem(BPF_W, 10, -8, 5), I.ldxMem(BPF_DW, 0, 10, -8), I.exit()],
      'instruction 1: a byte of the stack is read, but was not written',
    ],
    [
      'more stack than the program has',
      [I.stMem(BPF_B, 10, -25, 5), ...RETURN_0],
      'instruction 0: the stack 25 bytes below its top, of which 24 are used',
    ],
    [
      'the top of the stack',
      [I.stMem(BPF_B, 10, 0, 5), ...RETURN_0],
      'instruction 0: 1 bytes in the stack of a function that returned',
    ],
    [
      'XADD of what was not written',
      [I.atomic(BPF_DW, 0, 10, 1, -8), ...RETURN_0],
      'instruction 0: a byte of the stack',
    ],
  ])('%s', (_, items, expected) => {
    const k = new FakeKernel({ checked: true });
    expect(outcome(k, k.load(items, { stackDepth: 20 }), k.ctx())).toContain(expected);
  });

  it('of what was freed, and of what is read-only', () => {
    const k = new FakeKernel({ checked: true });
    const off = k.mem.alloc(8, { kind: 'map_value', name: 'counts', writable: false });
    const load = k.load([...I.ldImm64(2, k.mem.toAddr(off)), I.ldxMem(BPF_DW, 0, 2, 0), I.exit()]);
    const store = k.load([...I.ldImm64(2, k.mem.toAddr(off)), I.stMem(BPF_DW, 2, 0, 1), ...RETURN_0]);
    expect(outcome(k, load, 0)).toBe('0');
    expect(outcome(k, store, 0)).toBe('instruction 2: 8 bytes of a read-only object (map_value counts) to be written');
    k.mem.free(off);
    expect(outcome(k, load, 0)).toBe('instruction 2: 8 bytes where no object lives');
  });

  it('of a caller’s stack by its callee, but not of a callee’s by its caller', () => {
    const k = new FakeKernel({ checked: true });
    const write = [I.mov64Reg(1, 10), I.callPseudo('f'), I.ldxMem(BPF_DW, 0, 10, -8), I.exit()];
    const ok = k.load([...write, 'f', I.stMem(BPF_DW, 1, -8, 6), ...RETURN_0], { subprogs: [{ start: 4 }] });
    expect(outcome(k, ok, 0)).toBe('6');
    const keep = [I.callPseudo('f'), I.ldxMem(BPF_DW, 0, 0, -8), I.exit()];
    const bad = k.load([...keep, 'f', I.stMem(BPF_DW, 10, -8, 6), I.mov64Reg(0, 10), I.exit()], {
      subprogs: [{ start: 3 }],
    });
    expect(outcome(k, bad, 0)).toBe('instruction 1: 8 bytes in the stack of a function that returned');
  });
});

describe('arguments of helpers', () => {
  const stackPtr = (reg: number, off: number): I.ProgramItem[] => [I.mov64Reg(reg, 10), I.alu64Imm(BPF_ADD, reg, off)];
  const write8 = I.stMem(BPF_DW, 10, -8, 1);
  const at = (type: ArgType, ...more: ArgType[]): ArgType[] => [type, ...more];

  it.each<[string, ArgType[], I.ProgramItem[], string]>([
    ['memory', at('ARG_PTR_TO_MEM', 'ARG_CONST_SIZE'), [write8, ...stackPtr(1, -8), I.mov64Imm(2, 8)], '7'],
    [
      'memory not written',
      at('ARG_PTR_TO_MEM', 'ARG_CONST_SIZE'),
      [write8, ...stackPtr(1, -16), I.mov64Imm(2, 16)],
      'a byte of the stack is read',
    ],
    [
      'memory too long',
      at('ARG_PTR_TO_MEM', 'ARG_CONST_SIZE'),
      [write8, ...stackPtr(1, -8), I.mov64Imm(2, 9)],
      'across the top of a stack',
    ],
    [
      'memory to be written',
      at('ARG_PTR_TO_UNINIT_MEM', 'ARG_CONST_SIZE'),
      [...stackPtr(1, -16), I.mov64Imm(2, 16)],
      '7',
    ],
    [
      'no bytes anywhere',
      at('ARG_PTR_TO_MEM_OR_NULL', 'ARG_CONST_SIZE_OR_ZERO'),
      [I.mov64Imm(1, 0), I.mov64Imm(2, 0)],
      '7',
    ],
    ['NULL where allowed', at('ARG_PTR_TO_MEM_OR_NULL', 'ARG_CONST_SIZE'), [I.mov64Imm(1, 0), I.mov64Imm(2, 4)], '7'],
    ['NULL where not', at('ARG_PTR_TO_MEM', 'ARG_CONST_SIZE'), [I.mov64Imm(1, 0), I.mov64Imm(2, 4)], 'no object lives'],
    ['the context', at('ARG_PTR_TO_CTX'), [], '7'],
    ['not the context', at('ARG_PTR_TO_CTX'), [I.alu64Imm(BPF_ADD, 1, 8)], 'argument 1 of bpf_test is not the context'],
    ['not a map', at('ARG_CONST_MAP_PTR'), [], 'argument 1 of bpf_test is no map'],
    ['nothing', at('ARG_ANYTHING', 'ARG_ANYTHING'), [], 'R2, argument 2 of bpf_test, was not written'],
    ['a long', at('ARG_PTR_TO_LONG'), [...stackPtr(1, -8)], '7'],
    ['a long across the top', at('ARG_PTR_TO_LONG'), [...stackPtr(1, -4)], 'across the top of a stack'],
  ])('%s', (_, args, items, expected) => {
    const k = new FakeKernel({ checked: true });
    const row = k.helper({ retWidth: 'sext', call: () => 7 }, { args });
    expect(outcome(k, k.load([...items, I.callHelper(1), I.exit()], { calls: [row] }), k.ctx())).toContain(expected);
  });

  it('keys and values of the map in R1', () => {
    const k = new FakeKernel({ checked: true });
    const map = k.map({}, { keySize: 4, valueSize: 16 });
    const args = at('ARG_CONST_MAP_PTR', 'ARG_PTR_TO_MAP_KEY', 'ARG_PTR_TO_MAP_VALUE');
    const row = k.helper({ retWidth: 'sext', call: () => 7 }, { args });
    const run = (keyOff: number, valueOff: number): string => {
      const fill = [-8, -16, -24, -32].map((off) => I.stMem(BPF_DW, 10, off, 1));
      const set = [...I.ldImm64(1, map.addr), ...stackPtr(2, keyOff), ...stackPtr(3, valueOff)];
      return outcome(k, k.load([...fill, ...set, I.callHelper(1), I.exit()], { calls: [row] }), 0);
    };
    expect(run(-4, -32)).toBe('7');
    expect(run(-3, -32)).toContain('4 bytes across the top of a stack');
    expect(run(-4, -15)).toContain('16 bytes across the top of a stack');
    expect(run(-36, -32)).toContain('a byte of the stack is read, but was not written');
  });

  it('what a helper writes counts as written', () => {
    const k = new FakeKernel({ checked: true });
    const row = k.helper(
      { retWidth: 'sext', call: (call, at) => (call.kernel.mem.write32(at, 77), 0) },
      { args: ['ARG_PTR_TO_UNINIT_MEM', 'ARG_CONST_SIZE'] },
    );
    const items = [...stackPtr(1, -4), I.mov64Imm(2, 4), I.callHelper(1), I.ldxMem(BPF_W, 0, 10, -4), I.exit()];
    expect(outcome(k, k.load(items, { calls: [row] }), 0)).toBe('77');
  });
});

it('a tail-called program starts anew', () => {
  const k = new FakeKernel({ checked: true });
  const target = k.load([I.alu64Reg(BPF_MOV, 0, 6), I.exit()]);
  const array = k.progArray([target]);
  const tail = { code: 0xf5, dst: 0, src: 0, off: 0, imm: 0 };
  const prog = k.load([I.mov64Imm(6, 1), ...I.ldImm64(2, array.addr), I.mov64Imm(3, 0), tail, ...RETURN_0]);
  expect(outcome(k, prog, 0)).toBe('instruction 0: R6 is read, but was not written');
});
