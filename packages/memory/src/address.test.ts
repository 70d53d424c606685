// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { KERNEL_BASE, KERNEL_BASE_HI, addrToOff, isKernelAddr, offToAddr } from './address.ts';

describe('kernel addresses', () => {
  const rows: [number, bigint][] = [
    [0, 0n],
    [0x10000, 0xffff888000010000n],
    [0x7fffffff, 0xffff88807fffffffn],
    [0x80000000, 0xffff888080000000n],
    [0x80000000 | 0, 0xffff888080000000n],
    [0xfffffff8, 0xffff8880fffffff8n],
  ];
  it.each(rows)('offset %i is address %s', (off, addr) => {
    expect(offToAddr(off)).toBe(addr);
    expect(addrToOff(addr)).toBe(off >>> 0);
  });

  it('knows its own addresses by their high word', () => {
    expect(KERNEL_BASE_HI).toBe(Number(BigInt.asIntN(32, KERNEL_BASE >> 32n)));
    expect(isKernelAddr(KERNEL_BASE)).toBe(true);
    expect(isKernelAddr(BigInt.asIntN(64, KERNEL_BASE + 5n))).toBe(true);
    expect(isKernelAddr(0n)).toBe(false);
    expect(isKernelAddr(0xffff888100000000n)).toBe(false);
    expect(isKernelAddr(0x7fff00000000n)).toBe(false);
  });
});
