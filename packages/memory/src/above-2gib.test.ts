// SPDX-License-Identifier: MIT
import { expect, it } from 'vitest';
import { KernelMemory } from './kernel-memory.ts';

const GIB = 2 ** 30;

it('works above 2 GiB, up to the end of the address space', (ctx) => {
  const mem = new KernelMemory();
  const low = mem.alloc(2 * GIB, { kind: 'map_value' });
  if (low === 0) ctx.skip('this machine grants no memory of 2 GiB');
  const first = mem.alloc(24, { kind: 'object' });
  const packet = mem.alloc(70_000, { kind: 'packet' });
  const rest = 4 * GIB - 65536 - mem.allocatedBytes - 10 * 65536;
  const high = mem.alloc(rest, { kind: 'map_value' });
  if (high === 0) ctx.skip('this machine grants no memory of 4 GiB');
  expect(mem.wasm.buffer.byteLength).toBeGreaterThan(4 * GIB - 16 * 65536);
  expect(packet).toBeGreaterThan(2 * GIB);
  for (const off of [packet, packet + 69_992, high, high + rest - 8]) {
    expect(off).toBe(off >>> 0);
    expect(mem.toOff(mem.toAddr(off))).toBe(off);
    mem.write64(off | 0, 0x0123456789abcdefn);
    expect(mem.read64(off)).toBe(0x0123456789abcdefn);
    expect(mem.readS32(off + 4)).toBe(0x01234567);
    expect(mem.u32[off >>> 2]).toBe(0x89abcdef);
    expect(mem.regionOf(off | 0)?.off).toBe(off >= high ? high : packet);
  }
  mem.copy(high + rest - 100, packet, 8);
  expect(mem.compare(high + rest - 100, packet, 8)).toBe(0);
  expect(mem.alloc(GIB)).toBe(0);
  expect(high + rest).toBeLessThan(2 ** 32);
  for (const off of [first, packet, high]) mem.free(off | 0);
  expect(mem.alloc(2 * GIB - 20 * 65536, { zero: false })).toBeGreaterThan(2 * GIB);
  mem.free(low);
  expect(mem.liveRegions).toBe(1);
});
