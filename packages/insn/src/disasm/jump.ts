// SPDX-License-Identifier: MIT
import {
  BPF_CALL,
  BPF_EXIT,
  BPF_FUNC_NAMES,
  BPF_JA,
  BPF_JCOND,
  BPF_JMP,
  BPF_JMP32,
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_KFUNC_CALL,
} from '@tsbpf/uapi';
import type { Insn } from '../insn.ts';
import { insnClass, insnOp, usesSrcReg } from '../insn.ts';
import { JMP_OPERATORS } from '../table/operators.ts';
import type { FormatOptions } from './options.ts';
import { signed, speaks } from './options.ts';

// Operators that are no condition are still printed as one when an invalid opcode makes them so.
const SYMBOLS: readonly string[] = Array.from({ length: 16 }, (_, i) => {
  if (i === BPF_JA >> 4) return 'jmp';
  if (i === BPF_CALL >> 4) return 'call';
  if (i === BPF_EXIT >> 4) return 'exit';
  return JMP_OPERATORS.find(({ op }) => op >> 4 === i)?.symbol ?? '(null)';
});

/** `bpf_map_lookup_elem` for 1; undefined for an id that v5.6 has not. */
export function helperName(id: number): string | undefined {
  return BPF_FUNC_NAMES[id]?.replace(/^BPF_FUNC_/, 'bpf_');
}

function defaultFuncName(insn: Insn, options: FormatOptions): string {
  const kfuncs = speaks(options, '5.13');
  const name = kfuncs && insn.src !== 0 ? undefined : helperName(insn.imm);
  if (name !== undefined) return name;
  return kfuncs && insn.src === BPF_PSEUDO_KFUNC_CALL ? 'kernel-function' : 'unknown';
}

function formatCall(insn: Insn, idx: number, options: FormatOptions): string {
  if (insn.src === BPF_PSEUDO_CALL) return `call pc${options.subprog?.(insn, idx) ?? signed(insn.imm)}`;
  return `call ${options.funcName?.(insn, idx) ?? defaultFuncName(insn, options)}#${insn.imm}`;
}

/** Text of a JMP or JMP32 instruction. */
export function formatJump(insn: Insn, idx: number, options: FormatOptions): string {
  if (insnOp(insn) === BPF_CALL) return formatCall(insn, idx, options);
  switch (insn.code) {
    case BPF_JMP | BPF_JA:
      return `goto pc${signed(insn.off)}`;
    case BPF_JMP | BPF_EXIT:
      return 'exit';
    case BPF_JMP32 | BPF_JA:
      if (speaks(options, '6.6')) return `gotol pc${signed(insn.imm)}`;
      break;
    case BPF_JMP | BPF_JCOND:
      if (insn.src === 0 && speaks(options, '6.9')) return `may_goto pc${signed(insn.off)}`;
      break;
  }
  const prefix = insnClass(insn) === BPF_JMP32 ? 'w' : 'r';
  const operand = usesSrcReg(insn) ? `${prefix}${insn.src}` : `0x${(insn.imm >>> 0).toString(16)}`;
  return `if ${prefix}${insn.dst} ${SYMBOLS[insnOp(insn) >> 4]} ${operand} goto pc${signed(insn.off)}`;
}
