// SPDX-License-Identifier: MIT
import { BPF_F_TEST_RND_HI32, BPF_LD, BPF_LDX, BPF_LSH, BPF_OR, BPF_REG_AX } from '@tsbpf/uapi';
import { alu64Imm, alu64Reg, insnClass, isLdImm64, mov64Imm } from '@tsbpf/insn';
import type { Verification } from '../verification.ts';
import { hasDef32 } from './def32.ts';
import { type Replacement, replaceInsns } from './rewrite.ts';

/**
 * With BPF_F_TEST_RND_HI32, fills the upper halves that no one should read with noise. The noise depends on the place
 * only, so that loads are deterministic. Compiled code for x86-64 clears upper halves by itself, so nothing is inserted
 * for those that are read.
 * @see kernel/bpf/verifier.c, opt_subreg_zext_lo32_rnd_hi32
 */
export function poisonUpperHalves(v: Verification): void {
  if ((v.prog.flags & BPF_F_TEST_RND_HI32) === 0) return;
  const replacements: Replacement[] = [];
  for (let i = 0; i < v.insns.length; i++) {
    const insn = v.insns[i];
    if (isLdImm64(insn)) {
      i++;
      continue;
    }
    const facts = v.insnFacts[i];
    const cls = insnClass(insn);
    if (facts.zextDst === true || cls === BPF_LD || !hasDef32(insn)) continue;
    // A narrow load of the context may have become a wider one.
    if (cls === BPF_LDX && facts.ptrType === 'PTR_TO_CTX') continue;
    const noise = Math.imul(i + 1, 0x9e3779b1);
    replacements.push({
      at: i,
      heir: 0,
      insns: [
        insn,
        mov64Imm(BPF_REG_AX, noise),
        alu64Imm(BPF_LSH, BPF_REG_AX, 32),
        alu64Reg(BPF_OR, insn.dst, BPF_REG_AX),
      ],
    });
  }
  replaceInsns(v, replacements);
}
