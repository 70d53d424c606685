// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import * as I from '@tsbpf/insn';
import { BPF_ADD, BPF_DW, BPF_JLT, BPF_JNE, UsageError, type FaultError } from '@tsbpf/uapi';
import type { BpfProg, ExecObserver } from '@tsbpf/core';
import { FakeKernel } from '../../test/fake-kernel.ts';
import { createRecorder } from '../record/recorder.ts';

const TAIL_CALL = { code: 0xf5, dst: 0, src: 0, off: 0, imm: 0 } as const;

const LOOP = [
  I.mov64Imm(6, 0),
  I.mov64Imm(0, 0),
  'loop',
  I.alu64Reg(BPF_ADD, 0, 6),
  I.alu64Imm(BPF_ADD, 6, 1),
  I.jmpImm(BPF_JLT, 6, 3, 'loop'),
  I.exit(),
];

describe('stepping', () => {
  it('goes instruction by instruction', () => {
    const k = new FakeKernel();
    const prog = k.load(LOOP);
    const ctx = k.ctx();
    const run = prog.loaded.start(ctx);
    const seen: string[] = [];
    do seen.push(`${run.insnIdx}:${run.reg(6)}:${run.done}`);
    while (run.step());
    expect(seen.map((line) => line.split(':')[0]).join(' ')).toBe('0 1 2 3 4 2 3 4 2 3 4 5');
    expect(seen.at(-1)).toBe('5:3:false');
    expect([run.done, run.r0, run.step(), run.finish(), prog.loaded.lastR0]).toEqual([true, 3n, false, 3n, 3n]);
    expect([run.prog, run.ctx, run.origIdx]).toEqual([prog, ctx, 5]);
    expect(k.rcuDepth).toBe(0);
  });

  it('skips both halves of a constant at once', () => {
    const k = new FakeKernel();
    const run = k.load([...I.ldImm64(0, 5n), I.exit()]).loaded.start(0);
    run.step();
    expect([run.insnIdx, run.reg(0)]).toEqual([2, 5n]);
  });

  it('shows frames, innermost first', () => {
    const k = new FakeKernel();
    const prog = k.load(
      [I.mov64Imm(7, 70), I.callPseudo('f'), I.exit(), 'f', I.mov64Imm(7, 1), I.mov64Imm(0, 2), I.exit()],
      {
        subprogs: [{ start: 3 }],
      },
    );
    const run = prog.loaded.start(0);
    for (let i = 0; i < 3; i++) run.step();
    const [inner, outer] = run.frames();
    expect([inner.subprog, inner.insnIdx, inner.savedRegs]).toEqual([1, 4, undefined]);
    expect([outer.subprog, outer.insnIdx]).toEqual([0, 1]);
    expect(outer.savedRegs?.[1]).toBe(70n);
    expect(inner.stackTop - outer.stackTop).toBe(512);
    expect(run.reg(10)).toBe(k.mem.toAddr(inner.stackTop));
    expect(run.finish()).toBe(2n);
    expect(() => run.reg(12)).toThrow(UsageError);
  });

  it('can be given up, and several can be under way', () => {
    const k = new FakeKernel();
    const prog = k.load([I.stxMem(BPF_DW, 10, 1, -8), I.ldxMem(BPF_DW, 0, 10, -8), I.exit()]);
    const [a, b, c] = [1, 2, 3].map((i) => prog.loaded.start(0x10000 * i));
    for (const run of [a, b, c]) run.step();
    b.abort();
    b.abort();
    expect([b.done, a.finish() & 0xffffffffn, c.finish() & 0xffffffffn]).toEqual([true, 0x10000n, 0x30000n]);
    expect(k.rcuDepth).toBe(0);
  });

  it('goes into tail calls', () => {
    const k = new FakeKernel();
    const target = k.load([I.mov64Imm(0, 1), I.exit()]);
    const array = k.progArray([target]);
    const run = k.load([...I.ldImm64(2, array.addr), I.mov64Imm(3, 0), TAIL_CALL, I.exit()]).loaded.start(0);
    for (let i = 0; i < 3; i++) run.step();
    expect([run.prog, run.insnIdx, run.tailCalls]).toEqual([target, 0, 1]);
    expect(run.finish()).toBe(1n);
  });
});

