// SPDX-License-Identifier: MIT
// From instructions to the loop's operations.
import { insnSize, isLdImm64, jumpTarget, subprogTarget, usesSrcReg, type Insn } from '@tsbpf/insn';
import {
  BPF_ABS,
  BPF_ALU,
  BPF_ALU64,
  BPF_ATOMIC,
  BPF_CALL,
  BPF_DIV,
  BPF_END,
  BPF_EXIT,
  BPF_IND,
  BPF_JA,
  BPF_JCOND,
  BPF_JMP,
  BPF_JMP32,
  BPF_LD,
  BPF_LDX,
  BPF_LOAD_ACQ,
  BPF_MEM,
  BPF_MEMSX,
  BPF_MOD,
  BPF_MOV,
  BPF_NEG,
  BPF_PSEUDO_CALL,
  BPF_ST,
  BPF_STORE_REL,
  BPF_STX,
  BPF_X,
  EINVAL,
  ENOSYS,
  NotSupportedError,
  UsageError,
} from '@tsbpf/uapi';
import type { Constants } from './constants.ts';
import type { Link } from './link.ts';

/** Words of one decoded instruction: one of operation (8 bits), destination (4) and source (20); an offset or target. */
export const WORDS = 2;
/** Registers that fit the field: those a program names, and its constants. */
const MAX_SOURCE = 1 << 20;

/** The first word of a decoded instruction. */
export function pack(op: number, dst: number, src: number): number {
  return op | (dst << 8) | (src << 12);
}

// Operations. Where there is one, the number is the opcode of the register form; the others fill the gaps of the opcode
// space. The loop spells them as literals, because V8 makes a jump table of literals only.
export const OP_STOP = 0x00;
export const OP_JA = 0x05;
export const OP_LDIMM64 = 0x18;
export const OP_LDABS = 0x20;
export const OP_EXIT = 0x95;
export const OP_CALL_SEXT = 0xe0;
export const OP_CALL_ZEXT = 0xe1;
export const OP_CALL_PTR = 0xe2;
export const OP_CALL_WORDS = 0xe3;
/** Of a function of the program; the source is its index where it is global, otherwise 0. */
export const OP_CALL_LOCAL = 0xe4;
export const OP_MAY_GOTO = 0xe6;
export const OP_TAIL_CALL = 0xf5;
/** Class bits of loads through a BTF pointer, which have those of no instruction. */
export const PROBE = 0x02;
/** Atomic operations other than a plain add: behind these, the place in {@link ATOMIC_IMMS}. */
export const OP_ATOMIC64 = 0x21;
export const OP_ATOMIC32 = 0x41;
/** What a BPF_ATOMIC may have in `imm`, besides plain addition. */
export const ATOMIC_IMMS: readonly number[] = [0x01, 0x40, 0x41, 0x50, 0x51, 0xa0, 0xa1, 0xe1, 0xf1];

const TAIL_CALL = BPF_JMP | 0xf0;
const CALL_OPS = { sext: OP_CALL_SEXT, zext: OP_CALL_ZEXT, ptr: OP_CALL_PTR, words: OP_CALL_WORDS } as const;

const NOT_IN_JMP32: readonly number[] = [BPF_CALL, BPF_EXIT, BPF_JCOND, 0xf0];

/** Whether `off` selects the signed form of an operation. */
function isSigned({ code, off }: Insn): boolean {
  const op = code & 0xf0;
  if (op === BPF_DIV || op === BPF_MOD) return off === 1;
  const widest = (code & 7) === BPF_ALU64 ? 32 : 16;
  return op === BPF_MOV && (code & BPF_X) !== 0 && (off === 8 || off === 16 || off === 32) && off <= widest;
}

/** What decoding asks of the program around an instruction. */
export interface DecodeTarget {
  readonly constants: Constants;
  /** Index of the function with a slot that starts at an instruction: calls of it go through the slot. */
  slotAt(idx: number): number | undefined;
  link(insn: Insn, idx: number): { link: Link; number: number };
  probeMem(idx: number): boolean;
}

/** Word index of an instruction in the layout being written. */
type PcOf = (idx: number, conditional: boolean) => number;

function unknown(insn: Insn, idx: number): UsageError {
  const code = insn.code.toString(16).padStart(2, '0');
  return new UsageError(`instruction ${idx} has the opcode ${code} (off ${insn.off}, imm ${insn.imm}), unknown here`, {
    errno: EINVAL,
  });
}

/**
 * Writes the instruction at `idx` to `words` from `at` on. Slots behind a 64-bit immediate become a jump over them.
 * @errno EINVAL (UsageError) an opcode no engine knows
 * @errno ENOSYS NotSupportedError: what only newer kernels run
 */
