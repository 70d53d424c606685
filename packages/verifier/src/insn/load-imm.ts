// SPDX-License-Identifier: MIT
// 64-bit immediates. @see kernel/bpf/verifier.c, check_ld_imm
import { BPF_DW, BPF_PSEUDO_MAP_VALUE, EINVAL } from '@tsbpf/uapi';
import type { Insn } from '@tsbpf/insn';
import { hasSpinLock } from '../mem/map-value.ts';
import { refuse } from '../refuse.ts';
import { knownWords } from '../scalar/index.ts';
import type { Analysis } from '../state/analysis.ts';
import { pointer, scalar } from '../state/reg.ts';
import { writeReg } from './reg-access.ts';

/** The first half of a 64-bit immediate load. @errno EINVAL */
export function checkLoadImm(a: Analysis, insn: Insn): void {
  if ((insn.code & 0x18) !== BPF_DW) refuse(a.v, EINVAL, 'invalid BPF_LD_IMM insn\n');
  if (insn.off !== 0) refuse(a.v, EINVAL, 'BPF_LD_IMM64 uses reserved fields\n');
  const frame = writeReg(a, insn.dst);
  const { map, mapValueOff = 0 } = a.facts[a.insnIdx];
  if (map === undefined) {
    frame.regs[insn.dst] = scalar(knownWords(insn.imm | 0, a.insns[a.insnIdx + 1].imm | 0), a.precise);
  } else if (insn.src === BPF_PSEUDO_MAP_VALUE) {
    const id = hasSpinLock(map) ? ++a.idGen : 0;
    frame.regs[insn.dst] = pointer('PTR_TO_MAP_VALUE', a.precise, { map, off: mapValueOff, id });
  } else {
    frame.regs[insn.dst] = pointer('CONST_PTR_TO_MAP', a.precise, { map });
  }
}
