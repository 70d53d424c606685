// SPDX-License-Identifier: MIT
import { BPF_ALU, BPF_ALU64, BPF_DIV, BPF_END, BPF_MOD, BPF_MOV, BPF_NEG, BPF_TO_BE, BPF_X } from '@tsbpf/uapi';
import type { Insn } from '../insn.ts';
import { insnClass, insnOp, usesSrcReg } from '../insn.ts';
import { ALU_OPERATORS, SIGNED_ALU_OPERATORS } from '../table/operators.ts';
import type { FormatOptions } from './options.ts';
import { hex2, speaks } from './options.ts';

// Operators without a sign of their own are still printed when an invalid opcode names them.
const SYMBOLS: readonly string[] = Array.from({ length: 16 }, (_, i) => {
  if (i === BPF_NEG >> 4) return 'neg';
  if (i === BPF_END >> 4) return 'endian';
  return ALU_OPERATORS.find(({ op }) => op >> 4 === i)?.symbol ?? '(null)';
});

const PER_CPU_OFF = -1;

function symbolOf(insn: Insn, options: FormatOptions): string {
  const op = insnOp(insn);
  if (insn.off === 1 && (op === BPF_DIV || op === BPF_MOD) && speaks(options, '6.6')) {
    return (SIGNED_ALU_OPERATORS.find((row) => row.op === op) as { symbol: string }).symbol;
  }
  return SYMBOLS[op >> 4];
}

function signExtension(insn: Insn, options: FormatOptions): string {
  if (insnOp(insn) !== BPF_MOV) return '';
  if (insn.off !== 8 && insn.off !== 16 && insn.off !== 32) return '';
  return speaks(options, '6.6') ? `(s${insn.off})` : '';
}

function formatEnd(insn: Insn, options: FormatOptions): string {
  const { dst, imm } = insn;
  if (insnClass(insn) === BPF_ALU64) {
    return speaks(options, '6.6') ? `r${dst} = bswap${imm} r${dst}` : `BUG_alu64_${hex2(insn.code)}`;
  }
  const direction = (insn.code & BPF_X) === BPF_TO_BE ? 'be' : 'le';
  return `r${dst} = ${direction}${imm} r${dst}`;
}

/** Text of an ALU or ALU64 instruction. */
export function formatAlu(insn: Insn, options: FormatOptions): string {
  const { dst, src, off, imm } = insn;
  const op = insnOp(insn);
  if (op === BPF_END) return formatEnd(insn, options);
  const prefix = insnClass(insn) === BPF_ALU ? 'w' : 'r';
  if (op === BPF_NEG) return `${prefix}${dst} = -${prefix}${dst}`;
  if (insn.code === (BPF_ALU64 | BPF_MOV | BPF_X)) {
    if (off === 1 && speaks(options, '6.9')) {
      return `r${dst} = addr_space_cast(r${src}, ${imm >>> 16}, ${imm & 0xffff})`;
    }
    if (off === PER_CPU_OFF && speaks(options, '6.10')) return `r${dst} = &(void __percpu *)(r${src})`;
  }
  const symbol = symbolOf(insn, options);
  if (!usesSrcReg(insn)) return `${prefix}${dst} ${symbol} ${imm}`;
  return `${prefix}${dst} ${symbol} ${signExtension(insn, options)}${prefix}${src}`;
}
