// SPDX-License-Identifier: MIT
import type { WasmSignature } from '@tsbpf/core';
import { EXTERNREF, FUNCREF, ModuleBuilder, type FuncRef, type FunctionBuilder } from '@tsbpf/wasm';

/** A module for one program, or for several that tail-call each other. What they share is imported from `k`. */
export class Shell {
  readonly module = new ModuleBuilder('bpf');
  /** The call objects of the programs: imported globals. */
  readonly callGlobals: readonly number[];
  readonly #made = new Map<string, FunctionBuilder>();

  constructor(options: { programs: number; importsShared: boolean; tailCalls: boolean }) {
    const { module } = this;
    module.importMemory('k', 'mem', options.importsShared ? { min: 1, max: 65536, shared: true } : { min: 1 });
    if (options.tailCalls) module.importTable('k', 'tails', { type: FUNCREF, min: 0 });
    this.callGlobals = Array.from({ length: options.programs }, (_, index) =>
      module.importGlobal(`k${index}`, 'call', { type: EXTERNREF }),
    );
  }

  /** A function made once per key. */
  moduleFunction(key: string, signature: WasmSignature, build: (fn: FunctionBuilder) => void): FuncRef {
    let fn = this.#made.get(key);
    if (fn === undefined) {
      fn = this.module.func({ name: key, ...signature });
      this.#made.set(key, fn);
      build(fn);
    }
    return fn;
  }
}

/** The name under which the module exports something of a program. */
export function exportName(index: number, name: string): string {
  return `p${index}.${name}`;
}
