// SPDX-License-Identifier: MIT
// What must hold of a bare program before it can be compiled.
import { isLdImm64, jumpTarget, opcodeRow, reservedFieldsSet, subprogTarget, type Insn } from '@tsbpf/insn';
import { BPF_REG_FP, EINVAL, MAX_BPF_REG, UsageError } from '@tsbpf/uapi';

/** Forms that need a kernel around the program. */
const KERNEL_ONLY: readonly string[] = ['ld_abs', 'ld_ind', 'addr_space_cast'];
/** Forms after which the next instruction is not reached. */
const FINAL: readonly string[] = ['exit', 'ja', 'gotol'];
const NO_RESULT: readonly string[] = ['st', 'stx', 'atomic', 'store_release', 'jmp_imm', 'jmp_reg', 'exit', 'call'];

/**
 * Checks the instructions of a bare program.
 * @errno EINVAL (UsageError) none, an unknown one, reserved fields, a register that does not exist, a write to R10, a
 * jump or call to what is no instruction, a helper that was not given, an end without a return
 */
export function validateBare(insns: readonly Insn[], helpers: ReadonlySet<number>): void {
  const refuse = (idx: number, why: string): never => {
    throw new UsageError(`instruction ${idx}: ${why}`, { errno: EINVAL });
  };
  if (insns.length === 0) throw new UsageError('a program needs at least one instruction', { errno: EINVAL });
  const starts = new Uint8Array(insns.length);
  for (let idx = 0; idx < insns.length; idx += isLdImm64(insns[idx]) ? 2 : 1) starts[idx] = 1;

  insns.forEach((insn, idx) => {
    if (starts[idx] === 0) {
      if (insn.code !== 0 || insn.dst !== 0 || insn.src !== 0 || insn.off !== 0) {
        refuse(idx, 'this is not the second half of a 64-bit constant');
      }
      return;
    }
    const row = opcodeRow(insn) ?? refuse(idx, `opcode ${insn.code.toString(16).padStart(2, '0')} is unknown`);
    const [reserved] = reservedFieldsSet(insn);
    if (reserved !== undefined) refuse(idx, `${row.name} does not use ${reserved}, which must be 0`);
    const registers = row.uses.includes('src') ? [insn.dst, insn.src] : [insn.dst];
    for (const reg of registers) if (reg >= MAX_BPF_REG) refuse(idx, `there is no register R${reg}`);
    if (KERNEL_ONLY.includes(row.form) || row.name === 'call_kfunc') {
      refuse(idx, `${row.name} needs a kernel around the program`);
    }
    if (insn.dst === BPF_REG_FP && writesDst(insn, row.form)) refuse(idx, 'R10 cannot be written');
    if (isLdImm64(insn) && insn.src !== 0) refuse(idx, 'maps and functions as constants need a kernel');
    if (row.name === 'call_helper' && !helpers.has(insn.imm)) refuse(idx, `no helper ${insn.imm} was given`);
    const to = jumpTarget(insn, idx) ?? subprogTarget(insn, idx);
    if (to !== undefined && starts[to] !== 1) refuse(idx, `${row.name} leads to ${to}, which is no instruction`);
    const next = idx + (isLdImm64(insn) ? 2 : 1);
    if (next >= insns.length && !FINAL.includes(row.form)) refuse(idx, 'the program ends without a return');
  });
}

/** Whether the destination register is a result, by class: stores and jumps have none. */
function writesDst({ code }: Insn, form: string): boolean {
  const cls = code & 7;
  return !NO_RESULT.includes(form) && (cls === 0 || cls === 1 || cls === 4 || cls === 7 || form === 'load_acquire');
}
