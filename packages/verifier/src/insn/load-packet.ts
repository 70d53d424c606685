// SPDX-License-Identifier: MIT
// LD_ABS and LD_IND: loads from the packet that end the program where there is no such byte.
// @see kernel/bpf/verifier.c, check_ld_abs
import { BPF_ABS, BPF_DW, BPF_IND, EACCES, EINVAL } from '@tsbpf/uapi';
import type { Insn } from '@tsbpf/insn';
import { logLeakedRefs } from '../call/references.ts';
import { ctxRegProblem } from '../mem/ctx.ts';
import { refuse } from '../refuse.ts';
import type { Analysis } from '../state/analysis.ts';
import { unknownScalar } from '../state/reg.ts';
import { clobberCallerSaved, readReg } from './reg-access.ts';

/** The register that holds the context, by convention. */
const CTX_REG = 6;

/** @errno EINVAL, EACCES */
export function checkLoadPacket(a: Analysis, insn: Insn): void {
  const { v } = a;
  const mode = insn.code & 0xe0;
  if (v.def.verifier.ldAbs !== true || v.prog.type !== v.def.type) {
    refuse(v, EINVAL, 'BPF_LD_[ABS|IND] instructions not allowed for this program type\n');
  }
  if (v.subprogs.length > 1) {
    refuse(v, EINVAL, 'BPF_LD_[ABS|IND] instructions cannot be mixed with bpf-to-bpf calls\n');
  }
  if (insn.dst !== 0 || insn.off !== 0 || (insn.code & 0x18) === BPF_DW || (mode === BPF_ABS && insn.src !== 0)) {
    refuse(v, EINVAL, 'BPF_LD_[ABS|IND] uses reserved fields\n');
  }
  const ctx = readReg(a, CTX_REG);
  if (logLeakedRefs(a)) refuse(v, EINVAL, 'BPF_LD_[ABS|IND] cannot be mixed with socket references\n');
  if (a.cur.activeLock !== 0) {
    refuse(v, EINVAL, 'BPF_LD_[ABS|IND] cannot be used inside bpf_spin_lock-ed region\n');
  }
  if (ctx.type !== 'PTR_TO_CTX') {
    refuse(v, EINVAL, 'at the time of BPF_LD_ABS|IND R6 != pointer to skb\n');
  }
  if (mode === BPF_IND) readReg(a, insn.src);
  const problem = ctxRegProblem(ctx, CTX_REG);
  if (problem !== undefined) refuse(v, EACCES, problem);

  const frame = clobberCallerSaved(a);
  frame.regs[0] = unknownScalar(a.precise);
  frame.defs[0] = a.insnIdx + 1;
}
