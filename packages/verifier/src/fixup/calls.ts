// SPDX-License-Identifier: MIT
import { BPF_AND, BPF_CALL, BPF_JGE, BPF_JMP, BPF_PSEUDO_CALL, BPF_REG_3, EINVAL, InternalError } from '@tsbpf/uapi';
import type { HelperRow, HelperSpecial, MapFacts, MapOpName } from '@tsbpf/core';
import { alu32Imm, type Insn, jmpImm } from '@tsbpf/insn';
import { refuse } from '../refuse.ts';
import { helperFor, type InsnFacts, type Verification } from '../verification.ts';
import { maskedPointerMath } from './alu-mask.ts';
import { guardedDivision, isDivisionByReg } from './division.ts';
import { helperSymbol } from '@tsbpf/core';
import { type Replacement, replaceInsns } from './rewrite.ts';

/** The opcode a tail call gets. */
export const TAIL_CALL = BPF_JMP | 0xf0;
const HELPER_CALL = BPF_JMP | BPF_CALL;
/** What a program that may end up in another one is assumed to touch of a packet. */
const MAX_PACKET_OFF = 0xffff;

const MAP_OPS: Readonly<Partial<Record<HelperSpecial, MapOpName>>> = {
  mapLookup: 'lookup',
  mapUpdate: 'update',
  mapDelete: 'delete',
  mapPush: 'push',
  mapPop: 'pop',
  mapPeek: 'peek',
};

/**
 * Rewrites what an engine must not meet as it stands: divisions by a register, unprivileged pointer arithmetic, tail
 * calls, and helper calls, whose immediate becomes an address; calls on one known map become that map's own operation.
 *
 * LD_ABS and LD_IND stay: engines have them. Linux expands them for its JITs here.
 * @errno EINVAL
 * @see kernel/bpf/verifier.c, fixup_bpf_calls
 */
export function rewriteCalls(v: Verification): void {
  v.insns = [...v.insns];
  const replacements: Replacement[] = [];
  let pokes = 0;
  for (let i = 0; i < v.insns.length; i++) {
    const insn = v.insns[i];
    const facts = v.insnFacts[i];
    if (isDivisionByReg(insn)) {
      replacements.push({ at: i, insns: guardedDivision(insn, v.rules) });
      continue;
    }
    const masked = maskedPointerMath(insn, facts.aluState ?? 0, facts.aluLimit ?? 0);
    if (masked !== undefined) {
      replacements.push({ at: i, insns: masked });
      continue;
    }
    if (insn.code !== HELPER_CALL || insn.src === BPF_PSEUDO_CALL || !facts.seen) continue;

    const row = (facts.helper ??= helperFor(v, insn.imm));
    if (row === undefined) throw new InternalError(`the call at insn ${facts.origIdx} has no helper`);
    if (row.proto.name === 'get_route_realm') v.dstNeeded = true;
    if (row.proto.special === 'overrideReturn') v.overridesReturn = true;
    if (row.proto.special === 'tailCall') {
      const direct = jumpsToKnownProg(v, facts);
      const call: Insn = { ...insn, code: TAIL_CALL, imm: direct ? ++pokes : 0 };
      const guarded = tailCall(v, facts, call);
      if (guarded === undefined) v.insns[i] = call;
      else replacements.push({ at: i, insns: guarded });
      continue;
    }
    const inlined = mapOperation(v, i, row, facts);
    if (inlined !== undefined) replacements.push(inlined);
  }
  replaceInsns(v, replacements);
}

/** Distance from the base of calls to a kernel function, as a call's immediate; 0 where there is no such function. */
function callDistance(v: Verification, symbol: string): number {
  const addr = v.env.kernelSymbol(symbol);
  return addr === 0n ? 0 : Number(BigInt.asIntN(32, addr - v.env.callBase));
}

/** One map and one key on all paths, privileged and compiled: the jump goes to the program itself. */
function jumpsToKnownProg(v: Verification, facts: InsnFacts): boolean {
  return (
    v.allowPtrLeaks &&
    v.env.jit &&
    typeof facts.callKey === 'bigint' &&
    typeof facts.callMap === 'object' &&
    facts.maskIndex !== true
  );
}

/** A tail call leaves the program with nothing known; an unprivileged array's index is checked and masked first. */
function tailCall(v: Verification, facts: InsnFacts, call: Insn): Insn[] | undefined {
  v.cbAccess = true;
  v.maxPktOffset = MAX_PACKET_OFF;
  if (facts.maskIndex !== true) return undefined;
  if (typeof facts.callMap !== 'object') {
    return refuse(v, EINVAL, 'tail_call abusing map_ptr\n');
  }
  const { maxEntries } = facts.callMap;
  const mask = 2 ** (32 - Math.clz32(maxEntries - 1)) - 1;
  return [jmpImm(BPF_JGE, BPF_REG_3, maxEntries, 2), alu32Imm(BPF_AND, BPF_REG_3, mask), call];
}

/** Calls a known map's operation, or its lookup in line; any other helper by its address. */
function mapOperation(v: Verification, at: number, row: HelperRow, facts: InsnFacts): Replacement | undefined {
  const op = row.proto.special && MAP_OPS[row.proto.special];
  const map = typeof facts.callMap === 'object' ? facts.callMap : undefined;
  if (v.env.jit && op !== undefined && map !== undefined) {
    const inline = op === 'lookup' && v.env.inlineLookups !== false;
    const lookup = inline && v.env.types ? map.def.genLookup?.(map, v.env.types) : undefined;
    if (lookup !== undefined) {
      v.inlinesLookups = true;
      return inlineLookup(v, at, map, lookup);
    }
    const symbol = map.def.opSymbols?.[op];
    if (symbol !== undefined) {
      v.insns[at] = { ...v.insns[at], imm: callDistance(v, symbol) };
      facts.mapOp = { op, map };
      return undefined;
    }
  }
  v.insns[at] = { ...v.insns[at], imm: callDistance(v, helperSymbol(row.variant)) };
  return undefined;
}

function inlineLookup(
  v: Verification,
  at: number,
  map: MapFacts,
  lookup: { insns: Insn[]; callees: ReadonlyMap<number, MapOpName> },
): Replacement {
  const facts = new Map<number, Partial<InsnFacts>>();
  const insns = lookup.insns.map((insn, i) => {
    const op = lookup.callees.get(i);
    if (op === undefined) return insn;
    const symbol = map.def.opSymbols?.[op];
    if (symbol === undefined) throw new InternalError(`map type ${map.def.name} names no symbol for ${op}`);
    facts.set(i, { mapOp: { op, map } });
    return { ...insn, imm: callDistance(v, symbol) };
  });
  return { at, insns, facts };
}
