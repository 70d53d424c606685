// SPDX-License-Identifier: MIT
// Conditional jumps. @see kernel/bpf/verifier.c, check_cond_jmp_op
import { BPF_JEQ, BPF_JMP32, BPF_JNE, BPF_JSLE, BPF_X, EACCES, EFAULT, EINVAL } from '@tsbpf/uapi';
import type { Insn } from '@tsbpf/insn';
import { logState } from '../log/print-state.ts';
import { markRegPrecise } from '../prune/precision.ts';
import { refuse } from '../refuse.ts';
import { reject } from '../reject.ts';
import { type Width, branchTaken, knownImm, refineBranch, tnumIsConst } from '../scalar/index.ts';
import { type Analysis, isSecret, regAt } from '../state/analysis.ts';
import { type Reg, withBounds } from '../state/reg.ts';
import { mayBeNull } from '../state/reg-class.ts';
import { type State, ownTop, topFrame } from '../state/state.ts';
import { markNullOrNot } from './null-check.ts';
import { learnPacketRange } from './packet-range.ts';
import { pushPath } from './pending.ts';
import { readReg } from './reg-access.ts';

function checkReserved(a: Analysis, insn: Insn): boolean {
  const byReg = (insn.code & BPF_X) !== 0;
  if (byReg ? insn.imm !== 0 : insn.src !== 0) refuse(a.v, EINVAL, 'BPF_JMP/JMP32 uses reserved fields\n');
  return byReg;
}

/** Only a scalar compared with a known value is predicted. */
function predict(
  a: Analysis,
  insn: Insn,
  op: number,
  width: Width,
  dst: Reg,
  src: Reg | undefined,
): boolean | undefined {
  if (dst.type !== 'SCALAR_VALUE') return undefined;
  if (src === undefined) return branchTaken(op, width, dst.bounds, knownImm(insn.imm), a.scalarRules);
  if (src.type !== 'SCALAR_VALUE' || !tnumIsConst(src.bounds)) return undefined;
  return branchTaken(op, width, dst.bounds, src.bounds, a.scalarRules);
}

/**
 * One conditional jump. Where its outcome is known the path goes on there; otherwise it falls through, and another path
 * waits to take the jump. Returns how far to go beyond the next instruction.
 * @errno EINVAL, EACCES, EFAULT
 */
export function checkBranch(a: Analysis, insn: Insn): number {
  const { v } = a;
  const op = insn.code & 0xf0;
  if (op > BPF_JSLE) refuse(v, EINVAL, `invalid BPF_JMP/JMP32 opcode ${op.toString(16)}\n`);
  const byReg = checkReserved(a, insn);
  if (byReg && isSecret(a, readReg(a, insn.src))) {
    refuse(v, EACCES, `R${insn.src} pointer comparison prohibited\n`);
  }
  readReg(a, insn.dst);
  const width: Width = (insn.code & 7) === BPF_JMP32 ? 32 : 64;

  const taken = predict(a, insn, op, width, regAt(a, insn.dst), byReg ? regAt(a, insn.src) : undefined);
  if (taken !== undefined) {
    markRegPrecise(a, insn.dst);
    if (byReg) markRegPrecise(a, insn.src);
    return taken ? insn.off : 0;
  }

  const other = pushPath(a, a.insnIdx + insn.off + 1, a.insnIdx, false);
  if (other === undefined) reject(EFAULT);
  refine(a, insn, op, width, other);
  learnOfPointers(a, insn, op, width, other);
  if (a.trace) logState(v, topFrame(a.cur));
  return 0;
}

function refine(a: Analysis, insn: Insn, op: number, width: Width, other: State): void {
  const dst = regAt(a, insn.dst);
  if (dst.type !== 'SCALAR_VALUE') return;
  if ((insn.code & BPF_X) === 0) {
    const sides = refineBranch(op, width, dst.bounds, knownImm(insn.imm));
    put(other, insn.dst, dst, sides.takenDst);
    put(a.cur, insn.dst, dst, sides.fallDst);
    return;
  }
  const src = regAt(a, insn.src);
  if (src.type !== 'SCALAR_VALUE') return;
  const sides = refineBranch(op, width, dst.bounds, src.bounds);
  put(other, insn.src, src, sides.takenSrc);
  put(a.cur, insn.src, src, sides.fallSrc);
  put(other, insn.dst, dst, sides.takenDst);
  put(a.cur, insn.dst, dst, sides.fallDst);
}

function put(st: State, regno: number, reg: Reg, bounds: Reg['bounds']): void {
  if (bounds !== reg.bounds) ownTop(st).regs[regno] = withBounds(reg, bounds);
}

function learnOfPointers(a: Analysis, insn: Insn, op: number, width: Width, other: State): void {
  const dst = regAt(a, insn.dst);
  const byReg = (insn.code & BPF_X) !== 0;
  const equality = op === BPF_JEQ || op === BPF_JNE;
  if (width === 64 && !byReg && insn.imm === 0 && equality && mayBeNull(dst.type)) {
    markNullOrNot(a.cur, insn.dst, op === BPF_JNE);
    markNullOrNot(other, insn.dst, op === BPF_JEQ);
    return;
  }
  const openAdds = a.v.rules.packetRightOpenRange ? 1 : -1;
  const sides = { fall: a.cur, taken: other, openAdds } as const;
  if (byReg && width === 64 && learnPacketRange(op, dst, regAt(a, insn.src), sides)) return;
  if (isSecret(a, regAt(a, insn.dst))) refuse(a.v, EACCES, `R${insn.dst} pointer comparison prohibited\n`);
}
