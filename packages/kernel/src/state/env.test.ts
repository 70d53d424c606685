// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { CAP_SYS_ADMIN } from '@tsbpf/uapi';
import { createEnv } from './env.ts';

describe('environment', () => {
  it('is the same for the same seed', () => {
    const numbers = (seed: number): number[] => {
      const env = createEnv({ seed });
      return Array.from({ length: 8 }, () => env.prandomU32());
    };
    expect(numbers(7)).toEqual(numbers(7));
    expect(numbers(7)).not.toEqual(numbers(8));
    expect(numbers(7).every((n) => Number.isInteger(n) && n >= 0 && n <= 0xffffffff)).toBe(true);
  });

  it('advances the clock by the tick at each reading, and by hand', () => {
    const env = createEnv({ startNs: 100n, tickNs: 10n });
    expect([env.ktimeNs(), env.ktimeNs()]).toEqual([110n, 120n]);
    env.advanceNs(1000n);
    expect(env.ktimeNs()).toBe(1130n);
  });

  it('gives a user other than root no capabilities', () => {
    expect(createEnv().capable(CAP_SYS_ADMIN)).toBe(true);
    expect(createEnv({ task: { uid: 1000 } }).capable(CAP_SYS_ADMIN)).toBe(false);
    expect(createEnv({ task: { uid: 1000, caps: [CAP_SYS_ADMIN] } }).capable(CAP_SYS_ADMIN)).toBe(true);
  });

  it('comes back from a checkpoint', () => {
    const env = createEnv();
    const saved = env.save();
    const first = [env.prandomU32(), env.ktimeNs()];
    env.tracePrintk('x');
    env.restore(saved);
    expect([env.prandomU32(), env.ktimeNs()]).toEqual(first);
    expect(env.tracePipe).toEqual([]);
  });
});