describe('observers', () => {
  it('see everything, in order, with the values of that moment', () => {
    const k = new FakeKernel();
    const target = k.load([I.mov64Imm(0, 8), I.exit()]);
    const array = k.progArray([target]);
    const row = k.helper({ retWidth: 'sext', call: (_call, a1) => a1 * 2 });
    const prog = k.load(
      [
        I.mov64Imm(1, 21),
        I.callHelper(1),
        I.jmpImm(BPF_JNE, 0, 42, 'out'),
        I.jmpImm(BPF_JNE, 0, 41, 0),
        ...I.ldImm64(2, array.addr),
        I.mov64Imm(3, 0),
        TAIL_CALL,
        'out',
        I.exit(),
      ],
      { calls: [row] },
    );
    const log: string[] = [];
    const nameOf = (p: BpfProg | undefined): string => (p === prog ? 'prog' : 'target');
    const observer: ExecObserver = {
      insn: (run) => log.push(`${nameOf(run.prog)} ${run.insnIdx}`),
      branch: (run, taken) => log.push(`branch ${run.insnIdx} ${taken}`),
      helperCall: (run, { variant }) => log.push(`call ${variant} ${run.reg(1)}`),
      helperReturn: (run, { variant }, r0) => log.push(`return ${variant} ${r0} at ${run.insnIdx}`),
      tailCall: (run, to) => log.push(`tail ${nameOf(to)} ${run.tailCalls}`),
      exit: (run, r0) => log.push(`exit ${nameOf(run.prog)} ${r0}`),
    };
    expect(prog.loaded.run(0)).toBe(8);
    expect(log).toEqual([]);
    k.observers = [observer];
    expect(prog.loaded.run(0)).toBe(8);
    expect(log).toEqual([
      'prog 0',
      'prog 1',
      'call bpf_test 21',
      'return bpf_test 42 at 1',
      'prog 2',
      'branch 2 false',
      'prog 3',
      'branch 3 true',
      'prog 4',
      'prog 6',
      'prog 7',
      'tail target 1',
      'target 0',
      'target 1',
      'exit target 8',
    ]);
  });
});

describe('a recorded run', () => {
  /** Counts in memory and in a part of the kernel's that is not memory. */
  const setUp = (): { k: FakeKernel; prog: BpfProg; counter: number; calls: () => number } => {
    const k = new FakeKernel({ checked: true });
    let calls = 0;
    k.checkpointables.push({
      checkpointName: 'calls',
      save: () => calls,
      restore: (saved) => (calls = saved as number),
    });
    const row = k.helper({ retWidth: 'sext', call: () => ++calls });
    const prog = k.load(
      [
        I.mov64Reg(6, 1),
        I.mov64Imm(7, 0),
        'loop',
        I.callHelper(1),
        I.stxMem(BPF_DW, 6, 0, 0),
        I.stxMem(BPF_DW, 10, 0, -8),
        I.alu64Imm(BPF_ADD, 7, 1),
        I.jmpImm(BPF_JLT, 7, 100, 'loop'),
        I.ldxMem(BPF_DW, 0, 10, -8),
        I.exit(),
      ],
      { calls: [row] },
    );
    return { k, prog, counter: k.ctx(), calls: () => calls };
  };

  it.each([1, 7, 1000])('goes back to any position, with a checkpoint every %i', (every) => {
    const { k, prog, counter, calls } = setUp();
    const run = prog.loaded.start(counter);
    const recorder = createRecorder(k.services, run, { every, keep: 5 });
    const state = (): string =>
      `${run.insnIdx} ${[0, 6, 7].map((reg) => run.reg(reg)).join(' ')} ${k.mem.read64(counter)} ${calls()} ${run.done}`;
    const states: string[] = [];
    do states.push(state());
    while (recorder.step());
    expect(recorder.position).toBe(states.length);
    expect([run.r0, k.rcuDepth]).toEqual([100n, 0]);
    for (const position of [states.length - 1, 300, 301, 17, 0, 250]) {
      recorder.seek(position);
      expect([recorder.position, state()]).toEqual([position, states[position]]);
      expect(k.rcuDepth).toBe(1);
    }
    expect([recorder.back(), state()]).toEqual([true, states[249]]);
    recorder.seek(Infinity);
    expect([run.done, run.r0, calls(), k.rcuDepth]).toEqual([true, 100n, 100, 0]);
    recorder.seek(0);
    expect(recorder.back()).toBe(false);
    expect(run.finish()).toBe(100n);
    expect(prog.loaded.run(counter)).toBe(200);
  });

  it('is one of this interpreter', () => {
    const { k } = setUp();
    expect(() => createRecorder(k.services, {} as never)).toThrow(UsageError);
  });

  it('goes back from a fault', () => {
    const k = new FakeKernel({ checked: true });
    const run = k.load([I.mov64Imm(2, 5), I.ldxMem(BPF_DW, 0, 2, 0), I.exit()]).loaded.start(0);
    const recorder = createRecorder(k.services, run);
    expect(() => recorder.seek(9)).toThrow(expect.objectContaining({ insnIdx: 1 }) as FaultError);
    expect(run.done).toBe(true);
    recorder.seek(1);
    expect([run.done, run.insnIdx, run.reg(2)]).toEqual([false, 1, 5n]);
  });
});
