// SPDX-License-Identifier: MIT
import { BPF_ABS, BPF_ATOMIC, BPF_DW, BPF_IND, BPF_LOAD_ACQ, BPF_MEM, BPF_MEMSX, BPF_STORE_REL } from '@tsbpf/uapi';
import type { Insn } from '../insn.ts';
import { insnMode, isLdImm64, ldImm64Value } from '../insn.ts';
import { ATOMIC_OPERATORS, widthOf } from '../table/operators.ts';
import type { FormatOptions } from './options.ts';
import { hex2, signed, speaks } from './options.ts';

/** A store of the kernel's own: a barrier against speculation. */
const MODE_NOSPEC = 0xc0;

function place(type: string, reg: number, off: number): string {
  return `*(${type} *)(r${reg} ${signed(off)})`;
}

/** Text of an LDX instruction. */
export function formatLdx(insn: Insn, options: FormatOptions): string {
  const width = widthOf(insn.code);
  const mode = insnMode(insn);
  if (mode === BPF_MEM) return `r${insn.dst} = ${place(width.type, insn.src, insn.off)}`;
  if (mode === BPF_MEMSX && speaks(options, '6.6')) {
    return `r${insn.dst} = ${place(width.signedType ?? '(null)', insn.src, insn.off)}`;
  }
  return `BUG_ldx_${hex2(insn.code)}`;
}

/** Text of an ST instruction. */
export function formatSt(insn: Insn, options: FormatOptions): string {
  const mode = insnMode(insn);
  if (mode === BPF_MEM) return `${place(widthOf(insn.code).type, insn.dst, insn.off)} = ${insn.imm}`;
  if (mode === MODE_NOSPEC && speaks(options, '5.14')) return 'nospec';
  return `BUG_st_${hex2(insn.code)}`;
}

/** Text of an STX instruction. */
export function formatStx(insn: Insn, options: FormatOptions): string {
  const mode = insnMode(insn);
  if (mode === BPF_MEM) return `${place(widthOf(insn.code).type, insn.dst, insn.off)} = r${insn.src}`;
  const text = mode === BPF_ATOMIC ? formatAtomic(insn, options) : undefined;
  return text ?? `BUG_${hex2(insn.code)}`;
}

function formatAtomic(insn: Insn, options: FormatOptions): string | undefined {
  const width = widthOf(insn.code);
  // Before 5.12 the opcode meant addition, whatever `imm` held.
  const imm = speaks(options, '5.12') ? insn.imm : 0;
  const operator = ATOMIC_OPERATORS.find((row) => row.imm === imm);
  if (operator?.symbol !== undefined) {
    return `lock ${place(width.type, insn.dst, insn.off)} ${operator.symbol} r${insn.src}`;
  }
  const pointer = `(${width.type} *)(r${insn.dst} ${signed(insn.off)})`;
  if (operator?.func !== undefined) {
    const func = `atomic${width.size === BPF_DW ? '64' : ''}_${operator.func}`;
    return operator.func === 'cmpxchg'
      ? `r0 = ${func}(${pointer}, r0, r${insn.src})`
      : `r${insn.src} = ${func}(${pointer}, r${insn.src})`;
  }
  if (!speaks(options, '6.15')) return undefined;
  if (imm === BPF_LOAD_ACQ) {
    return `r${insn.dst} = load_acquire((${width.type} *)(r${insn.src} ${signed(insn.off)}))`;
  }
  if (imm === BPF_STORE_REL) return `store_release(${pointer}, r${insn.src})`;
  return undefined;
}

/** Text of an LD instruction: packet loads and 64-bit immediates. */
export function formatLd(insns: readonly Insn[], idx: number, options: FormatOptions): string {
  const insn = insns[idx];
  const mode = insnMode(insn);
  if (mode === BPF_ABS) return `r0 = *(${widthOf(insn.code).type} *)skb[${insn.imm}]`;
  if (mode === BPF_IND) return `r0 = *(${widthOf(insn.code).type} *)skb[r${insn.src} + ${insn.imm}]`;
  if (!isLdImm64(insn)) return `BUG_ld_${hex2(insn.code)}`;
  const value = ldImm64Value(insns, idx);
  return `r${insn.dst} = ${options.imm64?.(insn, idx, value) ?? `0x${value.toString(16)}`}`;
}
