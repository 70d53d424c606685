// SPDX-License-Identifier: MIT
import { InternalError, UsageError } from '@tsbpf/uapi';
import { describe, expect, it } from 'vitest';
import { FIRST_OFF } from './address.ts';
import { KernelMemory } from './kernel-memory.ts';

describe('KernelMemory: allocation', () => {
  it('never allocates the first 64 KiB, and keeps them zero', () => {
    const mem = new KernelMemory();
    for (let i = 0; i < 100; i++) expect(mem.alloc(1 << (i % 17))).toBeGreaterThanOrEqual(FIRST_OFF);
    expect(mem.readBytes(0, FIRST_OFF).every((byte) => byte === 0)).toBe(true);
  });

  it.each([1, 2, 8, 16, 64, 256, 4096, 8192, 65536, 1 << 20])('aligns to %i', (align) => {
    const mem = new KernelMemory();
    for (const len of [1, 7, 8, 24, 100, 4096, 5000, 100_000]) {
      const off = mem.alloc(len, { align });
      expect(off).not.toBe(0);
      expect(off % align).toBe(0);
      expect(off % 8).toBe(0);
    }
  });

  it('zeroes reused memory unless told not to', () => {
    const mem = new KernelMemory();
    for (const len of [24, 10_000]) {
      const off = mem.alloc(len);
      mem.fill(off, len, 0xaa);
      mem.free(off);
      expect(mem.alloc(len, { zero: false })).toBe(off);
      expect(mem.read8(off + len - 1)).toBe(0xaa);
      mem.free(off);
      expect(mem.alloc(len)).toBe(off);
      expect(mem.readBytes(off, len).every((byte) => byte === 0)).toBe(true);
    }
  });

  it('poisons what is freed only when asked', () => {
    const mem = new KernelMemory({ poison: true });
    const off = mem.alloc(40);
    mem.free(off);
    expect(mem.readBytes(off, 40).every((byte) => byte === 0x6b)).toBe(true);
    expect(mem.read8(mem.alloc(40))).toBe(0);
  });

  it('gives zero bytes an offset of their own', () => {
    const mem = new KernelMemory();
    const a = mem.alloc(0);
    const b = mem.alloc(0);
    expect(a).not.toBe(b);
    expect(mem.regionOf(a)).toBeUndefined();
    mem.free(a);
    mem.free(b);
    expect(mem.liveRegions).toBe(0);
  });

  it('answers 0 when exhausted, and works again after a free', () => {
    const mem = new KernelMemory({ initialPages: 2, maximumPages: 8 });
    expect(mem.alloc(8 * 65536)).toBe(0);
    const big = mem.alloc(7 * 65536);
    expect(big).toBe(FIRST_OFF);
    expect(mem.alloc(1)).toBe(0);
    expect(mem.alloc(5000)).toBe(0);
    expect(mem.liveRegions).toBe(1);
    mem.free(big);
    const small: number[] = [];
    for (let off = mem.alloc(64); off !== 0; off = mem.alloc(64)) small.push(off);
    expect(small.length).toBe((7 * 65536) / 64);
    small.forEach((off) => mem.free(off));
    expect(mem.allocatedBytes).toBe(0);
    expect(mem.alloc(6 * 65536)).not.toBe(0);
  });

  it('refuses bad frees', () => {
    const mem = new KernelMemory();
    const small = mem.alloc(16, { kind: 'object' });
    const large = mem.alloc(10_000, { kind: 'map_value' });
    for (const off of [0, 8, FIRST_OFF - 8, small + 8, large + 4096, large + 8, 0xfffffff8]) {
      expect(() => mem.free(off), `free of ${off}`).toThrow(InternalError);
    }
    expect(() => mem.free(large + 8)).toThrow(`inside the map_value at 0x${large.toString(16)}`);
    mem.free(small);
    mem.free(large);
    expect(() => mem.free(small)).toThrow('no live region is there');
    expect(() => mem.free(large)).toThrow('no live region is there');
  });

  it('refuses arguments that make no sense', () => {
    const mem = new KernelMemory();
    expect(() => mem.alloc(-1)).toThrow(InternalError);
    expect(() => mem.alloc(Number.NaN)).toThrow(InternalError);
    expect(() => mem.alloc(8, { align: 3 })).toThrow(InternalError);
    expect(() => mem.alloc(8, { align: 0 })).toThrow(InternalError);
    expect(mem.alloc(2 ** 33)).toBe(0);
    expect(() => new KernelMemory({ initialPages: 9, maximumPages: 8 })).toThrow(UsageError);
    expect(() => new KernelMemory({ maximumPages: 65537 })).toThrow(UsageError);
  });
});

