// SPDX-License-Identifier: MIT
import { BPF_CALL, BPF_EXIT, BPF_JA, BPF_JMP, BPF_JMP32, BPF_PSEUDO_CALL, BPF_PSEUDO_FUNC, BPF_X } from '@tsbpf/uapi';

/**
 * One 8-byte slot of a program.
 *
 * A 64-bit immediate load takes two slots, as in Linux: the second has `code` 0 and holds the high half in `imm`.
 * Instructions are treated as immutable: whoever changes one makes a new object.
 * @see struct bpf_insn in include/uapi/linux/bpf.h
 */
export interface Insn {
  /** Opcode byte, 0 to 255. */
  readonly code: number;
  /** Destination register, 0 to 15. */
  readonly dst: number;
  /** Source register, 0 to 15. */
  readonly src: number;
  /** Signed 16 bits: bytes for memory accesses, slots for jumps. */
  readonly off: number;
  /** Signed 32 bits. */
  readonly imm: number;
}

/** The opcode of a 64-bit immediate load's first slot. */
export const LD_IMM64 = 0x18;

/** `code & 0x07`: one of BPF_LD to BPF_ALU64. */
export function insnClass(insn: Insn): number {
  return insn.code & 0x07;
}

/** `code & 0xf0`: the operation of ALU and JMP classes. */
export function insnOp(insn: Insn): number {
  return insn.code & 0xf0;
}

/** `code & 0xe0`: the mode of load and store classes. */
export function insnMode(insn: Insn): number {
  return insn.code & 0xe0;
}

/** Whether an ALU or JMP instruction takes its second operand from a register (the BPF_X bit). */
export function usesSrcReg(insn: Insn): boolean {
  return (insn.code & BPF_X) !== 0;
}

const SIZE_BYTES = [4, 2, 1, 8] as const;

/** Width in bytes of a load's or store's access, from the size bits of the opcode: 1, 2, 4 or 8. */
export function insnSize(insn: Insn): 1 | 2 | 4 | 8 {
  return SIZE_BYTES[(insn.code >> 3) & 3] as 1 | 2 | 4 | 8;
}

/** Whether this slot is the first of a 64-bit immediate load. */
export function isLdImm64(insn: Insn): boolean {
  return insn.code === LD_IMM64;
}

/** The 64 bits of the immediate load at `idx`, unsigned. A missing second slot counts as zero. */
export function ldImm64Value(insns: readonly Insn[], idx: number): bigint {
  const low = BigInt(insns[idx].imm >>> 0);
  const high = BigInt((insns[idx + 1]?.imm ?? 0) >>> 0);
  return (high << 32n) | low;
}

/**
 * Where a jump at `idx` goes when taken; undefined for everything that is no jump (calls and exit included).
 *
 * A JMP32 JA (gotol, Linux 6.6) counts `imm`, every other jump counts `off`, both from the next slot.
 */
export function jumpTarget(insn: Insn, idx: number): number | undefined {
  const cls = insn.code & 0x07;
  if (cls !== BPF_JMP && cls !== BPF_JMP32) return undefined;
  const op = insn.code & 0xf0;
  if (op === BPF_CALL || op === BPF_EXIT) return undefined;
  if (insn.code === (BPF_JMP32 | BPF_JA)) return idx + 1 + insn.imm;
  return idx + 1 + insn.off;
}

/**
 * The first instruction of the function that the slot at `idx` names: a call of a function of the same program, or
 * the load of such a function's address (BPF_PSEUDO_FUNC, Linux 5.13). Undefined for everything else.
 */
export function subprogTarget(insn: Insn, idx: number): number | undefined {
  if (insn.code === (BPF_JMP | BPF_CALL) && insn.src === BPF_PSEUDO_CALL) return idx + 1 + insn.imm;
  if (insn.code === LD_IMM64 && insn.src === BPF_PSEUDO_FUNC) return idx + 1 + insn.imm;
  return undefined;
}
