// SPDX-License-Identifier: MIT
import type { FuncRef, FunctionBuilder, ValType } from '@tsbpf/wasm';
import type { KernelServices } from './services.ts';
import type { BpfMap, MapOpName } from './map.ts';

/** Parameters and results of a function of the program's module. */
export interface WasmSignature {
  readonly params: readonly ValType[];
  readonly results: readonly ValType[];
}

/**
 * A function of a program's own Wasm module under construction, as map types and helpers see it. Kernel memory is
 * memory 0 of the module: an offset is an address.
 */
export interface WasmEmit {
  readonly fn: FunctionBuilder;
  readonly kernel: KernelServices;
  /** Whether other threads see the memory: read-modify-write must then be atomic. */
  readonly sharedMemory: boolean;
  /**
   * A function of this module, made once per key, such as a hash lookup specialised for one map. Keys of a map's
   * functions contain the map's offset.
   */
  moduleFunction(key: string, signature: WasmSignature, build: (fn: FunctionBuilder) => void): FuncRef;
}

/** The place of a call: the operands are the program's registers. */
export interface WasmCall extends WasmEmit {
  /** Pushes the low word of R1 to R5 (`index` 1 to 5): i32. Of a pointer this is the offset. */
  arg(index: number): void;
  /** Pushes all bits of R1 to R5: i64. */
  arg64(index: number): void;
  /** Emits the ordinary call, which leaves R0 on the stack: i64. For a helper that has code for the usual case only. */
  otherwise?(): void;
}

/**
 * Emits a helper's body, which leaves R0 on the stack: i64. It must answer what the JavaScript body answers, and leave
 * the same in memory. False, with nothing emitted: make the ordinary call.
 */
export type HelperWasmEmitter = (call: WasmCall) => boolean;

/** What a map type may emit. `tailCallTarget` finds the program of a tail call. */
export type MapWasmOp = MapOpName | 'tailCallTarget';

/**
 * Emits an operation on one map, which leaves an i32 on the stack: an offset or 0 for lookups, 0 or -errno for the
 * others. Arguments are where the helper has them: R2 the key (or the value of push, pop and peek), R3 the value, R4 the
 * flags, all 64 bits of them. For `tailCallTarget` the low word of R3 is an index below max_entries, and the result the
 * offset of the program object or 0. False, with nothing emitted: make the ordinary call.
 */
export type MapWasmEmitter = (call: WasmCall, op: MapWasmOp, map: BpfMap) => boolean;
