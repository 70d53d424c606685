// SPDX-License-Identifier: MIT
import { EINVAL, EOPNOTSUPP, BtfError } from '@tsbpf/uapi';
import * as K from '../kinds.ts';
import type { Btf } from '../model/btf.ts';
import { findCoreCandidates, type CoreCandidate, type CoreTarget } from './candidates.ts';
import { fieldValue } from './field.ts';
import * as C from './kinds.ts';
import { noLog, type CoreLog } from './log.ts';
import { enumvalOf, matchCoreSpec } from './match.ts';
import { formatCoreSpec, kindWord, parseCoreSpec, type CoreSpec } from './spec.ts';

/** One CO-RE relocation, its access string resolved. */
export interface CoreRelo {
  /** A type of the local BTF. */
  readonly typeId: number;
  /** Such as `0:1:2`. */
  readonly accessStr: string;
  /** BPF_CORE_*. */
  readonly kind: number;
  /** Bytes from the section's start; for messages. */
  readonly insnOff?: number;
}

/** What an instruction must become. Values are 64 bits, unsigned. */
export interface CoreDecision {
  /** The instruction cannot be meant to run: replace it by an invalid one. */
  readonly poison: boolean;
  /** Whether the instruction must hold `origValue` before it is patched. */
  readonly validate: boolean;
  readonly origValue: bigint;
  readonly newValue: bigint;
  /** Bytes that a load or store of the field takes: the compiler's and the target's. 0: leave its size alone. */
  readonly origSize: number;
  readonly newSize: number;
  readonly origTypeId: number;
  readonly newTypeId: number;
  /** A load or store cannot be adjusted from `origSize` to `newSize`: poison it. Other instructions do not mind. */
  readonly failMemSizeAdjust: boolean;
}

export interface CoreReloResult extends CoreDecision {
  readonly localSpec: CoreSpec;
  /** The access in each candidate that has it. */
  readonly targetSpecs: readonly CoreSpec[];
  /** For later relocations of the same local type: those that matched, or all where none did. */
  readonly candidates: readonly CoreCandidate[];
}

export interface ComputeCoreReloInit {
  readonly localBtf: Btf;
  readonly relo: CoreRelo;
  /** Where to search for candidates: the kernel's BTF, then its modules'. */
  readonly targets?: readonly CoreTarget[];
  /** Candidates of the same local type, narrowed by an earlier relocation; searched for where not given. */
  readonly candidates?: readonly CoreCandidate[];
  /** For messages. */
  readonly progName?: string;
  readonly reloIdx?: number;
  readonly log?: CoreLog;
}

interface Value {
  readonly value: bigint;
  readonly validate: boolean;
  readonly size: number;
  readonly typeId: number;
}

const NO_SIZE = { size: 0, typeId: 0 };

/** Value of a relocation in one BTF; 'poison' where it has none. */
function valueOf(
  spec: CoreSpec | undefined,
  kind: number,
  ctx: { progName: string; insnOff: number; log: CoreLog },
): Value | 'poison' {
  switch (kind) {
    case C.BPF_CORE_FIELD_EXISTS:
    case C.BPF_CORE_TYPE_EXISTS:
    case C.BPF_CORE_TYPE_MATCHES:
    case C.BPF_CORE_ENUMVAL_EXISTS:
      return { ...NO_SIZE, value: spec ? 1n : 0n, validate: true };
    case C.BPF_CORE_TYPE_ID_TARGET:
      // Linking may have renumbered the types, so the compiler's id proves nothing.
      return { ...NO_SIZE, value: BigInt(spec?.rootTypeId ?? 0), validate: spec === undefined };
    case C.BPF_CORE_TYPE_SIZE:
      return { ...NO_SIZE, value: BigInt(spec ? spec.btf.resolveSize(spec.rootTypeId) : 0), validate: true };
    case C.BPF_CORE_ENUMVAL_VALUE:
      return spec ? { ...NO_SIZE, value: enumvalOf(spec), validate: true } : 'poison';
    default: {
      if (!spec) return 'poison';
      const field = fieldValue(spec, ctx);
      return { ...field, value: BigInt.asUintN(64, BigInt(field.value)) };
    }
  }
}

/** Pointers, and integers that are not signed, may change their size. */
function sizeMayChange(local: CoreSpec, localId: number, target: CoreSpec, targetId: number): boolean {
  const a = local.btf.type(localId);
  const b = target.btf.type(targetId);
  if (a.kind === K.BTF_KIND_PTR && b.kind === K.BTF_KIND_PTR) return true;
  return (
    a.kind === K.BTF_KIND_INT &&
    b.kind === K.BTF_KIND_INT &&
    a.encoding !== K.BTF_INT_SIGNED &&
    b.encoding !== K.BTF_INT_SIGNED
  );
}

