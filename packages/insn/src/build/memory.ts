// SPDX-License-Identifier: MIT
import {
  BPF_ABS,
  BPF_ATOMIC,
  BPF_IND,
  BPF_LD,
  BPF_LDX,
  BPF_LOAD_ACQ,
  BPF_MEM,
  BPF_MEMSX,
  BPF_PSEUDO_FUNC,
  BPF_PSEUDO_MAP_FD,
  BPF_PSEUDO_MAP_VALUE,
  BPF_ST,
  BPF_STORE_REL,
  BPF_STX,
} from '@tsbpf/uapi';
import type { Insn } from '../insn.ts';
import { LD_IMM64 } from '../insn.ts';

// `size` is BPF_B, BPF_H, BPF_W or BPF_DW.

/** dst = *(size *)(src + off), zero-extended. */
export function ldxMem(size: number, dst: number, src: number, off: number): Insn {
  return { code: BPF_LDX | BPF_MEM | size, dst, src, off, imm: 0 };
}

/** dst = *(size *)(src + off), sign-extended; BPF_B, BPF_H or BPF_W (Linux 6.6). */
export function ldxMemSx(size: number, dst: number, src: number, off: number): Insn {
  return { code: BPF_LDX | BPF_MEMSX | size, dst, src, off, imm: 0 };
}

/** *(size *)(dst + off) = src. */
export function stxMem(size: number, dst: number, src: number, off: number): Insn {
  return { code: BPF_STX | BPF_MEM | size, dst, src, off, imm: 0 };
}

/** *(size *)(dst + off) = imm. */
export function stMem(size: number, dst: number, off: number, imm: number): Insn {
  return { code: BPF_ST | BPF_MEM | size, dst, src: 0, off, imm: imm | 0 };
}

/** r0 = *(size *)skb[imm], in network byte order; BPF_B, BPF_H or BPF_W. */
export function ldAbs(size: number, imm: number): Insn {
  return { code: BPF_LD | BPF_ABS | size, dst: 0, src: 0, off: 0, imm: imm | 0 };
}

/** r0 = *(size *)skb[src + imm], in network byte order; BPF_B, BPF_H or BPF_W. */
export function ldInd(size: number, src: number, imm: number): Insn {
  return { code: BPF_LD | BPF_IND | size, dst: 0, src, off: 0, imm: imm | 0 };
}

/**
 * An atomic operation on *(size *)(dst + off) with src. `op` is BPF_ADD, BPF_OR, BPF_AND or BPF_XOR, each with or
 * without BPF_FETCH, or BPF_XCHG or BPF_CMPXCHG. Before Linux 5.12 there is BPF_ADD only.
 */
export function atomic(size: number, op: number, dst: number, src: number, off: number): Insn {
  return { code: BPF_STX | BPF_ATOMIC | size, dst, src, off, imm: op };
}

/** dst = *(size *)(src + off), ordered before what follows (Linux 6.15). */
export function loadAcquire(size: number, dst: number, src: number, off: number): Insn {
  return { code: BPF_STX | BPF_ATOMIC | size, dst, src, off, imm: BPF_LOAD_ACQ };
}

/** *(size *)(dst + off) = src, ordered after what precedes (Linux 6.15). */
export function storeRelease(size: number, dst: number, src: number, off: number): Insn {
  return { code: BPF_STX | BPF_ATOMIC | size, dst, src, off, imm: BPF_STORE_REL };
}

function ldPseudo(src: number, dst: number, low: number, high: number): [Insn, Insn] {
  return [
    { code: LD_IMM64, dst, src, off: 0, imm: low | 0 },
    { code: 0, dst: 0, src: 0, off: 0, imm: high | 0 },
  ];
}

/** dst = value, taken modulo 2^64. Two slots. */
export function ldImm64(dst: number, value: bigint): [Insn, Insn] {
  return ldPseudo(0, dst, Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n)));
}

/** dst = the map behind a file descriptor. Two slots. */
export function ldMapFd(dst: number, fd: number): [Insn, Insn] {
  return ldPseudo(BPF_PSEUDO_MAP_FD, dst, fd, 0);
}

/** dst = the address `off` bytes into the value of an array map of one element (Linux 5.2). Two slots. */
export function ldMapValue(dst: number, fd: number, off: number): [Insn, Insn] {
  return ldPseudo(BPF_PSEUDO_MAP_VALUE, dst, fd, off);
}

/** dst = the address of a function of this program, `distance` slots after the load's second slot (Linux 5.13). */
export function ldFunc(dst: number, distance: number): [Insn, Insn] {
  return ldPseudo(BPF_PSEUDO_FUNC, dst, distance, 0);
}
