// SPDX-License-Identifier: MIT
import { BPF_ALU, BPF_ALU64, BPF_END, BPF_K, BPF_MOV, BPF_NEG, BPF_TO_BE, BPF_TO_LE, BPF_X } from '@tsbpf/uapi';
import type { Insn } from '../insn.ts';

/** dst = dst op imm, 64 bits. `op` is BPF_ADD to BPF_ARSH; `imm` counts modulo 2^32 and is sign-extended. */
export function alu64Imm(op: number, dst: number, imm: number): Insn {
  return { code: BPF_ALU64 | BPF_K | op, dst, src: 0, off: 0, imm: imm | 0 };
}

/** dst = dst op src, 64 bits. */
export function alu64Reg(op: number, dst: number, src: number): Insn {
  return { code: BPF_ALU64 | BPF_X | op, dst, src, off: 0, imm: 0 };
}

/** dst = dst op imm, 32 bits; the upper half becomes zero. */
export function alu32Imm(op: number, dst: number, imm: number): Insn {
  return { code: BPF_ALU | BPF_K | op, dst, src: 0, off: 0, imm: imm | 0 };
}

/** dst = dst op src, 32 bits; the upper half becomes zero. */
export function alu32Reg(op: number, dst: number, src: number): Insn {
  return { code: BPF_ALU | BPF_X | op, dst, src, off: 0, imm: 0 };
}

/** dst = imm, sign-extended to 64 bits. */
export function mov64Imm(dst: number, imm: number): Insn {
  return alu64Imm(BPF_MOV, dst, imm);
}

/** dst = src, 64 bits. */
export function mov64Reg(dst: number, src: number): Insn {
  return alu64Reg(BPF_MOV, dst, src);
}

/** dst = imm, zero-extended. */
export function mov32Imm(dst: number, imm: number): Insn {
  return alu32Imm(BPF_MOV, dst, imm);
}

/** dst = the low half of src, zero-extended. */
export function mov32Reg(dst: number, src: number): Insn {
  return alu32Reg(BPF_MOV, dst, src);
}

/** dst = the low `bits` of src, sign-extended to 64 bits (Linux 6.6). */
export function movsx64(dst: number, src: number, bits: 8 | 16 | 32): Insn {
  return { code: BPF_ALU64 | BPF_MOV | BPF_X, dst, src, off: bits, imm: 0 };
}

/** dst = the low `bits` of src, sign-extended to 32 bits, then zero-extended (Linux 6.6). */
export function movsx32(dst: number, src: number, bits: 8 | 16): Insn {
  return { code: BPF_ALU | BPF_MOV | BPF_X, dst, src, off: bits, imm: 0 };
}

/** The signed form of a division or modulo (Linux 6.6): `signedDivision(alu64Reg(BPF_DIV, 1, 2))`. */
export function signedDivision(insn: Insn): Insn {
  return { ...insn, off: 1 };
}

/** dst = -dst, 64 bits. */
export function neg64(dst: number): Insn {
  return { code: BPF_ALU64 | BPF_NEG, dst, src: 0, off: 0, imm: 0 };
}

/** dst = -dst, 32 bits. */
export function neg32(dst: number): Insn {
  return { code: BPF_ALU | BPF_NEG, dst, src: 0, off: 0, imm: 0 };
}

/** Byte order: `le` and `be` convert from the machine's and truncate, `bswap` (Linux 6.6) always swaps. */
export function endian(order: 'le' | 'be' | 'bswap', dst: number, bits: 16 | 32 | 64): Insn {
  const code = order === 'bswap' ? BPF_ALU64 | BPF_END : BPF_ALU | BPF_END | (order === 'be' ? BPF_TO_BE : BPF_TO_LE);
  return { code, dst, src: 0, off: 0, imm: bits };
}

/** Changes the address space a pointer belongs to (Linux 6.9). */
export function addrSpaceCast(dst: number, src: number, spaces: { to: number; from: number }): Insn {
  return { code: BPF_ALU64 | BPF_MOV | BPF_X, dst, src, off: 1, imm: (spaces.to << 16) | spaces.from };
}
