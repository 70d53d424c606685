// SPDX-License-Identifier: MIT
// The plain JavaScript does the programs' work: the same R0.
import { describe, expect, it } from 'vitest';
import { createInterpreter } from '@tsbpf/interpreter';
import { ExecKernel } from '@tsbpf/testkit';
import { EngineTarget } from '../packages/jit/bench/engine-target.ts';
import { packetBytes, PROGRAMS } from '../packages/jit/bench/programs.ts';
import { plainJs } from './plain-js.ts';

describe('plain JavaScript', () => {
  const twins = plainJs();
  it.each(PROGRAMS.map((program) => [program.name, program] as const))('%s', (name, { make }) => {
    const k = new ExecKernel((kernel) => createInterpreter(kernel));
    const { mem } = k.state;
    const packet = mem.alloc(1500);
    mem.writeBytes(packet, packetBytes());
    const ctx = mem.alloc(16);
    mem.write64(ctx, mem.toAddr(packet));
    mem.write64(ctx + 8, mem.toAddr(packet + 1500));
    const { loaded } = make(new EngineTarget(k));
    loaded.run(ctx);
    expect(BigInt(twins[name]?.() ?? -1)).toBe(loaded.lastR0);
  });
});
