// SPDX-License-Identifier: MIT
import {
  BPF_AND,
  BPF_DW,
  BPF_H,
  BPF_LDX,
  BPF_MEM,
  BPF_PROG_TYPE_STRUCT_OPS,
  BPF_REG_FP,
  BPF_RSH,
  BPF_STX,
  BPF_W,
  EINVAL,
  InternalError,
} from '@tsbpf/uapi';
import type { CtxAccess, CtxRewrite, KernelTypes } from '@tsbpf/core';
import { alu32Imm, alu64Imm, type Insn, insnClass, insnMode, insnSize, stMem } from '@tsbpf/insn';
import { refuse } from '../refuse.ts';
import type { InsnFacts, Verification } from '../verification.ts';
import { type Replacement, replaceInsns } from './rewrite.ts';

/** Bytes of the machine's word: wider fields are read a word at a time. */
const WORD_SIZE = 8;

type Convert = (access: CtxAccess) => CtxRewrite;

/**
 * Rewrites loads and stores through typed pointers from the structure programs see to the kernel's own, puts the
 * prologue in front, marks loads through BTF pointers, and clears stack slots that an unprivileged store might leak.
 *
 * Without kernel types (a verifier used alone) there is no structure to rewrite to: contexts stay as they are.
 * @errno EINVAL a store through a BTF pointer
 * @see kernel/bpf/verifier.c, convert_ctx_accesses
 */
export function convertContexts(v: Verification): void {
  const replacements: Replacement[] = [];
  const prologue = prologueOf(v);
  for (let i = 0; i < v.insns.length; i++) {
    const sequence = convertInsn(v, v.insns[i], v.insnFacts[i]);
    if (i === 0 && prologue.length > 0)
      replacements.push({ at: 0, insns: [...prologue, ...(sequence ?? [v.insns[0]])] });
    else if (sequence !== undefined) replacements.push({ at: i, insns: sequence });
  }
  replaceInsns(v, replacements);
}

function prologueOf(v: Verification): readonly Insn[] {
  const { types } = v.env;
  return (types && v.def.verifier.genPrologue?.(v.seenDirectWrite, v.facts, types)) ?? [];
}

/** What an instruction becomes; undefined where it stays. */
function convertInsn(v: Verification, insn: Insn, facts: InsnFacts): Insn[] | undefined {
  const cls = insnClass(insn);
  if ((cls !== BPF_LDX && cls !== BPF_STX) || insnMode(insn) !== BPF_MEM) return undefined;
  const write = cls === BPF_STX;
  if (write && facts.sanitizeStackOff !== undefined && facts.sanitizeStackOff !== 0) {
    return [stMem(BPF_DW, BPF_REG_FP, facts.sanitizeStackOff, 0), insn];
  }
  if (facts.ptrType === 'PTR_TO_BTF_ID') {
    if (!write) facts.probeMem = true;
    else if (v.prog.type !== BPF_PROG_TYPE_STRUCT_OPS) {
      refuse(v, EINVAL, 'Writes through BTF pointers are not allowed\n');
    }
    return undefined;
  }
  const convert = converterFor(v, facts);
  const { types } = v.env;
  if (convert === undefined || types === undefined) return undefined;
  return convertAccess(v, { insn, facts, write, convert, types });
}

function converterFor(v: Verification, facts: InsnFacts): Convert | undefined {
  switch (facts.ptrType) {
    case 'PTR_TO_CTX': {
      const ops = v.def.verifier;
      return ops.convertCtxAccess && ((access) => ops.convertCtxAccess!(access));
    }
    case 'PTR_TO_SOCKET':
    case 'PTR_TO_SOCK_COMMON':
    case 'PTR_TO_TCP_SOCK':
    case 'PTR_TO_XDP_SOCK': {
      const ops = v.env.ptrClass(facts.ptrType);
      return ops && ((access) => ops.convertAccess(access));
    }
    default:
      return undefined;
  }
}

/** A load narrower than its field reads the field, then shifts and masks. */
function convertAccess(
  v: Verification,
  access: { insn: Insn; facts: InsnFacts; write: boolean; convert: Convert; types: KernelTypes },
): Insn[] {
  const { insn, facts, write, convert, types } = access;
  const fieldSize = facts.ctxFieldSize ?? 0;
  const size = insnSize(insn);
  const narrow = size < fieldSize;
  const unit = fieldSize > WORD_SIZE && fieldSize % WORD_SIZE === 0 ? WORD_SIZE : fieldSize;
  if (narrow && write) throw new InternalError(`narrow store to a context field at insn ${facts.origIdx}`);

  let wide = insn;
  if (narrow) {
    const sizeCode = fieldSize === 4 ? BPF_W : fieldSize === 8 ? BPF_DW : BPF_H;
    wide = { ...insn, code: BPF_LDX | BPF_MEM | sizeCode, off: insn.off & ~(unit - 1) };
  }
  const { insns, targetSize } = convert({
    write,
    insn: wide,
    off: wide.off,
    size: insnSize(wide),
    prog: v.facts,
    types,
  });
  // Rows let programs read what has no field: the padding before and the end of bpf_sock_addr's socket.
  if (insns.length === 0 || (fieldSize !== 0 && targetSize === 0)) {
    refuse(v, EINVAL, 'bpf verifier is misconfigured\n');
  }
  if (!narrow || size >= targetSize) return insns;
  const shift = (insn.off & (unit - 1)) * 8;
  const alu = fieldSize <= 4 ? alu32Imm : alu64Imm;
  const tail = shift === 0 ? [] : [alu(BPF_RSH, insn.dst, shift)];
  // Of 8 bytes, 4 are masked by -1 sign-extended: not at all, until Linux 6.4.
  const mask =
    size === 4 && v.rules.narrowLoad4Of8Masked
      ? alu32Imm(BPF_AND, insn.dst, -1)
      : alu(BPF_AND, insn.dst, 2 ** (size * 8) - 1);
  return [...insns, ...tail, mask];
}
