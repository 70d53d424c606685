// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import * as I from '@tsbpf/insn';
import { BPF_DW, FaultError } from '@tsbpf/uapi';
import { FakeKernel } from '../test/fake-kernel.ts';

describe('faults without checked mode', () => {
  it('say where', () => {
    const k = new FakeKernel();
    const prog = k.load([I.mov64Imm(1, -16), I.ldxMem(BPF_DW, 0, 1, 12), I.exit()]);
    expect(() => prog.loaded.run(0)).toThrow(FaultError);
    expect(() => prog.loaded.run(0)).toThrow('instruction 1 ');
    expect(k.services.currentCall).toBeUndefined();
  });

  it('and steps that were given up leave the next run a stack of its own', () => {
    const k = new FakeKernel();
    // R0 is where the frame of main ends, unless the function loads from what R1 points at.
    const items = [I.callPseudo('down'), I.mov64Reg(0, 10), I.exit(), 'down', I.ldxMem(BPF_DW, 0, 1, 0), I.exit()];
    const prog = k.load(items, { subprogs: [{ start: 3 }] });
    const ctx = k.ctx();
    const top = prog.loaded.run(ctx);
    expect(() => prog.loaded.run(0xffffffff)).toThrow('instruction 3 ');
    expect(prog.loaded.run(ctx)).toBe(top);
    const run = prog.loaded.start(ctx);
    run.step();
    expect(run.frames()).toHaveLength(2);
    run.abort();
    expect([prog.loaded.start(ctx).finish() & 0xffffffffn, prog.loaded.run(ctx)]).toEqual([BigInt(top), top]);
  });
});
