// SPDX-License-Identifier: MIT
// The verifier: passes in order, one place where a rejection ends them, and the last lines of the log.
// @see kernel/bpf/verifier.c, bpf_check
import {
  SUPPORTED_VERSIONS,
  type ProgFacts,
  type ProgToVerify,
  type ProgTypeDef,
  type VerifierEnv,
  type VerifierResult,
  type VerifierStats,
  type VerifyOptions,
} from '@tsbpf/core';
import {
  BPF_F_ANY_ALIGNMENT,
  BPF_F_STRICT_ALIGNMENT,
  E2BIG,
  EINVAL,
  ENOSPC,
  ENOSYS,
  NotSupportedError,
  type VerifierDiagnostic,
} from '@tsbpf/uapi';
import { explain, explainLimit } from './diagnostic/explain.ts';
import { type Replayed, replay } from './diagnostic/replay.ts';
import { assembleFuncInfo, assembleVerified } from './fixup/assemble.ts';
import { rewriteProgram } from './fixup/order.ts';
import { COMPLEXITY_LIMIT } from './insn/walk.ts';
import { VerifierLog } from './log/verifier-log.ts';
import { resolveAttachTarget } from './passes/attach-target.ts';
import { checkBtfInfo } from './passes/btf-info.ts';
import { checkCfg } from './passes/cfg.ts';
import { checkGlobalSubprogs, checkMain, createAnalysis } from './passes/main.ts';
import { resolvePseudoImmediates } from './passes/pseudo-imm.ts';
import { checkStackDepth } from './passes/stack-depth.ts';
import { findSubprogs } from './passes/subprogs.ts';
import { Rejection } from './reject.ts';
import { type Rules, rulesFor } from './rules.ts';
import type { Analysis } from './state/analysis.ts';
import type { PathObserver } from './state/observer.ts';
import type { Verification } from './verification.ts';

/** Limits of what a load may ask of its log. */
const MIN_LOG_SIZE = 128;
const KNOWN_LOG_LEVELS = 7;
/** BPF_LOG_STATS: no trace. */
const STATS_LEVEL = 4;

/** One run over a program: its state, and the analysis while that goes on. */
interface Run {
  readonly v: Verification;
  analysis: Analysis | undefined;
}

/** What is known before any path is walked. */
function prepare(v: Verification): void {
  resolvePseudoImmediates(v);
  findSubprogs(v);
  checkBtfInfo(v);
  resolveAttachTarget(v);
  checkCfg(v);
}

/** Everything that is checked and rewritten, in Linux's order. */
function runPasses(run: Run, options: { record: boolean; observer?: PathObserver }): void {
  const { v } = run;
  prepare(v);
  const analysis = createAnalysis(v, options);
  run.analysis = analysis;
  checkGlobalSubprogs(analysis);
  checkMain(analysis);
  run.analysis = undefined;
  checkStackDepth(v);
  rewriteProgram(v);
}

/** 0, or the negative errno of the rejection that ended the work. */
function errnoOf(work: () => void): number {
  try {
    work();
    return 0;
  } catch (error) {
    if (error instanceof Rejection) return error.errno;
    throw error;
  }
}

function factsOf(env: VerifierEnv, prog: ProgToVerify): ProgFacts {
  return {
    type: prog.type,
    expectedAttachType: prog.expectedAttachType,
    privileged: prog.privileged,
    gplCompatible: prog.gplCompatible,
    devBound: prog.devBound,
    attachBtfId: prog.attachBtfId,
    targetProg: prog.targetProg,
    version: env.version,
  };
}

