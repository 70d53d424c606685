// SPDX-License-Identifier: MIT
import { assemble, type Insn } from '@tsbpf/insn';
import { asVerified, ExecKernel } from '@tsbpf/testkit';
import { NotSupportedError } from '@tsbpf/uapi';
import type { Executor, LoadedProg } from '@tsbpf/core';
import { describe, expect, it } from 'vitest';
import { createJit } from './jit.ts';

const [STORE, EXIT] = assemble('stdw [r10-8], 2147483647\nexit');

/** An engine that only counts what it is given. */
function counting(): Executor & { loads: number } {
  const engine = {
    name: 'interpreter' as const,
    loads: 0,
    load: () => (engine.loads++, { engine: 'interpreter' } as LoadedProg),
  };
  return engine;
}

describe('large programs', () => {
  it('of a hundred thousand instructions compile and run', () => {
    const k = new ExecKernel((kernel) => createJit(kernel));
    const body = Array.from({ length: 33_333 }, (_, i) => `add r0, ${i}\njne r0, ${i}, +1\nadd r0, 1`).join('\n');
    const prog = k.load(`mov r0, 0\n${body}\nexit`);
    // Only the first sum equals its summand.
    expect(k.run(prog)).toBe(BigInt((33_332 * 33_333) / 2) + 1n);
  });

  it('that no Wasm engine takes are left to the fallback, or refused by name', () => {
    const insns: Insn[] = new Array<Insn>(700_000).fill(STORE);
    const verified = asVerified([...insns, EXIT]);
    const fallback = counting();
    const k = new ExecKernel((kernel) => createJit(kernel, { fallback }));
    expect(k.loadVerified(verified).loaded.engine).toBe('interpreter');
    expect(fallback.loads).toBe(1);
    const alone = new ExecKernel((kernel) => createJit(kernel));
    expect(() => alone.loadVerified(verified)).toThrow(NotSupportedError);
  });
});

describe('without a fallback', () => {
  it('observers and steps are not supported', () => {
    const k = new ExecKernel((kernel) => createJit(kernel));
    const prog = k.load([EXIT]);
    expect(() => prog.loaded.start(0)).toThrow(NotSupportedError);
    k.state.observe({});
    expect(() => prog.loaded.run(0)).toThrow(NotSupportedError);
  });
});

describe('modules', () => {
  it('are compiled once for a program, and measured', () => {
    let now = 0;
    const k = new ExecKernel((kernel) => createJit(kernel, { nowNs: () => (now += 5) }));
    const verified = asVerified(assemble('mov r0, 3\nexit'));
    const [first, second] = [k.loadVerified(verified), k.loadVerified(verified)];
    expect([k.run(first), k.run(second)]).toEqual([3n, 3n]);
    expect([first.loaded.compileNs, first.loaded.codeBytes]).toEqual([5, second.loaded.codeBytes]);
  });
});
