// SPDX-License-Identifier: MIT
// Atomic operations other than a plain add. There is one thread, so reading and then writing is atomic.
import { BPF_ADD, BPF_AND, BPF_CMPXCHG, BPF_FETCH, BPF_OR, BPF_XCHG, BPF_XOR } from '@tsbpf/uapi';
import type { RunState } from './state.ts';

function combine(op: number, a: number, b: number): number {
  switch (op) {
    case BPF_ADD:
      return a + b;
    case BPF_OR:
      return a | b;
    case BPF_AND:
      return a & b;
    case BPF_XOR:
      return a ^ b;
    default:
      return b;
  }
}

/** On 32 bits; what it fetches is zero-extended. */
export function atomic32(run: RunState, imm: number, s: number, addr: number): void {
  const { lo, hi } = run;
  const { view } = run.mem;
  const old = view.getInt32(addr, true);
  if (imm === BPF_CMPXCHG) {
    if (old === lo[0]) view.setInt32(addr, lo[s], true);
    lo[0] = old;
    hi[0] = 0;
    return;
  }
  view.setInt32(addr, imm === BPF_XCHG ? lo[s] : combine(imm & ~BPF_FETCH, old, lo[s]), true);
  if ((imm & BPF_FETCH) !== 0) {
    lo[s] = old;
    hi[s] = 0;
  }
}

/** On 64 bits. */
export function atomic64(run: RunState, imm: number, s: number, addr: number): void {
  const { lo, hi } = run;
  const { view } = run.mem;
  const oldLo = view.getInt32(addr, true);
  const oldHi = view.getInt32(addr + 4, true);
  let newLo = lo[s];
  let newHi = hi[s];
  if (imm === BPF_CMPXCHG) {
    if (oldLo !== lo[0] || oldHi !== hi[0]) {
      newLo = oldLo;
      newHi = oldHi;
    }
  } else if (imm !== BPF_XCHG) {
    const op = imm & ~BPF_FETCH;
    newLo = combine(op, oldLo, lo[s]) | 0;
    newHi = combine(op, oldHi, hi[s]) + (op === BPF_ADD && newLo >>> 0 < oldLo >>> 0 ? 1 : 0);
  }
  view.setInt32(addr + 4, newHi, true);
  view.setInt32(addr, newLo, true);
  const into = imm === BPF_CMPXCHG ? 0 : s;
  if ((imm & BPF_FETCH) !== 0) {
    lo[into] = oldLo;
    hi[into] = oldHi;
  }
}
