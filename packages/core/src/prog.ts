// SPDX-License-Identifier: MIT
import type { Btf } from '@tsbpf/btf';
import type { Insn } from '@tsbpf/insn';
import type { BpfMap, MapFacts, MapOpName } from './map.ts';
import type { FuncSlot } from './func-slot.ts';
import type { HelperRow } from './func-proto.ts';
import type { KernelBtf } from './kernel-btf.ts';
import type { KernelObject } from './object-table.ts';
import type { LoadedProg } from './executor.ts';
import type { ProgTypeDef } from './prog-type.ts';

/** What a call instruction reaches after the verifier's rewrites. */
export type Callee =
  | { readonly kind: 'helper'; readonly row: HelperRow }
  /** An operation of a map known at load time. */
  | { readonly kind: 'mapOp'; readonly op: MapOpName; readonly map: MapFacts };

/** What an engine or a dump needs to know of an instruction beyond its eight bytes. */
export interface InsnAux {
  /** For a 64-bit immediate load of a map or of an address in a map's value; for a helper call on one known map. */
  readonly map?: MapFacts;
  /** Offset in the map's value, for a load of such an address. */
  readonly mapValueOff?: number;
  /** The constant key of a tail call or lookup on one known map. */
  readonly constKey?: number;
  /** A load through a BTF pointer: a bad address reads 0. */
  readonly probeMem?: boolean;
  /** For calls (not of subprograms). */
  readonly callee?: Callee;
}

/** A function of a program: `main` is index 0. */
export interface Subprog {
  /** Index of its first instruction. */
  readonly start: number;
  /** Bytes of stack it uses. */
  readonly stackDepth: number;
  readonly name: string;
  /** Its FUNC in the program's BTF; 0 without func_info. */
  readonly typeId: number;
  /** Linkage from BTF; functions without BTF are static. */
  readonly linkage: 'static' | 'global';
  /** Contradicted by a caller's arguments: not a target for extensions; tracing sees plain scalars. */
  readonly unreliable: boolean;
  /** Makes tail calls. */
  readonly hasTailCall: boolean;
  /** SHA-1 as the program's tag, of what a compiler is given; 8 bytes. A program of one function has none but its own. */
  readonly tag?: Uint8Array;
}

/** A record of line info: where in the rewritten program, and the BTF's record. */
export interface LineRecord {
  readonly insnIdx: number;
  readonly fileNameOff: number;
  readonly lineOff: number;
  /** line << 10 | column. */
  readonly lineCol: number;
}

/** A verified and rewritten program: what engines run and dumps print. */
export interface VerifiedProg {
  readonly insns: readonly Insn[];
  /** For each instruction, the index in the program as loaded of the instruction it came from. */
  readonly origIdx: Int32Array;
  /** Sparse. */
  readonly aux: readonly (InsnAux | undefined)[];
  readonly subprogs: readonly Subprog[];
  readonly lineInfo: readonly LineRecord[];
  readonly usedMaps: readonly MapFacts[];
  /** Uses `__sk_buff.cb`. */
  readonly cbAccess: boolean;
  /** End of the highest packet byte accessed, and of the highest context byte. */
  readonly maxPktOffset: number;
  readonly maxCtxOffset: number;
  /** End of the highest byte accessed in a writable tracepoint's buffer. */
  readonly maxTpAccess: number;
  readonly dstNeeded: boolean;
  readonly overridesReturn: boolean;
  /** Lookups became instructions, which no replacement of the helper reaches. */
  readonly inlinesLookups?: boolean;
  /** An exit value needs the attach type to be the expected one. */
  readonly enforceExpectedAttachType: boolean;
  /** Cgroup storage maps it uses: shared, per CPU. */
  readonly cgroupStorage: readonly [MapFacts | undefined, MapFacts | undefined];
}

/** What an extension or tracing program is attached to. */
export interface AttachTarget {
  /** The program, or undefined for the kernel. */
  readonly prog: BpfProg | undefined;
  /** FUNC, TYPEDEF or struct, in the target program's or the kernel's BTF. */
  readonly btfId: number;
  readonly name: string;
  /** FUNC_PROTO; 0 for struct_ops. */
  readonly protoId: number;
  readonly btf: Btf;
  /** Index in the target program's subprogs. */
  readonly subprog: number;
  /** The address of a kernel function. */
  readonly addr: bigint;
}

/** A loaded program. */
export interface BpfProg extends KernelObject {
  readonly kind: 'prog';
  id: number;
  readonly type: number;
  readonly def: ProgTypeDef;
  readonly name: string;
  /** SHA-1 of the instructions with map references cleared; 8 bytes. */
  readonly tag: Uint8Array;
  readonly gplCompatible: boolean;
  readonly expectedAttachType: number;
  readonly attachBtfId: number;
  readonly attach: AttachTarget | undefined;
  readonly ifindex: number;
  readonly btf: KernelBtf | undefined;
  /** func_info as given, instruction offsets moved with the rewrites; record size and bytes. */
  readonly funcInfo: { readonly recSize: number; readonly bytes: Uint8Array } | undefined;
  /** User id of the loader; time since boot of the load. */
  readonly uid: number;
  readonly loadTimeNs: bigint;
  /** Instructions processed by the verifier, and its other counts. */
  readonly verified: VerifiedProg;
  readonly maps: readonly BpfMap[];
  /** Both engines count as "JITed" for every rule of v5.6. */
  readonly jited: boolean;
  readonly loaded: LoadedProg;
  /** Main and each global function. */
  readonly slots: readonly FuncSlot[];
  runCnt: number;
  runTimeNs: bigint;
  refs: number;
  get(): void;
  put(): void;
}
