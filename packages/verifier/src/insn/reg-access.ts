// SPDX-License-Identifier: MIT
// Registers as an instruction reads and writes them. @see kernel/bpf/verifier.c, check_reg_arg
import {
  BPF_ALU,
  BPF_ALU64,
  BPF_CALL,
  BPF_DW,
  BPF_END,
  BPF_IMM,
  BPF_JMP,
  BPF_JMP32,
  BPF_LD,
  BPF_LDX,
  BPF_PSEUDO_CALL,
  BPF_STX,
  EACCES,
  EINVAL,
} from '@tsbpf/uapi';
import type { Insn } from '@tsbpf/insn';
import { markRegRead } from '../prune/mark-read.ts';
import { refuse } from '../refuse.ts';
import type { Analysis } from '../state/analysis.ts';
import { type Frame, REG_FP } from '../state/frame.ts';
import { LIVE_READ32, LIVE_READ64, LIVE_WRITTEN } from '../state/liveness-bits.ts';
import { notInit, unknownScalar, type Reg } from '../state/reg.ts';
import { ownTop, topFrame } from '../state/state.ts';

const REG_COUNT = 11;

/** Does the instruction read all 64 bits of a source register? Said yes where it is not known. */
function reads64(insn: Insn, reg: Reg): boolean {
  const cls = insn.code & 7;
  switch (cls) {
    case BPF_ALU:
      return (insn.code & 0xf0) === BPF_END && insn.imm === 64;
    case BPF_JMP32:
      return false;
    case BPF_JMP:
      return !((insn.code & 0xf0) === BPF_CALL && insn.src === BPF_PSEUDO_CALL);
    case BPF_STX:
      return reg.type !== 'SCALAR_VALUE' || (insn.code & 0x18) === BPF_DW;
    default:
      return true;
  }
}

/** Does the instruction define all 64 bits of the register it writes? */
function writes64(insn: Insn): boolean {
  const op = insn.code & 0xf0;
  switch (insn.code & 7) {
    case BPF_ALU64:
      return true;
    case BPF_ALU:
      return op === BPF_END && insn.imm === 64;
    case BPF_JMP32:
      return false;
    case BPF_JMP:
      return op !== BPF_CALL;
    case BPF_LDX:
      return (insn.code & 0x18) === BPF_DW;
    case BPF_LD:
      return (insn.code & 0xe0) === BPF_IMM;
    default:
      return true;
  }
}

/** The 32 bits that an instruction wrote are read as 64: they must be zero-extended. */
export function needZext(a: Analysis, frame: Frame, regno: number): void {
  const def = frame.defs[regno];
  if (def === 0) return;
  a.facts[def - 1].zextDst = true;
  frame.defs[regno] = 0;
}

function checkRegno(a: Analysis, regno: number): void {
  if (regno >= REG_COUNT) refuse(a.v, EINVAL, `R${regno} is invalid\n`);
}

/**
 * The current instruction reads a register.
 * @errno EINVAL no such register; EACCES nothing was written to it
 */
export function readReg(a: Analysis, regno: number): Reg {
  checkRegno(a, regno);
  const frame = topFrame(a.cur);
  const reg = frame.regs[regno];
  if (reg.type === 'NOT_INIT') refuse(a.v, EACCES, `R${regno} !read_ok\n`);
  if (regno === REG_FP) return reg;
  const wide = reads64(a.insns[a.insnIdx], reg);
  if (wide && frame.defs[regno] !== 0) needZext(a, ownTop(a.cur), regno);
  markRegRead(a.v, frame, regno, wide ? LIVE_READ64 : LIVE_READ32);
  return reg;
}

/**
 * The current instruction writes a register; what it holds from now on is for the caller to say.
 * @errno EINVAL no such register; EACCES the frame pointer
 */
export function writeReg(a: Analysis, regno: number): Frame {
  checkRegno(a, regno);
  if (regno === REG_FP) refuse(a.v, EACCES, 'frame pointer is read only\n');
  const frame = ownTop(a.cur);
  frame.live[regno] |= LIVE_WRITTEN;
  frame.defs[regno] = writes64(a.insns[a.insnIdx]) ? 0 : a.insnIdx + 1;
  return frame;
}

/** A register whose value the analysis does not follow. */
export function setUnknown(a: Analysis, regno: number): void {
  ownTop(a.cur).regs[regno] = unknownScalar(a.precise);
}

/** After a call or a packet load: R0 to R5 hold nothing. */
export function clobberCallerSaved(a: Analysis): Frame {
  const frame = ownTop(a.cur);
  const empty = notInit(a.precise);
  for (let regno = 0; regno <= 5; regno++) {
    frame.regs[regno] = empty;
    writeReg(a, regno);
  }
  return frame;
}
