// SPDX-License-Identifier: MIT
import {
  BPF_PSEUDO_BTF_ID,
  BPF_PSEUDO_FUNC,
  BPF_PSEUDO_KFUNC_CALL,
  BPF_PSEUDO_MAP_FD,
  BPF_PSEUDO_MAP_IDX,
  BPF_PSEUDO_MAP_IDX_VALUE,
  BPF_PSEUDO_MAP_VALUE,
} from '@tsbpf/uapi';
import type { Insn } from '../insn.ts';
import { isLdImm64 } from '../insn.ts';
import { formatInsn } from './format.ts';
import { signed } from './options.ts';

/** What a 64-bit load's immediate stands for, in the notation that the assembler reads back. */
function pseudoImm64(insn: Insn, idx: number, value: bigint, insns: readonly Insn[]): string {
  const low = insn.imm >>> 0;
  const high = (insns[idx + 1]?.imm ?? 0) >>> 0;
  const plus = high === 0 ? '' : `+${high}`;
  switch (insn.src) {
    case 0:
      return `0x${value.toString(16)} ll`;
    case BPF_PSEUDO_MAP_FD:
      return `map[fd:${low}]${plus}`;
    case BPF_PSEUDO_MAP_VALUE:
      return `map[fd:${low}][0]+${high}`;
    case BPF_PSEUDO_BTF_ID:
      return `btf[id:${low}]${plus}`;
    case BPF_PSEUDO_FUNC:
      return `subprog[${signed(insn.imm)}]${plus}`;
    case BPF_PSEUDO_MAP_IDX:
      return high === 0 ? `map[idx:${low}]` : `pseudo[${insn.src}:${low}]${plus}`;
    case BPF_PSEUDO_MAP_IDX_VALUE:
      return `map[idx:${low}][0]+${high}`;
    default:
      return `pseudo[${insn.src}:${low}]${plus}`;
  }
}

/**
 * A program as source for the assembler, one line per instruction, in Linux's words made unambiguous:
 * `r1 = 0x1234 ll`, `r1 = map[fd:3]`, `call kfunc 12, 1`. `assemble` of it gives the same instructions back, where
 * no field is set that the instruction does not use.
 */
export function formatAsm(insns: readonly Insn[]): string {
  const lines: string[] = [];
  for (let idx = 0; idx < insns.length; idx++) {
    const insn = insns[idx];
    if (insn.code === 0x85 && insn.src === BPF_PSEUDO_KFUNC_CALL) {
      lines.push(`call kfunc ${insn.imm}${insn.off === 0 ? '' : `, ${insn.off}`}`);
      continue;
    }
    lines.push(formatInsn(insns, idx, { imm64: (at, i, value) => pseudoImm64(at, i, value, insns) }));
    if (isLdImm64(insn)) idx++;
  }
  return lines.map((line) => `${line}\n`).join('');
}
