// SPDX-License-Identifier: MIT
import type { Callee, InsnAux, Subprog, VerifiedProg } from '@tsbpf/core';
import { BPF_CALL, BPF_JMP, BPF_PSEUDO_CALL, MAX_BPF_STACK } from '@tsbpf/uapi';
import { type Insn, isLdImm64 } from '@tsbpf/insn';
import type { InsnFacts, Verification } from '../verification.ts';
import { progTag } from '../passes/tag.ts';
import { TAIL_CALL } from './calls.ts';

/** Bytes of a func_info record as Linux v5.6 knows it. */
const FUNC_INFO_SIZE = 8;

/**
 * The verified and rewritten program, for engines and dumps. Addresses of maps are plain constants from here on; what
 * they stand for is in `aux`.
 */
export function assembleVerified(v: Verification): VerifiedProg {
  const aux: (InsnAux | undefined)[] = new Array(v.insns.length);
  const origIdx = new Int32Array(v.insns.length);
  const insns = v.insns.map((insn, i) => {
    origIdx[i] = v.insnFacts[i].origIdx;
    aux[i] = auxOf(insn, v.insnFacts[i]);
    return isLdImm64(insn) && insn.src !== 0 ? { ...insn, src: 0 } : insn;
  });
  return {
    insns,
    origIdx,
    aux,
    subprogs: subprogsOf(v),
    lineInfo: v.lineInfo,
    usedMaps: v.usedMaps,
    cbAccess: v.cbAccess,
    maxPktOffset: v.maxPktOffset,
    maxCtxOffset: v.maxCtxOffset,
    maxTpAccess: v.maxTpAccess,
    dstNeeded: v.dstNeeded,
    overridesReturn: v.overridesReturn,
    inlinesLookups: v.inlinesLookups === true,
    enforceExpectedAttachType: v.enforceExpectedAttachType,
    cgroupStorage: v.cgroupStorage,
  };
}

function auxOf(insn: Insn, facts: InsnFacts): InsnAux | undefined {
  if (isLdImm64(insn)) return facts.map && { map: facts.map, mapValueOff: facts.mapValueOff };
  const isHelperCall = insn.code === (BPF_JMP | BPF_CALL) && insn.src !== BPF_PSEUDO_CALL;
  if (isHelperCall || insn.code === TAIL_CALL) {
    const map = typeof facts.callMap === 'object' ? facts.callMap : undefined;
    const known = insn.code === TAIL_CALL && insn.imm !== 0 && typeof facts.callKey === 'bigint';
    return {
      map: facts.mapOp?.map ?? map,
      callee: calleeOf(facts),
      constKey: known ? Number(facts.callKey) : undefined,
    };
  }
  return facts.probeMem === true ? { probeMem: true } : undefined;
}

function calleeOf(facts: InsnFacts): Callee | undefined {
  if (facts.mapOp !== undefined) return { kind: 'mapOp', ...facts.mapOp };
  return facts.helper && { kind: 'helper', row: facts.helper };
}

function subprogsOf(v: Verification): Subprog[] {
  return v.subprogs.map((subprog, i) => {
    const end = v.subprogs[i + 1]?.start ?? v.insns.length;
    let hasTailCall = false;
    for (let at = subprog.start; at < end && !hasTailCall; at++) hasTailCall = v.insns[at].code === TAIL_CALL;
    return {
      start: subprog.start,
      // Whoever is called in its place may use all of the stack.
      stackDepth: hasTailCall ? MAX_BPF_STACK : subprog.stackDepth,
      name: subprog.name === '' && i === 0 ? v.prog.name : subprog.name,
      typeId: subprog.typeId,
      linkage: subprog.linkage === 'global' ? 'global' : 'static',
      unreliable: subprog.unreliable,
      hasTailCall,
      ...(v.subprogs.length > 1 && { tag: progTag(compiledInsns(v, subprog.start, end)) }),
    };
  });
}

/** A function as v5.6 gives it to the compiler: a call has its callee's number, and goes nowhere yet. */
function compiledInsns(v: Verification, start: number, end: number): Insn[] {
  return v.insns.slice(start, end).map((insn, i) => {
    if (insn.code !== (BPF_JMP | BPF_CALL) || insn.src !== BPF_PSEUDO_CALL) return insn;
    const target = start + i + insn.imm + 1;
    return { ...insn, off: v.subprogs.findIndex((callee) => callee.start === target), imm: 1 };
  });
}

/** func_info as PROG_LOAD keeps it: records of the known size, at the places the functions have now. */
export function assembleFuncInfo(v: Verification): { recSize: number; bytes: Uint8Array } | undefined {
  if (v.funcInfo.length === 0) return undefined;
  const bytes = new Uint8Array(v.funcInfo.length * FUNC_INFO_SIZE);
  const view = new DataView(bytes.buffer);
  v.funcInfo.forEach(({ typeId }, i) => {
    view.setUint32(i * FUNC_INFO_SIZE, v.subprogs[i].start, true);
    view.setUint32(i * FUNC_INFO_SIZE + 4, typeId, true);
  });
  return { recSize: FUNC_INFO_SIZE, bytes };
}