/** A verification that has not begun. */
function newVerification(
  env: VerifierEnv,
  prog: ProgToVerify,
  def: ProgTypeDef,
  log: VerifierLog,
  mended?: Partial<Rules>,
): Verification {
  const strict = (prog.flags & BPF_F_STRICT_ALIGNMENT) !== 0 || !env.efficientUnaligned;
  return {
    env,
    prog,
    def,
    facts: factsOf(env, prog),
    ctxEnv: { vmlinux: env.vmlinux, types: env.types, progType: (type) => env.progType(type) },
    rules: mended === undefined ? rulesFor(env.version) : { ...rulesFor(env.version), ...mended },
    log,
    strictAlignment: strict && (prog.flags & BPF_F_ANY_ALIGNMENT) === 0,
    allowPtrLeaks: prog.privileged,
    insns: [...prog.insns],
    insnFacts: prog.insns.map((_, origIdx) => ({ origIdx, seen: false })),
    subprogs: [],
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

function statsOf(v: Verification): VerifierStats {
  const { processedInsns, maxStatesPerInsn, totalStates, peakStates, longestMarkRead } = v.counters;
  return {
    processedInsns,
    maxStatesPerInsn,
    totalStates,
    peakStates,
    markRead: longestMarkRead,
    stackDepths: v.subprogs.map((s) => s.stackDepth),
  };
}

/** The last lines, whatever the verdict. @see kernel/bpf/verifier.c, print_verification_stats */
function logStats(v: Verification, elapsedNs: bigint): void {
  const { log } = v;
  const s = statsOf(v);
  if (log.stats) {
    log.write(`verification time ${elapsedNs / 1000n} usec\n`);
    log.write('stack depth ');
    s.stackDepths.forEach((depth, i) => log.write(i + 1 < s.stackDepths.length ? `${depth}+` : `${depth}`));
    log.write('\n');
  }
  log.write(
    `processed ${s.processedInsns} insns (limit ${COMPLEXITY_LIMIT}) max_states_per_insn ${s.maxStatesPerInsn} ` +
      `total_states ${s.totalStates} peak_states ${s.peakStates} mark_read ${s.markRead}\n`,
  );
}

function requireSupport(env: VerifierEnv, prog: ProgToVerify): ProgTypeDef {
  if (!SUPPORTED_VERSIONS.includes(env.version)) {
    throw new NotSupportedError(
      `the verifier has the rules of Linux ${SUPPORTED_VERSIONS.join(', ')}, not of ${env.version}`,
      { errno: ENOSYS, feature: `Linux ${env.version}`, since: env.version },
    );
  }
  const def = env.progType(prog.type);
  if (def === undefined) {
    throw new NotSupportedError(`no program type ${prog.type} is registered`, {
      errno: EINVAL,
      feature: `program type ${prog.type}`,
    });
  }
  return def;
}

/** Says why `rejected` ended as it did: of a path too long at once, otherwise by verifying once more. */
function diagnose(rejected: Run, def: ProgTypeDef, refused: number): VerifierDiagnostic | undefined {
  const { analysis, v } = rejected;
  if (refused === E2BIG && analysis !== undefined && v.refusal !== undefined) {
    return explainLimit(analysis, v.refusal, refused);
  }
  return diagnoseAgain(v.env, v.prog, def);
}

/** Verifies once more to learn on which path the program was rejected. */
function diagnoseAgain(env: VerifierEnv, prog: ProgToVerify, def: ProgTypeDef): VerifierDiagnostic | undefined {
  // Messages only: the trace of a long program would be all there is to it.
  const log = new VerifierLog({ level: STATS_LEVEL, sizeBytes: Infinity });
  const run: Run = { v: newVerification(env, prog, def, log), analysis: undefined };
  const errno = errnoOf(() => runPasses(run, { record: true }));
  if (errno === 0) return undefined;
  const path = run.analysis?.cur.path;
  if (run.analysis === undefined || path === undefined) return explain(run.v, undefined, -errno);
  const again = newVerification(env, prog, def, new VerifierLog(undefined));
  const { root } = run.analysis;
  let replayed: Replayed | undefined;
  const refused = errnoOf(() => {
    prepare(again);
    replayed = replay(createAnalysis(again, { record: false }), root, path);
  });
  return explain(run.v, refused === 0 ? replayed : undefined, -errno);
}

/**
 * Verifies a program and rewrites it into what runs. See `Verify` in @tsbpf/core.
 * @errno ENOSYS NotSupportedError: rules of a version, or rows, that are not here
 */
export function verify(env: VerifierEnv, prog: ProgToVerify, options: VerifyOptions = {}): VerifierResult {
  return verifyWith(env, prog, options, undefined);
}

/** {@link verify}, shown to an observer instruction by instruction. Slow, and the paths seen stay in memory. */
export function verifyObserved(
  env: VerifierEnv,
  prog: ProgToVerify,
  options: VerifyOptions,
  observer: PathObserver,
): VerifierResult {
  return verifyWith(env, prog, options, observer);
}

function verifyWith(
  env: VerifierEnv,
  prog: ProgToVerify,
  options: VerifyOptions,
  observer: PathObserver | undefined,
): VerifierResult {
  const def = requireSupport(env, prog);
  const request = options.log;
  const log = new VerifierLog(request);
  const v = newVerification(env, prog, def, log, observer?.mended);
  const result = (errno: number, more: Partial<VerifierResult> = {}): VerifierResult => ({
    errno,
    log: log.text(),
    stats: statsOf(v),
    verified: undefined,
    attach: v.attach,
    funcInfo: undefined,
    tag: v.tag,
    diagnostic: undefined,
    ...more,
  });
  if (request !== undefined) {
    const { level, sizeBytes } = request;
    if (level === 0 || (level & ~KNOWN_LOG_LEVELS) !== 0 || sizeBytes < MIN_LOG_SIZE) return result(-EINVAL);
  }
  const start = env.now();
  const run: Run = { v, analysis: undefined };
  let errno = errnoOf(() => runPasses(run, { record: false, observer }));
  logStats(v, env.now() - start);
  const diagnostic = errno !== 0 && options.diagnose === true ? diagnose(run, def, -errno) : undefined;
  if (log.full) errno = -ENOSPC;
  if (errno !== 0) return result(errno, { diagnostic });
  return result(0, { verified: assembleVerified(v), funcInfo: assembleFuncInfo(v) });
}
