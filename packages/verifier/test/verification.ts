// SPDX-License-Identifier: MIT
// A Verification for tests of single passes: a plain environment, everything on the way in settable.
import { decodeInsns, encodeInsns, type Insn } from '@tsbpf/insn';
import {
  type MapFacts,
  type MapTypeFacts,
  type ProgToVerify,
  type ProgTypeDef,
  type VerifierEnv,
  type VerifierOps,
} from '@tsbpf/core';
import { Rejection } from '../src/reject.ts';
import { rulesFor } from '../src/rules.ts';
import type { InsnFacts, Verification } from '../src/verification.ts';
import { VerifierLog } from '../src/log/verifier-log.ts';

export interface FakeOptions {
  insns: readonly Insn[];
  prog?: Partial<ProgToVerify>;
  env?: Partial<VerifierEnv>;
  ops?: Partial<VerifierOps>;
  def?: Partial<ProgTypeDef>;
  logLevel?: number;
  facts?: Readonly<Record<number, Partial<InsnFacts>>>;
  /** Starts of the functions, as the pass that finds them would leave them. */
  subprogs?: readonly number[];
  unprivileged?: boolean;
}

/** A program type row that allows nothing. */
export function fakeProgType(def: Partial<ProgTypeDef> = {}, ops: Partial<VerifierOps> = {}): ProgTypeDef {
  return {
    type: 1,
    name: 'socket_filter',
    since: '5.6',
    progCtx: { name: '__sk_buff', kind: 'struct' },
    kernelCtx: 'sk_buff',
    verifier: { getFuncProto: () => undefined, isValidAccess: () => undefined, ...ops },
    ops: {},
    ...def,
  };
}

export function fakeMap(facts: Partial<Omit<MapFacts, 'def'>> = {}, def: Partial<MapTypeFacts> = {}): MapFacts {
  const type = facts.type ?? 2;
  return {
    type,
    keySize: 4,
    valueSize: 8,
    maxEntries: 1,
    flags: 0,
    name: 'm',
    addr: 0xffff888000001000n,
    spinLockOff: -2,
    btf: undefined,
    btfKeyTypeId: 0,
    btfValueTypeId: 0,
    frozen: false,
    innerMap: undefined,
    ...facts,
    def: { type, name: 'array', ...def },
  };
}

export function fakeVerification(options: FakeOptions): Verification {
  const insns = decodeInsns(encodeInsns(options.insns));
  const privileged = options.unprivileged !== true;
  const def = fakeProgType(options.def, options.ops);
  const prog: ProgToVerify = {
    type: def.type,
    insns,
    gplCompatible: true,
    expectedAttachType: 0,
    flags: 0,
    name: 'p',
    devBound: false,
    privileged,
    btf: undefined,
    funcInfo: undefined,
    lineInfo: undefined,
    attachBtfId: 0,
    targetProg: undefined,
    ...options.prog,
  };
  const env: VerifierEnv = {
    version: '5.6',
    progType: () => def,
    mapByFd: () => -9,
    helper: () => undefined,
    helperProtos: {},
    ptrClass: () => undefined,
    vmlinux: undefined,
    types: undefined,
    callBase: 0n,
    kernelSymbol: () => 0n,
    jit: true,
    efficientUnaligned: true,
    now: () => 0n,
    ...options.env,
  };
  return {
    env,
    prog,
    def,
    facts: {
      type: prog.type,
      expectedAttachType: prog.expectedAttachType,
      privileged,
      gplCompatible: true,
      devBound: prog.devBound,
      attachBtfId: prog.attachBtfId,
      targetProg: prog.targetProg,
      version: env.version,
    },
    ctxEnv: { vmlinux: env.vmlinux, types: env.types, progType: env.progType },
    rules: rulesFor(env.version),
    log: new VerifierLog({ level: options.logLevel ?? 1, sizeBytes: 1 << 20 }),
    strictAlignment: false,
    allowPtrLeaks: privileged,
    insns,
    insnFacts: insns.map((_, origIdx) => ({ origIdx, seen: true, ...options.facts?.[origIdx] })),
    subprogs: (options.subprogs ?? [0]).map((start, i) => ({
      start,
      lineInfoIdx: 0,
      stackDepth: 0,
      hasTailCall: false,
      typeId: 0,
      name: `f${i}`,
      linkage: 'static',
      unreliable: false,
    })),
    tag: new Uint8Array(8),
    usedMaps: [],
    cgroupStorage: [undefined, undefined],
    lineInfo: [],
    funcInfo: [],
    attach: undefined,
    counters: { processedInsns: 0, maxStatesPerInsn: 0, totalStates: 0, peakStates: 0, longestMarkRead: 0 },
    refusal: undefined,
    prevLine: undefined,
    helperBtfIds: new Map(),
    cbAccess: false,
    maxPktOffset: 0,
    maxCtxOffset: 0,
    maxTpAccess: 0,
    seenDirectWrite: false,
    dstNeeded: false,
    overridesReturn: false,
    enforceExpectedAttachType: false,
  };
}

/** What a pass came to: 0 or the negative errno, and the log. */
export function outcome(v: Verification, pass: (v: Verification) => void): { errno: number; log: string } {
  try {
    pass(v);
    return { errno: 0, log: v.log.text() };
  } catch (error) {
    if (!(error instanceof Rejection)) throw error;
    return { errno: error.errno, log: v.log.text() };
  }
}
