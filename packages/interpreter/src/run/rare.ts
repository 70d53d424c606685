// SPDX-License-Identifier: MIT
// Operations too rare for the loop: they would only make it larger.
import { KERNEL_BASE_HI } from '@tsbpf/memory';
import { InternalError } from '@tsbpf/uapi';
import { ATOMIC_IMMS, OP_ATOMIC32, OP_ATOMIC64, PROBE } from '../code/decode.ts';
import { atomic32, atomic64 } from './atomic.ts';
import { sdiv32, sdiv64, smod32, smod64 } from './divide.ts';
import type { RunState } from './state.ts';

function swap16(x: number): number {
  return ((x & 0xff) << 8) | ((x >>> 8) & 0xff);
}

function swap32(x: number): number {
  return (swap16(x) << 16) | swap16(x >>> 16);
}

/** le and bswap; be is in the loop. */
function endian(run: RunState, swap: boolean, d: number, bits: number): void {
  const { lo, hi } = run;
  const l = lo[d];
  if (bits === 64) {
    if (!swap) return;
    lo[d] = swap32(hi[d]);
    hi[d] = swap32(l);
    return;
  }
  if (bits === 32) lo[d] = swap ? swap32(l) : l;
  else lo[d] = swap ? swap16(l) : l & 0xffff;
  hi[d] = 0;
}

const SIZES = [4, 2, 1, 8] as const;

/** A plain or sign-extending load. */
function load(run: RunState, op: number, d: number, addr: number): void {
  const { lo, hi } = run;
  const { view } = run.mem;
  const sign = (op & 0xe0) === 0x80;
  switch ((op >> 3) & 3) {
    case 0:
      lo[d] = view.getInt32(addr, true);
      break;
    case 1:
      lo[d] = sign ? view.getInt16(addr, true) : view.getUint16(addr, true);
      break;
    case 2:
      lo[d] = sign ? view.getInt8(addr) : view.getUint8(addr);
      break;
    default:
      lo[d] = view.getInt32(addr, true);
      hi[d] = view.getInt32(addr + 4, true);
      return;
  }
  hi[d] = sign ? lo[d] >> 31 : 0;
}

/** A load through a BTF pointer: where nothing lives at the address, it reads 0. */
function probe(run: RunState, op: number, d: number, s: number, off: number): void {
  const { lo, hi, mem } = run;
  const sum = (lo[s] >>> 0) + off;
  const carry = sum < 0 ? -1 : sum > 0xffffffff ? 1 : 0;
  const addr = sum >>> 0;
  if (((hi[s] + carry) | 0) === KERNEL_BASE_HI) {
    const region = mem.regionOf(addr);
    if (region !== undefined && addr + SIZES[(op >> 3) & 3] <= region.off + region.lenBytes) {
      return load(run, op, d, addr);
    }
  }
  lo[d] = 0;
  hi[d] = 0;
}

/** A move that extends the sign of the low `bits`. */
function movsx(run: RunState, wide: boolean, d: number, s: number, bits: number): void {
  const { lo, hi } = run;
  lo[d] = (lo[s] << (32 - bits)) >> (32 - bits);
  hi[d] = wide ? lo[d] >> 31 : 0;
}

/** Executes an operation that is not in the loop. Operands are as the loop decodes them. */
export function rare(run: RunState, op: number, d: number, s: number, arg: number): void {
  const { lo, hi } = run;
  switch (op) {
    case 0xd4: // le
      return endian(run, false, d, arg);
    case 0xd7: // bswap
      return endian(run, true, d, arg);
    case 0x34:
      lo[d] = sdiv32(lo[d], lo[s]);
      hi[d] = 0;
      return;
    case 0x94:
      lo[d] = smod32(lo[d], lo[s]);
      hi[d] = 0;
      return;
    case 0x37:
      return sdiv64(lo, hi, d, s);
    case 0x97:
      return smod64(lo, hi, d, s);
    case 0xb4:
      return movsx(run, false, d, s, arg);
    case 0xb7:
      return movsx(run, true, d, s, arg);
    case 0x81: // loads that extend the sign
    case 0x89:
    case 0x91:
      return load(run, op, d, (lo[s] + arg) >>> 0);
  }
  if (op >= OP_ATOMIC64 && op < OP_ATOMIC64 + ATOMIC_IMMS.length) {
    return atomic64(run, ATOMIC_IMMS[op - OP_ATOMIC64], s, (lo[d] + arg) >>> 0);
  }
  if (op >= OP_ATOMIC32 && op < OP_ATOMIC32 + ATOMIC_IMMS.length) {
    return atomic32(run, ATOMIC_IMMS[op - OP_ATOMIC32], s, (lo[d] + arg) >>> 0);
  }
  if ((op & 7) === PROBE) return probe(run, op, d, s, arg);
  throw new InternalError(`operation ${op.toString(16)} is not one of the interpreter's`);
}
