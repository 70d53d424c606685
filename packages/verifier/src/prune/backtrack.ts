// SPDX-License-Identifier: MIT
// One step of a run backwards: which registers and slots must have been precise before an instruction, so that given
// ones are precise after it. @see kernel/bpf/verifier.c, backtrack_insn
import {
  BPF_ABS,
  BPF_ALU,
  BPF_ALU64,
  BPF_CALL,
  BPF_DW,
  BPF_EXIT,
  BPF_IND,
  BPF_JMP,
  BPF_JMP32,
  BPF_LD,
  BPF_LDX,
  BPF_MOV,
  BPF_PSEUDO_CALL,
  BPF_ST,
  BPF_STX,
  BPF_X,
  EFAULT,
} from '@tsbpf/uapi';
import type { Insn } from '@tsbpf/insn';
import { logInsn } from '../log/print-insn.ts';
import { refuse } from '../refuse.ts';
import type { Analysis } from '../state/analysis.ts';
import { REG_FP } from '../state/frame.ts';

/** Slots a set can hold: all of one frame. */
const MAX_SLOTS = 64;

/** Registers (a bit each) and stack slots of one function that must be precise. Slot bits in two words. */
export interface Wanted {
  regs: number;
  slotsLo: number;
  slotsHi: number;
}

export function wantsNothing(w: Wanted): boolean {
  return (w.regs | w.slotsLo | w.slotsHi) === 0;
}

export function wantsSlot(w: Wanted, spi: number): boolean {
  return spi < 32 ? (w.slotsLo & (1 << spi)) !== 0 : (w.slotsHi & (1 << (spi - 32))) !== 0;
}

export function addSlot(w: Wanted, spi: number): void {
  if (spi < 32) w.slotsLo |= 1 << spi;
  else w.slotsHi |= 1 << (spi - 32);
}

export function dropSlot(w: Wanted, spi: number): void {
  if (spi < 32) w.slotsLo &= ~(1 << spi);
  else w.slotsHi &= ~(1 << (spi - 32));
}

/** Both sets in hexadecimal, as the log has them. */
export function wantedHex(w: Wanted): { regs: string; stack: string } {
  const stack = (BigInt(w.slotsHi >>> 0) << 32n) | BigInt(w.slotsLo >>> 0);
  return { regs: w.regs.toString(16), stack: stack.toString(16) };
}

function slotOfInsn(a: Analysis, insn: Insn): number {
  const spi = Math.trunc((-insn.off - 1) / 8);
  if (spi < 0 || spi >= MAX_SLOTS) refuse(a.v, EFAULT, `BUG spi ${spi}\n`);
  return spi;
}

/**
 * Goes back over one instruction. False where that is not followed: then everything must be precise.
 * @errno EFAULT a defect of the analysis
 */
export function stepBack(a: Analysis, idx: number, w: Wanted): boolean {
  const insn = a.insns[idx];
  if (insn.code === 0) return true;
  if (a.trace && !a.v.log.full) {
    const { regs, stack } = wantedHex(w);
    a.v.log.write(`regs=${regs} stack=${stack} before `);
    logInsn(a.v, idx);
  }
  const dst = 1 << insn.dst;
  const src = 1 << insn.src;
  switch (insn.code & 7) {
    case BPF_ALU:
    case BPF_ALU64:
      if ((w.regs & dst) === 0) return true;
      if ((insn.code & 0xf0) === BPF_MOV) w.regs &= ~dst;
      if ((insn.code & BPF_X) !== 0) w.regs |= src;
      return true;
    case BPF_LDX:
      if ((w.regs & dst) === 0) return true;
      w.regs &= ~dst;
      if (insn.src === REG_FP && (insn.code & 0x18) === BPF_DW) addSlot(w, slotOfInsn(a, insn));
      return true;
    case BPF_STX:
    case BPF_ST:
      return stepBackOverStore(a, insn, w);
    case BPF_JMP:
    case BPF_JMP32:
      return stepBackOverJump(a, insn, w);
    case BPF_LD: {
      if ((w.regs & dst) === 0) return true;
      w.regs &= ~dst;
      const mode = insn.code & 0xe0;
      return mode !== BPF_IND && mode !== BPF_ABS;
    }
    default:
      return true;
  }
}

function stepBackOverStore(a: Analysis, insn: Insn, w: Wanted): boolean {
  // A scalar as an address: it came from subtracting pointers.
  if ((w.regs & (1 << insn.dst)) !== 0) return false;
  if (insn.dst !== REG_FP || (insn.code & 0x18) !== BPF_DW) return true;
  const spi = slotOfInsn(a, insn);
  if (!wantsSlot(w, spi)) return true;
  dropSlot(w, spi);
  if ((insn.code & 7) === BPF_STX) w.regs |= 1 << insn.src;
  return true;
}

function stepBackOverJump(a: Analysis, insn: Insn, w: Wanted): boolean {
  const op = insn.code & 0xf0;
  if (op === BPF_EXIT) return false;
  if (op !== BPF_CALL) {
    const compared = (1 << insn.dst) | (1 << insn.src);
    const taints = (insn.code & BPF_X) !== 0 && (w.regs & compared) !== 0 && a.v.rules.jumpsTaintPrecision;
    if (taints) w.regs |= compared;
    return true;
  }
  if (insn.src === BPF_PSEUDO_CALL) return false;
  w.regs &= ~1;
  if ((w.regs & 0x3f) !== 0) refuse(a.v, EFAULT, `BUG regs ${w.regs.toString(16)}\n`);
  return true;
}
