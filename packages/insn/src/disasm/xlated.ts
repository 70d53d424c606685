// SPDX-License-Identifier: MIT
import { BPF_PSEUDO_FUNC, BPF_PSEUDO_MAP_FD, BPF_PSEUDO_MAP_IDX_VALUE, BPF_PSEUDO_MAP_VALUE } from '@tsbpf/uapi';
import { encodeInsns } from '../codec.ts';
import type { Insn } from '../insn.ts';
import { isLdImm64 } from '../insn.ts';
import { formatInsnLine } from './format.ts';
import type { FormatOptions } from './options.ts';
import { hex2, signed } from './options.ts';

/** How `bpftool prog dump xlated` is to print a program. */
export interface XlatedOptions extends FormatOptions {
  /** Print the bytes of each instruction on a line of their own (`opcodes`). */
  opcodes?: boolean;
  /**
   * Which field of a call of the program's own functions holds the distance: `off` is what a running Linux hands out
   * (`imm` is then a function number), `imm` is what a program has before it is loaded. `off` unless told.
   */
  callDistance?: 'off' | 'imm';
  /** The function's name after the distance, as in `call pc+5#bpf_prog_0123456789abcdef_F`. */
  subprogName?: (insn: Insn, idx: number) => string | undefined;
  /** Lines to print before an instruction: `int prog(struct xdp_md * ctx):`, `; source line`. */
  before?: (idx: number) => readonly string[];
}

function mapReference(insn: Insn, next: Insn | undefined): string | undefined {
  const low = insn.imm >>> 0;
  const high = (next?.imm ?? 0) >>> 0;
  switch (insn.src) {
    case BPF_PSEUDO_MAP_FD:
      return `map[id:${low}]`;
    case BPF_PSEUDO_MAP_VALUE:
      return `map[id:${low}][0]+${high}`;
    case BPF_PSEUDO_MAP_IDX_VALUE:
      return `map[idx:${low}]+${high}`;
    case BPF_PSEUDO_FUNC:
      return `subprog[${signed(insn.imm)}]`;
    default:
      return undefined;
  }
}

function wording(insns: readonly Insn[], options: XlatedOptions): FormatOptions {
  return {
    version: options.version,
    funcName: options.funcName,
    imm64: (insn, idx, value) => options.imm64?.(insn, idx, value) ?? mapReference(insn, insns[idx + 1]),
    subprog: (insn, idx) => {
      const text = options.subprog?.(insn, idx);
      if (text !== undefined) return text;
      const name = options.subprogName?.(insn, idx);
      const distance = signed(options.callDistance === 'imm' ? insn.imm : insn.off);
      return name === undefined ? distance : `${distance}#${name}`;
    },
  };
}

function hexBytes(insns: readonly Insn[]): string {
  return Array.from(encodeInsns(insns), hex2).join(' ');
}

/**
 * A program as `bpftool prog dump xlated` prints it, each line ended: `   0: (bf) r6 = r1`.
 * @see tools/bpf/bpftool/xlated_dumper.c
 */
export function formatXlated(insns: readonly Insn[], options: XlatedOptions = {}): string {
  const words = wording(insns, options);
  let text = '';
  for (let idx = 0; idx < insns.length; idx++) {
    const first = idx;
    for (const line of options.before?.(first) ?? []) text += `${line}\n`;
    text += `${` ${first}`.padStart(4)}: ${formatInsnLine(insns, first, words)}\n`;
    if (isLdImm64(insns[first])) idx++;
    if (options.opcodes) text += `       ${hexBytes(insns.slice(first, idx + 1))}\n`;
  }
  return text;
}

/** One instruction of `bpftool --json prog dump xlated`; `opcodes` where they were asked for. */
export interface XlatedJsonInsn {
  disasm: string;
  opcodes?: { code: string; src_reg: string; dst_reg: string; off: string[]; imm: string[] };
}

function jsonOpcodes(insns: readonly Insn[], idx: number): XlatedJsonInsn['opcodes'] {
  const slots = insns.slice(idx, isLdImm64(insns[idx]) ? idx + 2 : idx + 1);
  const bytes = Array.from(encodeInsns(slots), (byte) => `0x${hex2(byte)}`);
  const { code, src, dst } = insns[idx];
  return {
    code: `0x${hex2(code)}`,
    src_reg: `0x${src.toString(16)}`,
    dst_reg: `0x${dst.toString(16)}`,
    off: bytes.slice(2, 4),
    // A 64-bit load's second slot is listed whole, as bpftool does.
    imm: bytes.slice(4),
  };
}

/** A program as `bpftool --json prog dump xlated` lists it. */
export function formatXlatedJson(
  insns: readonly Insn[],
  options: Omit<XlatedOptions, 'before'> = {},
): XlatedJsonInsn[] {
  const words = wording(insns, options);
  const list: XlatedJsonInsn[] = [];
  for (let idx = 0; idx < insns.length; idx++) {
    const entry: XlatedJsonInsn = { disasm: formatInsnLine(insns, idx, words) };
    if (options.opcodes) entry.opcodes = jsonOpcodes(insns, idx);
    list.push(entry);
    if (isLdImm64(insns[idx])) idx++;
  }
  return list;
}
