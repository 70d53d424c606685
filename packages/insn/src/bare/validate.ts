// SPDX-License-Identifier: MIT
// What can be said of a bare program before it runs.
import { BPF_REG_FP, EINVAL, MAX_BPF_REG, UsageError } from '@tsbpf/uapi';
import { isLdImm64, jumpTarget, subprogTarget, type Insn } from '../insn.ts';
import { opcodeRow, reservedFieldsSet } from '../table/opcodes.ts';

function bad(idx: number, why: string): UsageError {
  return new UsageError(`instruction ${idx}: ${why}`, { errno: EINVAL });
}

/** Whether execution may go on to the next instruction. */
function continues(form: string): boolean {
  return form !== 'exit' && form !== 'ja' && form !== 'gotol';
}

const WRITES_DST: readonly string[] = [
  'alu_imm',
  'alu_reg',
  'neg',
  'endian',
  'movsx',
  'ldimm64',
  'ldx',
  'ldxs',
  'load_acquire',
];

/**
 * Checks instructions one by one, and that jumps and calls lead to instructions.
 * @errno EINVAL (UsageError) no instruction, an unknown one, one with reserved fields set, a register that does not
 * exist or a write to R10, a jump or call out of the program or into a 64-bit load, a helper that was not given, an end
 * that does not return
 */
export function validateBare(insns: readonly Insn[], helpers: ReadonlySet<number>): void {
  if (insns.length === 0) throw new UsageError('a program needs at least one instruction', { errno: EINVAL });
  const inside = new Set<number>();
  for (let idx = 0; idx < insns.length; idx++) {
    if (isLdImm64(insns[idx])) inside.add(++idx);
  }
  for (let idx = 0; idx < insns.length; idx++) {
    if (inside.has(idx)) continue;
    const insn = insns[idx];
    const row = opcodeRow(insn);
    if (row === undefined) throw bad(idx, `opcode ${insn.code.toString(16).padStart(2, '0')} is unknown`);
    const [reserved] = reservedFieldsSet(insn);
    if (reserved !== undefined) throw bad(idx, `${row.name} does not use ${reserved}, which must be 0`);
    if (insn.dst >= MAX_BPF_REG || (insn.src >= MAX_BPF_REG && row.uses.includes('src'))) {
      throw bad(idx, `there is no register R${Math.max(insn.dst, insn.src)}`);
    }
    if (insn.dst === BPF_REG_FP && WRITES_DST.includes(row.form)) throw bad(idx, 'R10 cannot be written');
    if (row.form === 'ldimm64') {
      checkLdImm64(insns, idx);
      if (idx + 2 >= insns.length) throw bad(idx, 'the program ends without a return');
      continue;
    }
    if (row.form === 'ld_abs' || row.form === 'ld_ind' || row.form === 'addr_space_cast') {
      throw bad(idx, `${row.name} needs a kernel around the program`);
    }
    if (row.name === 'call_kfunc') throw bad(idx, 'kernel functions need a kernel around the program');
    if (row.name === 'call_helper' && !helpers.has(insn.imm)) throw bad(idx, `no helper ${insn.imm} was given`);
    const to = jumpTarget(insn, idx) ?? subprogTarget(insn, idx);
    if (to !== undefined && (to < 0 || to >= insns.length || inside.has(to))) {
      throw bad(idx, `${row.name} leads to ${to}, which is no instruction of the program`);
    }
    if (idx === insns.length - 1 && continues(row.form)) throw bad(idx, 'the program ends without a return');
  }
}

function checkLdImm64(insns: readonly Insn[], idx: number): void {
  if (insns[idx].src !== 0) throw bad(idx, 'maps and functions as constants need a kernel around the program');
  const second = insns[idx + 1] as Insn | undefined;
  if (second === undefined) throw bad(idx, 'the second half of the 64-bit constant is missing');
  if (second.code !== 0 || second.dst !== 0 || second.src !== 0 || second.off !== 0) {
    throw bad(idx + 1, 'this is not the second half of a 64-bit constant');
  }
}
