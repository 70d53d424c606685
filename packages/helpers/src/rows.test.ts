// SPDX-License-Identifier: MIT
import { InternalError, NotSupportedError } from '@tsbpf/uapi';
import { HELPER_PROTOS } from '@tsbpf/core';
import { callHelper, createTestKernel } from '@tsbpf/testkit';
import { describe, expect, test } from 'vitest';
import { helperRows as rows } from './rows.ts';

describe('helperRows', () => {
  test('each has the prototype of v5.6 and a body, and none comes twice', () => {
    for (const row of rows) {
      expect(row.proto, row.variant).toBe(HELPER_PROTOS[row.variant as keyof typeof HELPER_PROTOS]);
      expect(row.impl, row.variant).toBeDefined();
      const wide = row.impl?.wideArgs ?? [];
      expect(Math.max(0, ...wide), row.variant).toBeLessThanOrEqual(5);
    }
    expect(new Set(rows.map((row) => row.variant)).size).toBe(rows.length);
  });

  test('CPU, node and pseudo-random numbers come from the environment', () => {
    const kernel = createTestKernel({ env: { cpus: 8, seed: 7 } });
    const again = createTestKernel({ env: { cpus: 8, seed: 7 } });
    kernel.env.cpu = 5;
    expect(callHelper(kernel, { rows, variant: 'bpf_get_smp_processor_id' })).toBe(5n);
    expect(callHelper(kernel, { rows, variant: 'bpf_get_raw_smp_processor_id' })).toBe(5n);
    expect(callHelper(kernel, { rows, variant: 'bpf_get_numa_node_id' })).toBe(0n);
    for (let i = 0; i < 20; i++) {
      const random = callHelper(kernel, { rows, variant: 'bpf_get_prandom_u32' });
      expect(random).toBe(BigInt(again.env.prandomU32()));
      expect(random).toBeLessThan(1n << 32n);
    }
  });

  test('clocks keep all 64 bits', () => {
    const startNs = 0x0123_4567_89ab_cdefn;
    const kernel = createTestKernel({ env: { startNs, tickNs: 3n, hz: 1000 } });
    expect(callHelper(kernel, { rows, variant: 'bpf_jiffies64' })).toBe(startNs / 1_000_000n);
    expect(callHelper(kernel, { rows, variant: 'bpf_ktime_get_ns' })).toBe(startNs + 3n);
    expect(callHelper(kernel, { rows, variant: 'bpf_ktime_get_ns' })).toBe(startNs + 6n);
  });

  test('a lock is a word that is 1 while held; taking it twice would never end', () => {
    const kernel = createTestKernel();
    const lock = kernel.mem.alloc(4);
    const args = [kernel.mem.toAddr(lock)];
    callHelper(kernel, { rows, variant: 'bpf_spin_lock' }, { args });
    expect(kernel.mem.read32(lock)).toBe(1);
    expect(() => callHelper(kernel, { rows, variant: 'bpf_spin_lock' }, { args })).toThrow(NotSupportedError);
    callHelper(kernel, { rows, variant: 'bpf_spin_unlock' }, { args });
    expect(kernel.mem.read32(lock)).toBe(0);
    callHelper(kernel, { rows, variant: 'bpf_spin_lock' }, { args });
  });

  test('a tail call is never a function call', () => {
    const kernel = createTestKernel();
    expect(() => callHelper(kernel, { rows, variant: 'bpf_tail_call' })).toThrow(InternalError);
  });
});
