// SPDX-License-Identifier: MIT
// Loads, stores and atomic additions. @see kernel/bpf/verifier.c, do_check, check_xadd
import { BPF_MEM, BPF_DW, BPF_W, BPF_XADD, EACCES, EINVAL } from '@tsbpf/uapi';
import { type Insn, insnSize } from '@tsbpf/insn';
import type { RegType } from '@tsbpf/core';
import { accessMemory } from '../mem/access.ts';
import { refuse } from '../refuse.ts';
import { type Analysis, isSecret } from '../state/analysis.ts';
import { REG_TYPE_NAMES, isPacketPtr, isRewritten, isSockPtr } from '../state/reg-class.ts';
import { readReg, writeReg } from './reg-access.ts';

/** One instruction is rewritten for one type of pointer. @errno EINVAL it met another one before */
function noteType(a: Analysis, type: RegType): void {
  const facts = a.facts[a.insnIdx];
  if (facts.ptrType === undefined) facts.ptrType = type;
  else if (facts.ptrType !== type && (isRewritten(type) || isRewritten(facts.ptrType))) {
    refuse(a.v, EINVAL, 'same insn cannot be used with different pointers\n');
  }
}

/** Class LDX. */
export function checkLoad(a: Analysis, insn: Insn): void {
  const { type } = readReg(a, insn.src);
  writeReg(a, insn.dst);
  accessMemory(a, { regno: insn.src, off: insn.off, size: insnSize(insn), write: false, value: insn.dst });
  noteType(a, type);
}

/** Class STX. */
export function checkStoreReg(a: Analysis, insn: Insn): void {
  if ((insn.code & 0xe0) === BPF_XADD) {
    checkXadd(a, insn);
    return;
  }
  readReg(a, insn.src);
  const { type } = readReg(a, insn.dst);
  accessMemory(a, { regno: insn.dst, off: insn.off, size: insnSize(insn), write: true, value: insn.src });
  noteType(a, type);
}

/** Class ST. */
export function checkStoreImm(a: Analysis, insn: Insn): void {
  if ((insn.code & 0xe0) !== BPF_MEM || insn.src !== 0) refuse(a.v, EINVAL, 'BPF_ST uses reserved fields\n');
  const { type } = readReg(a, insn.dst);
  if (type === 'PTR_TO_CTX') {
    refuse(a.v, EACCES, `BPF_ST stores into R${insn.dst} ${REG_TYPE_NAMES[type]} is not allowed\n`);
  }
  accessMemory(a, { regno: insn.dst, off: insn.off, size: insnSize(insn), write: true, value: -1 });
}

function checkXadd(a: Analysis, insn: Insn): void {
  const width = insn.code & 0x18;
  if ((width !== BPF_W && width !== BPF_DW) || insn.imm !== 0) {
    refuse(a.v, EINVAL, 'BPF_XADD uses reserved fields\n');
  }
  const value = readReg(a, insn.src);
  const { type } = readReg(a, insn.dst);
  if (isSecret(a, value)) refuse(a.v, EACCES, `R${insn.src} leaks addr into mem\n`);
  if (type === 'PTR_TO_CTX' || isPacketPtr(type) || type === 'PTR_TO_FLOW_KEYS' || isSockPtr(type)) {
    refuse(a.v, EACCES, `BPF_XADD stores into R${insn.dst} ${REG_TYPE_NAMES[type]} is not allowed\n`);
  }
  const access = { regno: insn.dst, off: insn.off, size: insnSize(insn), value: -1, aligned: true };
  accessMemory(a, { ...access, write: false });
  accessMemory(a, { ...access, write: true });
}