describe('KernelMemory: regions', () => {
  it('finds regions by any of their bytes, and not by the slack behind', () => {
    const mem = new KernelMemory();
    const small = mem.alloc(17, { kind: 'ctx', name: '__sk_buff', writable: false });
    const large = mem.alloc(9000, { kind: 'map_value' });
    expect(mem.regionOf(small)).toEqual({ off: small, lenBytes: 17, kind: 'ctx', name: '__sk_buff', writable: false });
    expect(mem.regionOf(small + 16)?.off).toBe(small);
    expect(mem.regionOf(small + 17)).toBeUndefined();
    expect(mem.regionOf(large + 8999)?.off).toBe(large);
    expect(mem.regionOf(large + 9000)).toBeUndefined();
    expect(mem.regionOf(0)).toBeUndefined();
    expect(mem.regionOf(0xffffffff)).toBeUndefined();
    expect([...mem.regions()].map((region) => region.off).sort((a, b) => a - b)).toEqual([small, large]);
    mem.free(large);
    expect(mem.regionOf(large)).toBeUndefined();
  });

  it('lets the owner switch writability', () => {
    const mem = new KernelMemory();
    const off = mem.alloc(64);
    const region = mem.regionOf(off);
    if (region === undefined) expect.fail('no region');
    region.writable = false;
    expect(mem.regionOf(off + 63)?.writable).toBe(false);
  });
});

describe('KernelMemory: growth', () => {
  it('renews the views, keeps the bytes and changes the generation', () => {
    const mem = new KernelMemory({ initialPages: 2 });
    const off = mem.alloc(8);
    mem.write64(off, 0x1122334455667788n);
    const { generation, u8 } = mem;
    const big = mem.alloc(1 << 20);
    expect(mem.generation).not.toBe(generation);
    expect(u8.length).toBe(0);
    expect(mem.u8.length).toBe(mem.wasm.buffer.byteLength);
    expect(mem.u8.length).toBeGreaterThanOrEqual(big + (1 << 20));
    expect(mem.read64(off)).toBe(0x1122334455667788n);
    expect(mem.u32[off >>> 2]).toBe(0x55667788);
    expect(mem.i32[(off >>> 2) + 1]).toBe(0x11223344);
  });

  it('does not touch fresh memory to zero it, nor grow without need', () => {
    const mem = new KernelMemory({ initialPages: 64 });
    mem.alloc(63 * 65536);
    expect(mem.generation).toBe(0);
  });

  it('works on shared memory', () => {
    const mem = new KernelMemory({ shared: true, initialPages: 2, maximumPages: 64 });
    const off = mem.alloc(20 * 65536);
    expect(mem.wasm.buffer).toBeInstanceOf(SharedArrayBuffer);
    mem.write32(off + 20 * 65536 - 4, 7);
    expect(mem.read32(off + 20 * 65536 - 4)).toBe(7);
    const cp = mem.save();
    mem.write32(off, 9);
    mem.restore(cp);
    expect(mem.read32(off)).toBe(0);
  });
});

describe('KernelMemory: access', () => {
  it('reads and writes little-endian at any alignment', () => {
    const mem = new KernelMemory();
    const off = mem.alloc(32) + 1;
    mem.write64(off, 0xf1f2f3f4f5f6f7f8n);
    expect([...mem.readBytes(off, 8)]).toEqual([0xf8, 0xf7, 0xf6, 0xf5, 0xf4, 0xf3, 0xf2, 0xf1]);
    expect(mem.read8(off)).toBe(0xf8);
    expect(mem.readS8(off)).toBe(-8);
    expect(mem.read16(off)).toBe(0xf7f8);
    expect(mem.readS16(off)).toBe(0xf7f8 - 0x10000);
    expect(mem.read32(off)).toBe(0xf5f6f7f8);
    expect(mem.readS32(off)).toBe(0xf5f6f7f8 | 0);
    expect(mem.read64(off)).toBe(0xf1f2f3f4f5f6f7f8n);
    expect(mem.readS64(off)).toBe(BigInt.asIntN(64, 0xf1f2f3f4f5f6f7f8n));
    mem.write64(off, -1n);
    mem.write8(off, 0x101);
    mem.write16(off + 2, -2);
    mem.write32(off + 4, 0xdeadbeef);
    expect([...mem.readBytes(off, 8)]).toEqual([1, 0xff, 0xfe, 0xff, 0xef, 0xbe, 0xad, 0xde]);
  });

  it('copies over itself, fills and compares', () => {
    const mem = new KernelMemory();
    const off = mem.alloc(32);
    mem.writeBytes(off, Uint8Array.of(1, 2, 3, 4, 5));
    mem.copy(off + 1, off, 5);
    expect([...mem.readBytes(off, 7)]).toEqual([1, 1, 2, 3, 4, 5, 0]);
    mem.fill(off + 8, 4, 200);
    expect(mem.compare(off + 8, off, 4)).toBeGreaterThan(0);
    expect(mem.compare(off, off + 8, 4)).toBeLessThan(0);
    expect(mem.compare(off, off + 1, 1)).toBe(0);
    expect(mem.compare(off, off + 8, 0)).toBe(0);
  });

  it('refuses what lies outside', () => {
    const mem = new KernelMemory();
    const size = mem.u8.length;
    expect(() => mem.read32(size - 3)).toThrow(RangeError);
    expect(() => mem.readBytes(size - 3, 4)).toThrow(InternalError);
    expect(() => mem.readBytes(-1, 4)).toThrow(InternalError);
    expect(() => mem.writeBytes(size, Uint8Array.of(1))).toThrow(InternalError);
    expect(() => mem.copy(size - 4, FIRST_OFF, 5)).toThrow(InternalError);
    expect(mem.readBytes(size, 0).length).toBe(0);
  });
});
