// SPDX-License-Identifier: MIT
import type { Btf } from '@tsbpf/btf';
import type { Insn } from '@tsbpf/insn';
import type { VerifierDiagnostic } from '@tsbpf/uapi';
import type { AttachTarget, BpfProg, VerifiedProg } from './prog.ts';
import type { FuncProto } from './func-proto.ts';
import type { HelperRow } from './func-proto.ts';
import type { KernelTypes } from './kernel-types.ts';
import type { KernelVersion } from './version.ts';
import type { MapFacts } from './map.ts';
import type { ProgTypeDef } from './prog-type.ts';
import type { PtrClassOps } from './ptr-class.ts';
import type { RegType } from './reg-type.ts';

/** A program to verify, its fds resolved as far as the system call resolves them. */
export interface ProgToVerify {
  readonly type: number;
  readonly insns: readonly Insn[];
  readonly gplCompatible: boolean;
  readonly expectedAttachType: number;
  /** BPF_F_STRICT_ALIGNMENT … */
  readonly flags: number;
  readonly name: string;
  readonly devBound: boolean;
  /** The loader holds CAP_SYS_ADMIN. */
  readonly privileged: boolean;
  readonly btf: Btf | undefined;
  /** What looking up prog_btf_fd failed with (negative), reported where the verifier would look. */
  readonly btfErrno?: number;
  readonly funcInfo: { readonly recSize: number; readonly bytes: Uint8Array } | undefined;
  readonly lineInfo: { readonly recSize: number; readonly bytes: Uint8Array } | undefined;
  readonly attachBtfId: number;
  readonly targetProg: BpfProg | undefined;
}

/** What the verifier may ask of the kernel it works for. A standalone user gives a plain object. */
export interface VerifierEnv {
  readonly version: KernelVersion;
  /** By program type number; undefined where the registry has none. */
  progType(type: number): ProgTypeDef | undefined;
  /** A map by fd: -EBADF, -EINVAL. Taking a reference is the caller's business, by `usedMaps`. */
  mapByFd(fd: number): MapFacts | number;
  /** A helper by variant name. */
  helper(variant: string): HelperRow | undefined;
  /** By id, for messages about calls that are not allowed: the helper's name. */
  readonly helperProtos: Readonly<Record<string, FuncProto>>;
  ptrClass(regType: RegType): PtrClassOps | undefined;
  readonly vmlinux: Btf | undefined;
  readonly types: KernelTypes | undefined;
  /** What a rewritten call's `imm` is relative to, and the address of a kernel function (0n where there is none). */
  readonly callBase: bigint;
  kernelSymbol(name: string): bigint;
  /** Little-endian bytes (at most 8) at an address that a map's `directValue` gave: values of frozen maps are constants. */
  readonly readMemory?: (addr: bigint, lenBytes: number) => bigint;
  /** Programs run compiled: calls may be specialised (both engines count as JITs). */
  readonly jit: boolean;
  /** Lookups on known maps may become instructions; true unless said otherwise. A test that replaces lookups says no. */
  readonly inlineLookups?: boolean;
  /** The machine can access unaligned memory. x86-64 can. */
  readonly efficientUnaligned: boolean;
  /** Nanoseconds, for the "verification time" line. */
  now(): bigint;
  /** struct_ops rows by kernel structure name, for STRUCT_OPS programs. */
  structOps?(
    structName: string,
  ): { readonly unsupported: readonly string[]; promote?(structName: string): string | undefined } | undefined;
}

/** What the log is to hold. */
export interface LogRequest {
  /** BPF_LOG_LEVEL1 1, BPF_LOG_LEVEL2 2, BPF_LOG_STATS 4. */
  readonly level: number;
  /** Bytes of the buffer, the final NUL included; Infinity for no limit. */
  readonly sizeBytes: number;
}

/** The verifier's figures, as its last log line prints them. */
export interface VerifierStats {
  readonly processedInsns: number;
  readonly maxStatesPerInsn: number;
  readonly totalStates: number;
  readonly peakStates: number;
  readonly markRead: number;
  /** Bytes, main first. */
  readonly stackDepths: readonly number[];
}

/** What a verification came to. */
export interface VerifierResult {
  /** 0, or the negative errno PROG_LOAD returns. ENOSPC of a full log is included. */
  readonly errno: number;
  /** What the buffer holds, without the final NUL. */
  readonly log: string;
  readonly stats: VerifierStats;
  /** On success. */
  readonly verified: VerifiedProg | undefined;
  readonly attach: AttachTarget | undefined;
  /** func_info with instruction offsets moved with the rewrites. */
  readonly funcInfo: { readonly recSize: number; readonly bytes: Uint8Array } | undefined;
  /** The program's tag: 8 bytes. */
  readonly tag: Uint8Array;
  /** On rejection, where it was asked for. */
  readonly diagnostic: VerifierDiagnostic | undefined;
}

export interface VerifyOptions {
  readonly log?: LogRequest;
  /** On rejection verify again with recording on, and explain. */
  readonly diagnose?: boolean;
}

/**
 * The verifier, as the kernel is introduced to it. Never throws for a program it can judge.
 * @errno ENOSYS NotSupportedError: the program needs rules that the simulated version does not have here.
 */
export type Verify = (env: VerifierEnv, prog: ProgToVerify, options?: VerifyOptions) => VerifierResult;
