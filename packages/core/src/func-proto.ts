// SPDX-License-Identifier: MIT
import type { HelperFn } from './helper-call.ts';
import type { HelperWasmEmitter } from './wasm-emit.ts';

/** What a helper accepts in an argument. @see include/linux/bpf.h, enum bpf_arg_type */
export type ArgType =
  | 'ARG_ANYTHING'
  | 'ARG_CONST_MAP_PTR'
  | 'ARG_PTR_TO_MAP_KEY'
  | 'ARG_PTR_TO_MAP_VALUE'
  | 'ARG_PTR_TO_UNINIT_MAP_VALUE'
  | 'ARG_PTR_TO_MAP_VALUE_OR_NULL'
  | 'ARG_PTR_TO_MEM'
  | 'ARG_PTR_TO_MEM_OR_NULL'
  | 'ARG_PTR_TO_UNINIT_MEM'
  | 'ARG_CONST_SIZE'
  | 'ARG_CONST_SIZE_OR_ZERO'
  | 'ARG_PTR_TO_CTX'
  | 'ARG_PTR_TO_SPIN_LOCK'
  | 'ARG_PTR_TO_SOCK_COMMON'
  | 'ARG_PTR_TO_INT'
  | 'ARG_PTR_TO_LONG'
  | 'ARG_PTR_TO_SOCKET'
  | 'ARG_PTR_TO_BTF_ID';

/** What a helper returns. @see include/linux/bpf.h, enum bpf_return_type */
export type RetType =
  | 'RET_INTEGER'
  | 'RET_VOID'
  | 'RET_PTR_TO_MAP_VALUE'
  | 'RET_PTR_TO_MAP_VALUE_OR_NULL'
  | 'RET_PTR_TO_SOCKET_OR_NULL'
  | 'RET_PTR_TO_TCP_SOCK_OR_NULL'
  | 'RET_PTR_TO_SOCK_COMMON_OR_NULL';

/** What the verifier or an engine does for one helper only; the row says it, so that neither knows a helper id. */
export type HelperSpecial =
  | 'tailCall'
  | 'spinLock'
  | 'spinUnlock'
  | 'localStorage'
  | 'mapLookup'
  | 'mapUpdate'
  | 'mapDelete'
  | 'mapPush'
  | 'mapPop'
  | 'mapPeek'
  | 'prandom'
  | 'jiffies'
  | 'overrideReturn';

/** All that the verifier must know of a helper. @see include/linux/bpf.h, struct bpf_func_proto */
export interface FuncProto {
  /** The number programs call it by; variants of one helper share it. */
  readonly id: number;
  /** Without the `bpf_` prefix. */
  readonly name: string;
  readonly ret: RetType;
  /** At most five; arguments not listed are not read. */
  readonly args: readonly ArgType[];
  readonly gplOnly?: boolean;
  /** Packet pointers may be passed as memory, where the program type lets packets be accessed. */
  readonly pktAccess?: boolean;
  /** Packet pointers are invalid after the call. */
  readonly changesPktData?: boolean;
  readonly acquiresRef?: boolean;
  readonly releasesRef?: boolean;
  /** The result carries the reference of the socket passed in. */
  readonly castsRef?: boolean;
  /** The map argument must be of one of these types. */
  readonly mapTypes?: readonly number[];
  readonly special?: HelperSpecial;
  /** R0 is bounded above by the size argument. */
  readonly boundsRetBySize?: boolean;
}

/** How an engine makes the 64 bits of R0 from the low word a body returns. */
export type RetWidth =
  /** Sign-extends: errno and small integers. */
  | 'sext'
  /** Zero-extends: u32 results. */
  | 'zext'
  /** A memory offset: 0 is NULL, anything else becomes a kernel address. */
  | 'ptr'
  /** The body wrote the high word to `call.retHi`. */
  | 'words';

/** A helper's body. */
export interface HelperImpl {
  readonly retWidth: RetWidth;
  /** Arguments (1 to 5) whose high words the body reads from `call.argHi`; engines need not store the others. */
  readonly wideArgs?: readonly number[];
  readonly call: HelperFn;
  /** Emits the helper into a program's own module instead of a call out of it. */
  readonly emitWasm?: HelperWasmEmitter;
}

/** A helper variant: prototype and, unless it is a declared gap, body. */
export interface HelperRow {
  /** The name of the kernel's prototype, such as `bpf_ktime_get_ns`. */
  readonly variant: string;
  readonly proto: FuncProto;
  /** Absent for a declared gap: programs that call it verify, and loading them to run is NotSupportedError. */
  readonly impl?: HelperImpl;
}
