// SPDX-License-Identifier: MIT
// Puts the result of a CO-RE relocation into an instruction. @see tools/lib/bpf/relo_core.c
import type { CoreDecision } from '@tsbpf/btf';
import { insnSize, isLdImm64, ldImm64Value, usesSrcReg, type Insn } from '@tsbpf/insn';
import {
  BPF_ALU,
  BPF_ALU64,
  BPF_B,
  BPF_CALL,
  BPF_DW,
  BPF_H,
  BPF_JMP,
  BPF_LDX,
  BPF_ST,
  BPF_STX,
  BPF_W,
} from '@tsbpf/uapi';
import type { Print } from '../log.ts';

/** Helper number of a call that no kernel has: what an instruction becomes that must not be reached. */
export const POISON_CORE = 195896080;

const SIZE_CODES: Readonly<Record<number, number>> = { 1: BPF_B, 2: BPF_H, 4: BPF_W, 8: BPF_DW };
const SIZE_MASK = 0x18;

const invalidCall = (imm: number): Insn => ({ code: BPF_JMP | BPF_CALL, dst: 0, src: 0, off: 0, imm });

/** Replaces an instruction, and the second half of a 64-bit load, by calls of a helper that does not exist. */
export function poison(insns: Insn[], insnIdx: number, imm: number): void {
  const wide = isLdImm64(insns[insnIdx]);
  insns[insnIdx] = invalidCall(imm);
  if (wide) insns[insnIdx + 1] = invalidCall(imm);
}

export interface CorePatch {
  readonly insns: Insn[];
  readonly insnIdx: number;
  readonly decision: CoreDecision;
  /** Begins each message. */
  readonly at: string;
  readonly print: Print;
  /** Refuses, with the text given after `at`. */
  readonly refuse: (text: string) => never;
}

/** Changes the instruction in place. The result says whether it was poisoned. */
export function patchCoreInsn(patch: CorePatch): boolean {
  const { insns, insnIdx, decision, at, print, refuse } = patch;
  const insn = insns[insnIdx];
  const mustPoison = (why: string): boolean => {
    print('debug', `${at}: ${why}`);
    poison(insns, insnIdx, POISON_CORE);
    return true;
  };
  if (decision.poison) return mustPoison(`substituting insn #${insnIdx} w/ invalid insn`);
  const orig = decision.origValue;
  const next = decision.newValue;
  const expected = decision.validate ? BigInt.asIntN(32, orig) : undefined;
  switch (insn.code & 0x07) {
    case BPF_ALU:
    case BPF_ALU64: {
      if (usesSrcReg(insn))
        refuse(`trying to relocate unrecognized insn #${insnIdx}, code:0x${insn.code.toString(16)}`);
      if (expected !== undefined && BigInt(insn.imm) !== expected) {
        refuse(`unexpected insn #${insnIdx} (ALU/ALU64) value: got ${insn.imm}, exp ${orig} -> ${next}`);
      }
      insns[insnIdx] = { ...insn, imm: Number(BigInt.asIntN(32, next)) };
      print('debug', `${at}: patched insn #${insnIdx} (ALU/ALU64) imm ${insn.imm} -> ${insns[insnIdx].imm}`);
      return false;
    }
    case BPF_LDX:
    case BPF_ST:
    case BPF_STX: {
      if (expected !== undefined && BigInt(insn.off) !== expected) {
        refuse(`unexpected insn #${insnIdx} (LDX/ST/STX) value: got ${insn.off}, exp ${orig} -> ${next}`);
      }
      if (next > 32767n) refuse(`insn #${insnIdx} (LDX/ST/STX) value too big: ${next}`);
      if (decision.failMemSizeAdjust) {
        return mustPoison(
          `insn #${insnIdx} (LDX/ST/STX) accesses field incorrectly. Make sure you are accessing pointers, ` +
            'unsigned integers, or fields of matching type and size.',
        );
      }
      let code = insn.code;
      if (decision.origSize !== decision.newSize) {
        const size = insnSize(insn);
        if (size !== decision.origSize) {
          refuse(`insn #${insnIdx} (LDX/ST/STX) unexpected mem size: got ${size}, exp ${decision.origSize}`);
        }
        const sizeCode = SIZE_CODES[decision.newSize];
        if (sizeCode === undefined) refuse(`insn #${insnIdx} (LDX/ST/STX) invalid new mem size: ${decision.newSize}`);
        code = (code & ~SIZE_MASK) | sizeCode;
      }
      insns[insnIdx] = { ...insn, code, off: Number(next) };
      print('debug', `${at}: patched insn #${insnIdx} (LDX/ST/STX) off ${insn.off} -> ${insns[insnIdx].off}`);
      if (code !== insn.code) {
        print(
          'debug',
          `${at}: patched insn #${insnIdx} (LDX/ST/STX) mem_sz ${decision.origSize} -> ${decision.newSize}`,
        );
      }
      return false;
    }
    default: {
      const second = insns[insnIdx + 1];
      if (!isLdImm64(insn) || second === undefined) {
        return refuse(
          `trying to relocate unrecognized insn #${insnIdx}, code:0x${insn.code.toString(16)}, src:0x${insn.src.toString(16)}, ` +
            `dst:0x${insn.dst.toString(16)}, off:0x${insn.off.toString(16)}, imm:0x${insn.imm.toString(16)}`,
        );
      }
      if (
        insn.src !== 0 ||
        insn.off !== 0 ||
        second.code !== 0 ||
        second.src !== 0 ||
        second.dst !== 0 ||
        second.off !== 0
      ) {
        refuse(`insn #${insnIdx} (LDIMM64) has unexpected form`);
      }
      const was = ldImm64Value(insns, insnIdx);
      if (decision.validate && was !== BigInt.asUintN(64, orig)) {
        refuse(`unexpected insn #${insnIdx} (LDIMM64) value: got ${was}, exp ${orig} -> ${next}`);
      }
      insns[insnIdx] = { ...insn, imm: Number(BigInt.asIntN(32, next)) };
      insns[insnIdx + 1] = { ...second, imm: Number(BigInt.asIntN(32, next >> 32n)) };
      print('debug', `${at}: patched insn #${insnIdx} (LDIMM64) imm64 ${was} -> ${next}`);
      return false;
    }
  }
}
