// SPDX-License-Identifier: MIT
import { isKernelAddr, type KernelMemory } from '@tsbpf/memory';
import type { RunState } from '../run/state.ts';

/** Bytes of kernel memory. */
export interface Range {
  readonly off: number;
  readonly lenBytes: number;
}

/** All 64 bits of a register plus an offset. */
export function addressOf(run: RunState, reg: number, off: number): bigint {
  const base = (BigInt(run.hi[reg] >>> 0) << 32n) | BigInt(run.lo[reg] >>> 0);
  return BigInt.asUintN(64, base + BigInt(off));
}

/** The bytes at an address, if they lie in one live region; otherwise what is wrong, in words. */
export function liveRange(mem: KernelMemory, addr: bigint, lenBytes: number, write: boolean): Range | string {
  const off = Number(addr & 0xffffffffn);
  const region = isKernelAddr(addr) ? mem.regionOf(off) : undefined;
  if (region === undefined) return 'where no object lives';
  const inside = region.off + region.lenBytes - off;
  const what = region.name === undefined ? region.kind : `${region.kind} ${region.name}`;
  if (lenBytes > inside) return `of which only ${inside} belong to the object (${what})`;
  if (write && !region.writable) return `of a read-only object (${what}) to be written`;
  return { off, lenBytes };
}