function decide(
  local: CoreSpec,
  target: CoreSpec | undefined,
  ctx: { progName: string; insnOff: number; log: CoreLog },
): CoreDecision {
  const orig = valueOf(local, local.reloKind, ctx);
  const wanted = valueOf(target, local.reloKind, ctx);
  if (orig === 'poison' || wanted === 'poison') {
    return {
      poison: true,
      validate: orig === 'poison' || orig.validate,
      origValue: orig === 'poison' ? 0n : orig.value,
      newValue: 0n,
      origSize: orig === 'poison' ? 0 : orig.size,
      newSize: 0,
      origTypeId: orig === 'poison' ? 0 : orig.typeId,
      newTypeId: 0,
      failMemSizeAdjust: false,
    };
  }
  return {
    poison: false,
    validate: orig.validate,
    origValue: orig.value,
    newValue: wanted.value,
    origSize: orig.size,
    newSize: wanted.size,
    origTypeId: orig.typeId,
    newTypeId: wanted.typeId,
    failMemSizeAdjust:
      orig.size !== wanted.size && (target === undefined || !sizeMayChange(local, orig.typeId, target, wanted.typeId)),
  };
}

/**
 * What a CO-RE relocation makes of its instruction on the kernel that the targets describe, as libbpf 1.x decides it.
 * Pure: it changes neither instructions nor its arguments.
 * @errno EINVAL where the relocation is malformed or candidates disagree; EOPNOTSUPP for an anonymous root or an
 * unknown kind
 * @see tools/lib/bpf/relo_core.c
 */
export function computeCoreRelo(init: ComputeCoreReloInit): CoreReloResult {
  const { localBtf, relo, progName = '', reloIdx = 0, log = noLog } = init;
  const { typeId, kind, accessStr } = relo;
  const at = `prog '${progName}': relo #${reloIdx}`;
  const ctx = { progName, insnOff: relo.insnOff ?? 0, log };
  const fail = (message: string, errno: number = EINVAL): never => {
    log('warn', `${at}: ${message}`);
    throw new BtfError(`${at}: ${message}`, { errno, typeId });
  };

  const localName = typeId === 0 ? '' : localBtf.name(typeId);
  if (kind > C.BPF_CORE_TYPE_MATCHES) {
    fail(`unrecognized CO-RE relocation ${C.coreReloKindName(kind)} (${kind}) at insn #${ctx.insnOff / 8}`, EOPNOTSUPP);
  }
  let localSpec: CoreSpec;
  try {
    localSpec = parseCoreSpec(localBtf, relo, { progName, log });
  } catch (cause) {
    if (!(cause instanceof BtfError)) throw cause;
    const kindName = kindWord(localBtf.kind(typeId));
    const message = `parsing [${typeId}] ${kindName} ${localName || '<anon>'} + ${accessStr} failed: ${-cause.errno}`;
    log('warn', `${at}: ${message}`);
    throw new BtfError(`${at}: ${message}: ${cause.message}`, { errno: EINVAL, typeId, cause });
  }
  log('debug', `${at}: ${formatCoreSpec(localSpec)}`);

  if (kind === C.BPF_CORE_TYPE_ID_LOCAL) {
    const value = BigInt(typeId);
    return {
      poison: false,
      validate: false,
      origValue: value,
      newValue: value,
      origSize: 0,
      newSize: 0,
      origTypeId: 0,
      newTypeId: 0,
      failMemSizeAdjust: false,
      localSpec,
      targetSpecs: [],
      candidates: [],
    };
  }
  if (localName === '') {
    fail(`<${C.coreReloKindName(kind)}> (${kind}) relocation doesn't support anonymous types`, EOPNOTSUPP);
  }
  const all = init.candidates ?? findCoreCandidates({ localBtf, typeId, targets: init.targets ?? [], log });
  const tryMatch = (candidate: CoreCandidate, i: number): ReturnType<typeof matchCoreSpec> => {
    try {
      return matchCoreSpec(localSpec, candidate, { log });
    } catch (cause) {
      if (!(cause instanceof BtfError)) throw cause;
      const name = `[${candidate.typeId}] ${kindWord(candidate.btf.kind(candidate.typeId))} ${candidate.btf.name(candidate.typeId)}`;
      return fail(`error matching candidate #${i} <${C.coreReloKindName(kind)}> ${name}: ${-cause.errno}`, cause.errno);
    }
  };
  const matching: { candidate: CoreCandidate; spec: CoreSpec; decision: CoreDecision }[] = [];
  all.forEach((candidate, i) => {
    const { matched, spec } = tryMatch(candidate, i);
    log('debug', `${at}: ${matched ? 'matching' : 'non-matching'} candidate #${i} ${formatCoreSpec(spec)}`);
    if (!matched) return;
    const decision = decide(localSpec, spec, ctx);
    const [first] = matching;
    if (first && spec.bitOffset !== first.spec.bitOffset) {
      fail(`field offset ambiguity: ${spec.bitOffset} != ${first.spec.bitOffset}`);
    }
    if (first && (decision.poison !== first.decision.poison || decision.newValue !== first.decision.newValue)) {
      const word = (d: CoreDecision): string => `${d.poison ? 'failure' : 'success'} ${d.newValue}`;
      fail(`relocation decision ambiguity: ${word(decision)} != ${word(first.decision)}`);
    }
    matching.push({ candidate, spec, decision });
  });
  if (matching.length === 0) {
    log('debug', `${at}: no matching targets found`);
    return { ...decide(localSpec, undefined, ctx), localSpec, targetSpecs: [], candidates: all };
  }
  return {
    ...matching[0].decision,
    localSpec,
    targetSpecs: matching.map((m) => m.spec),
    candidates: matching.map((m) => m.candidate),
  };
}