export function decodeOne(
  insns: readonly Insn[],
  idx: number,
  target: DecodeTarget,
  words: Int32Array,
  at: number,
  pcOf: PcOf,
): void {
  const insn = insns[idx];
  const put = (op: number, dst: number, src: number, arg: number): void => {
    if (src >= MAX_SOURCE) {
      throw new NotSupportedError('programs of more than a million different constants are not supported', {
        errno: ENOSYS,
        feature: 'constants',
      });
    }
    words[at] = pack(op, dst, src);
    words[at + 1] = arg;
  };
  const { code, dst, src, off, imm } = insn;
  const op = code & 0xf0;
  const operand = (): number => (usesSrcReg(insn) ? src : target.constants.imm(imm));
  switch (code & 7) {
    case BPF_ALU:
    case BPF_ALU64: {
      if (op === BPF_END) return put(code, dst, dst, imm);
      if (op === BPF_NEG) return put(code, dst, dst, 0);
      const signed = off !== 0;
      if (op > BPF_END || (signed && !isSigned(insn))) throw unknown(insn, idx);
      // The opcode of the immediate form is free for the signed operation.
      return put(signed ? code & ~BPF_X : code | BPF_X, dst, operand(), off);
    }
    case BPF_JMP:
    case BPF_JMP32: {
      if (code === TAIL_CALL) return put(OP_TAIL_CALL, 0, 0, 0);
      if ((code & 7) === BPF_JMP32 && NOT_IN_JMP32.includes(op)) throw unknown(insn, idx);
      if ((op === BPF_CALL || op === BPF_EXIT) && usesSrcReg(insn)) throw unknown(insn, idx);
      if (op === BPF_CALL) return decodeCall(insn, idx, target, put, pcOf);
      if (op === BPF_EXIT) return put(OP_EXIT, 0, 0, 0);
      const to = jumpTarget(insn, idx) as number;
      if (op === BPF_JA) return put(OP_JA, 0, 0, pcOf(to, false));
      if (op === BPF_JCOND) return put(OP_MAY_GOTO, 0, 0, pcOf(to, true));
      return put(code | BPF_X, dst, operand(), pcOf(to, true));
    }
    case BPF_LD:
      return decodeLd(insns, idx, target, put, pcOf);
    case BPF_LDX: {
      const mode = code & 0xe0;
      if (mode !== BPF_MEM && mode !== BPF_MEMSX) throw unknown(insn, idx);
      return put(target.probeMem(idx) ? (code & 0xf8) | PROBE : code, dst, src, off);
    }
    case BPF_ST:
      if ((code & 0xe0) !== BPF_MEM) throw unknown(insn, idx);
      return put(code | 1, dst, target.constants.imm(imm), off);
    case BPF_STX:
      return decodeStx(insn, idx, put);
  }
}

type Put = (op: number, dst: number, src: number, arg: number) => void;

function decodeCall(insn: Insn, idx: number, target: DecodeTarget, put: Put, pcOf: PcOf): void {
  const to = subprogTarget(insn, idx);
  if (to !== undefined) return put(OP_CALL_LOCAL, 0, target.slotAt(to) ?? 0, pcOf(to, false));
  if (insn.src !== 0) {
    const what = insn.src === BPF_PSEUDO_CALL + 1 ? 'kernel functions called by BTF id' : `calls of kind ${insn.src}`;
    throw new NotSupportedError(`instruction ${idx}: ${what} are not supported`, { errno: ENOSYS, feature: what });
  }
  const { link, number } = target.link(insn, idx);
  if (link.kind === 'tailCall') return put(OP_TAIL_CALL, 0, 0, 0);
  put(CALL_OPS[link.ret], 0, number, 0);
}

function decodeLd(insns: readonly Insn[], idx: number, target: DecodeTarget, put: Put, pcOf: PcOf): void {
  const insn = insns[idx];
  if (isLdImm64(insn)) {
    const reg = target.constants.wide(insn.imm, insns[idx + 1]?.imm ?? 0);
    return put(OP_LDIMM64, insn.dst, reg, pcOf(idx + 2, false));
  }
  if (insn.code === 0 && idx > 0 && isLdImm64(insns[idx - 1])) return put(OP_JA, 0, 0, pcOf(idx + 1, false));
  const mode = insn.code & 0xe0;
  if ((mode !== BPF_ABS && mode !== BPF_IND) || insnSize(insn) === 8) throw unknown(insn, idx);
  put(OP_LDABS, insnSize(insn), mode === BPF_IND ? insn.src : target.constants.imm(0), insn.imm);
}

function decodeStx(insn: Insn, idx: number, put: Put): void {
  const { code, dst, src, off, imm } = insn;
  const mode = code & 0xe0;
  if (mode === BPF_MEM) return put(code, dst, src, off);
  if (mode !== BPF_ATOMIC) throw unknown(insn, idx);
  const size = code & 0x18;
  // There is one thread: a load or store that is ordered is a plain one.
  if (imm === BPF_LOAD_ACQ) return put(BPF_LDX | BPF_MEM | size, dst, src, off);
  if (imm === BPF_STORE_REL) return put(BPF_STX | BPF_MEM | size, dst, src, off);
  const bytes = insnSize(insn);
  if (bytes >= 4 && imm === 0) return put(code, dst, src, off);
  const place = ATOMIC_IMMS.indexOf(imm);
  if (bytes < 4 || place < 0) throw unknown(insn, idx);
  put((bytes === 8 ? OP_ATOMIC64 : OP_ATOMIC32) + place, dst, src, off);
}
