// SPDX-License-Identifier: MIT
import type { KernelServices } from './services.ts';
import type { BpfMap } from './map.ts';

/**
 * A function of the program's own Wasm module under construction, as map types and helpers see it. Operands and results
 * of what they emit travel on the Wasm stack. `fn` is a `FunctionBuilder` of `@tsbpf/wasm`.
 */
export interface WasmEmit<Fn = unknown> {
  readonly fn: Fn;
  readonly kernel: KernelServices;
  /** Whether other threads see the memory: read-modify-write must then be atomic. */
  readonly sharedMemory: boolean;
  /** A function of this module made once per key, such as a hash lookup specialised for one map: its index. */
  moduleFunction(
    key: string,
    build: (fn: Fn) => void,
    signature: { params: readonly string[]; results: readonly string[] },
  ): number;
}

/** Emits a helper's body. False: emit the ordinary call instead. */
export type HelperWasmEmitter = (emit: WasmEmit) => boolean;

/**
 * Emits an operation on one map: the key's offset (i32) and, for updates, the value's offset and flags (i32) are on the
 * stack; the result is left there. False: emit the ordinary call instead.
 */
export type MapWasmEmitter = (emit: WasmEmit, op: 'lookup' | 'update' | 'delete', map: BpfMap) => boolean;
