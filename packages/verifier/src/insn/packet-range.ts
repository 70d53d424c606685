// SPDX-License-Identifier: MIT
// What a comparison with the packet's end tells of a packet pointer. @see kernel/bpf/verifier.c, try_match_pkt_pointers
import { BPF_JGE, BPF_JGT, BPF_JLE, BPF_JLT } from '@tsbpf/uapi';
import { tnumIsConst } from '../scalar/index.ts';
import { ownStack } from '../state/frame.ts';
import { type Reg, withRange } from '../state/reg.ts';
import { type State, ownFrame } from '../state/state.ts';

/** The longest range that is followed. */
const MAX_PACKET_OFF = 0xffff;

/** A packet pointer as it came from the context. */
function isStart(reg: Reg): boolean {
  const { bounds } = reg;
  return (
    reg.type === 'PTR_TO_PACKET' &&
    reg.id === 0 &&
    reg.off === 0 &&
    tnumIsConst(bounds) &&
    (bounds.valueLo | bounds.valueHi) === 0
  );
}

/** Is `end` what limits `ptr`: the packet's end, or its start for metadata? */
function limits(ptr: Reg, end: Reg): boolean {
  if (ptr.type === 'PTR_TO_PACKET') return end.type === 'PTR_TO_PACKET_END';
  return ptr.type === 'PTR_TO_PACKET_META' && isStart(end);
}

/** The bytes before `ptr` are there: all pointers with its id get at least that range. */
function extendRange(st: State, ptr: Reg, open: boolean, openAdds: number): void {
  if (ptr.off < 0 || (ptr.off === 0 && open)) return;
  const { umaxNumber } = ptr.bounds;
  if (umaxNumber > MAX_PACKET_OFF || umaxNumber + ptr.off > MAX_PACKET_OFF) return;
  const range = open ? ptr.off + openAdds : ptr.off;
  const gains = (reg: Reg): boolean => reg.type === ptr.type && reg.id === ptr.id && reg.range < range;
  for (let i = 0; i < st.frames.length; i++) {
    const { regs, stack } = st.frames[i];
    for (let r = 0; r < regs.length; r++) if (gains(regs[r])) ownFrame(st, i).regs[r] = withRange(regs[r], range);
    for (let spi = 0; spi < stack.length; spi++) {
      const slot = stack[spi];
      if (typeof slot !== 'number' && gains(slot)) ownStack(ownFrame(st, i))[spi] = withRange(slot, range);
    }
  }
}

/** The two sides of a comparison, and what a strict one proves beyond the pointer's offset: 1, and in v5.6 -1. */
export interface RangeSides {
  readonly fall: State;
  readonly taken: State;
  readonly openAdds: 1 | -1;
}

/** `if dst op src` of 64 bits: false where it is no such comparison. */
export function learnPacketRange(op: number, dst: Reg, src: Reg, sides: RangeSides): boolean {
  const { fall, taken, openAdds } = sides;
  const forward = limits(dst, src);
  if (!forward && !limits(src, dst)) return false;
  const ptr = forward ? dst : src;
  switch (op) {
    case BPF_JGT:
      extendRange(forward ? fall : taken, ptr, !forward, openAdds);
      return true;
    case BPF_JLT:
      extendRange(forward ? taken : fall, ptr, forward, openAdds);
      return true;
    case BPF_JGE:
      extendRange(forward ? fall : taken, ptr, forward, openAdds);
      return true;
    case BPF_JLE:
      extendRange(forward ? taken : fall, ptr, !forward, openAdds);
      return true;
    default:
      return false;
  }
}
