// SPDX-License-Identifier: MIT
// What the passes of one verification share. Passes run in the order of check.ts; each reads what earlier ones found.
import type { Insn } from '@tsbpf/insn';
import type {
  AttachTarget,
  CtxEnv,
  HelperRow,
  LineRecord,
  MapFacts,
  MapOpName,
  ProgFacts,
  ProgToVerify,
  ProgTypeDef,
  RegType,
  VerifierEnv,
} from '@tsbpf/core';
import type { Rules } from './rules.ts';
import type { VerifierLog } from './log/verifier-log.ts';

/** What the analysis learns of an instruction, for the rewrites. Moves with the instruction when the program changes. */
export interface InsnFacts {
  /** Index in the program as loaded. */
  readonly origIdx: number;
  /** Reached by the analysis. */
  seen: boolean;
  /** Pointer type of a load or store; a second, different one is an error for types that are rewritten. */
  ptrType?: RegType;
  /** The map of a pseudo 64-bit immediate; its value offset where it is an address in a value. */
  map?: MapFacts;
  mapValueOff?: number;
  /** A helper call: the map all paths agree on, 'poison' where they do not. */
  callMap?: MapFacts | 'poison';
  /** The constant key all paths agree on, 'poison' where they do not. */
  callKey?: bigint | 'poison';
  /** The map argument is an unprivileged array: index it with a mask. */
  maskIndex?: boolean;
  helper?: HelperRow;
  /** After rewriting: a direct call to a map's operation. */
  mapOp?: { readonly op: MapOpName; readonly map: MapFacts };
  /** Bytes of the whole context field a narrow load reads from; 0 for none. */
  ctxFieldSize?: number;
  /** Unprivileged: a store that must be preceded by clearing this stack slot (offset from the frame pointer). */
  sanitizeStackOff?: number;
  /** Unprivileged pointer arithmetic: what the masking rewrite must do, in bits of alu-state.ts. */
  aluState?: number;
  aluLimit?: number;
  /** The 32-bit result is read as 64 bits. */
  zextDst?: boolean;
  probeMem?: boolean;
  /** For stores through BTF pointers that struct_ops allows. */
  btfStore?: boolean;
  prunePoint?: boolean;
}

/** A function of the program, as the passes fill it in. Index 0 is main. */
export interface SubprogFacts {
  start: number;
  /** Index in lineInfo of its first record. */
  lineInfoIdx: number;
  stackDepth: number;
  hasTailCall: boolean;
  /** From BTF. */
  typeId: number;
  name: string;
  linkage: 'static' | 'global' | 'extern';
  unreliable: boolean;
}

/** Counts that the last log line prints. */
export interface Counters {
  processedInsns: number;
  maxStatesPerInsn: number;
  totalStates: number;
  peakStates: number;
  longestMarkRead: number;
}

/** One verification in progress. */
export interface Verification {
  readonly env: VerifierEnv;
  readonly prog: ProgToVerify;
  /** The rules of the program's type; for an extension, those of its target once the attach pass has run. */
  def: ProgTypeDef;
  /** What rows of program types are told. For an extension `type` stays EXT. */
  facts: ProgFacts;
  ctxEnv: CtxEnv;
  readonly rules: Rules;
  readonly log: VerifierLog;
  readonly strictAlignment: boolean;
  readonly allowPtrLeaks: boolean;

  /** The program; 64-bit immediate loads take two entries. Replaced as a whole by rewrites. */
  insns: Insn[];
  /** One for each entry of insns. */
  insnFacts: InsnFacts[];
  /** In order of start. */
  subprogs: SubprogFacts[];
  /** The program's tag, once computed. */
  tag: Uint8Array;
  usedMaps: MapFacts[];
  cgroupStorage: [MapFacts | undefined, MapFacts | undefined];
  /** Strictly increasing instruction index. Empty without line info. */
  lineInfo: LineRecord[];
  /** func_info records, instruction offsets moved with rewrites; empty without. */
  funcInfo: { insnIdx: number; typeId: number; rest: Uint8Array }[];
  attach: AttachTarget | undefined;

  readonly counters: Counters;
  /** What `refuse` said; undefined before, and where a rejection's words came in pieces. */
  refusal: string | undefined;
  /** The line record logged last. */
  prevLine: LineRecord | undefined;
  /** Structures that helper arguments take, by variant and argument, as far as they have been looked up. */
  helperBtfIds: Map<string, number>;
  /** Found by the analysis. */
  cbAccess: boolean;
  maxPktOffset: number;
  maxCtxOffset: number;
  maxTpAccess: number;
  seenDirectWrite: boolean;
  dstNeeded: boolean;
  overridesReturn: boolean;
  /** A lookup became instructions. */
  inlinesLookups?: boolean;
  enforceExpectedAttachType: boolean;
}

/** Index in `subprogs` of the function that contains an instruction. */
export function subprogAt(v: Verification, insnIdx: number): number {
  let low = 0;
  let high = v.subprogs.length - 1;
  while (low < high) {
    const mid = (low + high + 1) >> 1;
    if ((v.subprogs[mid]?.start ?? 0) <= insnIdx) low = mid;
    else high = mid - 1;
  }
  return low;
}

/** The prototype behind a helper id for this program; undefined where it may not call it. */
export function helperFor(v: Verification, id: number): HelperRow | undefined {
  const variant = v.def.verifier.getFuncProto(id, v.facts, v.ctxEnv);
  return variant === undefined ? undefined : v.env.helper(variant);
}
