// SPDX-License-Identifier: MIT
import type { BpfProg, HelperCall, KernelServices, SubsystemKey } from '@tsbpf/core';
import { SCRATCH } from '../translate/source.ts';
import type { Engine } from './engine.ts';

/** What helpers see of the runs of one program. Runs that nest share it: the engine knows whose turn it is. */
export class CallObject implements HelperCall {
  readonly kernel: KernelServices;
  readonly prog: BpfProg;
  readonly argHi: Int32Array;
  readonly #engine: Engine;

  constructor(engine: Engine, prog: BpfProg) {
    this.#engine = engine;
    this.kernel = engine.kernel;
    this.prog = prog;
    this.argHi = engine.argHi;
  }

  get ctx(): number {
    return this.#engine.currentCtx;
  }

  get retHi(): number {
    return this.#engine.mem.readS32(this.#engine.scratchOff + SCRATCH.retHi);
  }
  /** Written where the program's code reads it. */
  set retHi(hi: number) {
    this.#engine.mem.view.setInt32(this.#engine.scratchOff + SCRATCH.retHi, hi, true);
  }

  subsystem<T>(key: SubsystemKey<T>): T {
    return this.kernel.subsystem(key);
  }
}
