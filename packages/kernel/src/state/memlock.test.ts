// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { E2BIG, EPERM } from '@tsbpf/uapi';
import { createEnv } from './env.ts';
import { createMemlock } from './memlock.ts';

describe('memlock', () => {
  it('charges whole pages up to the limit', () => {
    const memlock = createMemlock(createEnv({ memlockLimitBytes: 3 * 4096 }));
    expect(memlock.charge(1)).toBe(0);
    expect(memlock.charge(4097)).toBe(0);
    expect(memlock.chargedBytes).toBe(3 * 4096);
    expect(memlock.charge(1)).toBe(-EPERM);
    memlock.uncharge(4097);
    expect(memlock.charge(4096)).toBe(0);
  });

  it('refuses a cost that the kernel cannot count', () => {
    const memlock = createMemlock(createEnv());
    expect(memlock.charge(0xffffffff - 4096)).toBe(-E2BIG);
    expect(memlock.chargedBytes).toBe(0);
  });
});
