// SPDX-License-Identifier: MIT
import type { BpfMap } from '@tsbpf/core';
import type { ExecKernel, ExecProg } from '@tsbpf/testkit';
import type { BenchCall, BenchMap, BenchTarget } from './programs.ts';

/** Programs on an engine of ours, in a kernel without a verifier. */
export class EngineTarget implements BenchTarget<ExecProg> {
  readonly #k: ExecKernel;

  constructor(kernel: ExecKernel) {
    this.#k = kernel;
  }

  map(type: string, shape: Parameters<ExecKernel['map']>[1]): BpfMap {
    return this.#k.map(type, shape);
  }

  put(map: BenchMap, key: Uint8Array, value: Uint8Array): void {
    const { mem } = this.#k.state;
    const [keyOff, valueOff] = [mem.alloc(key.length), mem.alloc(value.length)];
    mem.writeBytes(keyOff, key);
    mem.writeBytes(valueOff, value);
    (map as BpfMap).def.ops.update?.(map as BpfMap, keyOff, valueOff, 0);
    mem.free(keyOff);
    mem.free(valueOff);
  }

  load(asm: string, calls: readonly BenchCall[] = [], tailMap?: BenchMap): ExecProg {
    const k = this.#k;
    return k.load(asm, {
      calls: calls.map((call) =>
        'helper' in call ? k.row(`bpf_${call.helper}`) : k.mapOp(call.map as BpfMap, call.op),
      ),
      // What the verifier finds: one map, and one key.
      aux:
        tailMap === undefined
          ? {}
          : { 3: { map: tailMap as BpfMap, constKey: Number(/mov r3, (\d+)/.exec(asm)?.[1]) } },
    });
  }

  progArray(maxEntries: number): BpfMap {
    return this.#k.progArray([], maxEntries);
  }

  setProg(array: BenchMap, index: number, prog: ExecProg): void {
    this.#k.setProg(array as BpfMap, index, prog);
  }
}
