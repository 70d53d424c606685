// SPDX-License-Identifier: MIT
// One simulated kernel and three engines over its memory: the interpreter, the JIT, and an interpreter whose stacks lie
// elsewhere, which tells programs whose results depend on addresses.
import { isDeepStrictEqual } from 'node:util';
import type { BpfProg, Checkpointable, Executor, LoadedProg } from '../../packages/core/src/index.ts';
import { assemble, encodeInsns } from '../../packages/insn/src/index.ts';
import { createInterpreter } from '../../packages/interpreter/src/index.ts';
import { createJit } from '../../packages/jit/src/index.ts';
import {
  BPF_PROG_LOAD,
  BPF_PROG_TEST_RUN,
  BPF_PROG_TYPE_KPROBE,
  InternalError,
  NotSupportedError,
} from '../../packages/uapi/src/index.ts';
import type { Flavour } from '../soundness/flavours.ts';
import { createNetKernel, type NetKernel } from '../soundness/net-kernel.ts';
import { HelperTrace } from './helper-trace.ts';
import { memoryDifference } from './memory-difference.ts';

/** What a program is run over: a packet, or the bytes of its context. */
export interface RunInput {
  readonly bytes: Uint8Array;
  readonly cpu: number;
}

export type Comparison =
  | { readonly kind: 'same' }
  | { readonly kind: 'address-dependent' }
  | { readonly kind: 'not-supported' }
  | { readonly kind: 'different'; readonly what: string };

/** What the runs of one program left behind on one engine. */
interface Left {
  /** Of each run: R0, and of packets what came out. */
  readonly results: readonly string[];
  readonly trace: readonly string[];
  /** Checkpoints of what is not memory. */
  readonly parts: ReadonlyMap<string, unknown>;
}

/** Parts of a checkpoint that are compared otherwise, or belong to engines. */
const NOT_COMPARED: ReadonlySet<string> = new Set(['memory', 'jit', 'interpreter']);
/** The second interpreter's stacks lie this much further on. */
const SHIFT_BYTES = 3 * 4096;
const OUT_BYTES = 1024;
/** Of the second input. */
const REPEATS = 3;

const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

export class EnginePair {
  readonly net: NetKernel = createNetKernel();
  readonly #interpreter: Executor;
  readonly #jit: Executor;
  readonly #shifted: Executor;
  /** Memory as the interpreter left it. */
  #memory = new Uint8Array(0);

  constructor() {
    const { kernel } = this.net;
    const { state } = kernel;
    this.#interpreter = createInterpreter(state);
    this.#shifted = createInterpreter(state);
    this.#jit = createJit(state, { fallback: this.#interpreter });
    // Engines make stacks in their first run: checkpoints come after that.
    const fd = kernel.bpf(BPF_PROG_LOAD, {
      prog_type: BPF_PROG_TYPE_KPROBE,
      insns: encodeInsns(assemble('mov r0, 0\nexit')),
      license: 'GPL',
    });
    if (fd < 0) throw new InternalError(`the empty program is refused: ${fd}`);
    const prog = this.net.progOf(fd);
    for (const engine of [this.#interpreter, this.#jit, this.#shifted]) {
      const loaded = engine.load(prog.verified, { prog });
      if (engine === this.#shifted) state.mem.alloc(SHIFT_BYTES);
      loaded.run(0);
      loaded.unload();
    }
  }

  /** Runs a loaded program over all inputs on each engine, from the same state of the kernel. */
  compare(fd: number, flavour: Flavour, options: { inputs: readonly RunInput[]; traced: boolean }): Comparison {
    const { state } = this.net.kernel;
    const prog = this.net.progOf(fd);
    const loads: LoadedProg[] = [];
    const load = (engine: Executor): LoadedProg => {
      const loaded = engine.load(prog.verified, { prog });
      loads.push(loaded);
      return loaded;
    };
    let interpreted: LoadedProg;
    let compiled: LoadedProg;
    try {
      interpreted = load(this.#interpreter);
      compiled = load(this.#jit);
    } catch (error) {
      if (error instanceof NotSupportedError) return { kind: 'not-supported' };
      throw error;
    }
    const start = state.checkpointables.map((part): [Checkpointable, unknown] => [part, part.save()]);
    const run = (loaded: LoadedProg, copy: boolean): Left => {
      use(prog, loaded);
      return this.#run(fd, flavour, { ...options, copy });
    };
    const again = (): void => start.forEach(([part, saved]) => part.restore(saved));
    try {
      const expected = run(interpreted, true);
      again();
      const what = this.#difference(expected, run(compiled, false));
      if (what === undefined) return { kind: 'same' };
      const shifted = load(this.#shifted);
      again();
      return this.#difference(expected, run(shifted, false)) === undefined
        ? { kind: 'different', what }
        : { kind: 'address-dependent' };
    } finally {
      // The kernel unloads the one that is in use.
      use(prog, interpreted);
      for (const loaded of loads.slice(1)) loaded.unload();
    }
  }

  #run(fd: number, flavour: Flavour, options: { inputs: readonly RunInput[]; traced: boolean; copy: boolean }): Left {
    const { state } = this.net.kernel;
    const prog = this.net.progOf(fd);
    const trace = options.traced ? new HelperTrace(state, prog.verified) : undefined;
    const results = options.inputs.map((input, i) => {
      state.env.cpu = input.cpu % state.env.cpus;
      try {
        return this.#once(fd, flavour, { bytes: input.bytes, repeat: i === 1 ? REPEATS : 1 });
      } catch (error) {
        if (error instanceof NotSupportedError) return `not supported: ${error.message}`;
        throw error;
      }
    });
    trace?.stop();
    const parts = new Map(
      state.checkpointables.flatMap((part) =>
        NOT_COMPARED.has(part.checkpointName) ? [] : [[part.checkpointName, part.save()] as const],
      ),
    );
    const { u8 } = state.mem;
    if (options.copy) {
      if (this.#memory.length !== u8.length) this.#memory = new Uint8Array(u8.length);
      this.#memory.set(u8);
    }
    return { results, trace: trace?.lines ?? [], parts };
  }

  /** One run, or several in a batch, which is code of its own. */
  #once(fd: number, { ctxBytes }: Flavour, { bytes, repeat }: { bytes: Uint8Array; repeat: number }): string {
    const { kernel } = this.net;
    const { state } = kernel;
    const prog = this.net.progOf(fd);
    if (ctxBytes === undefined) {
      const attr = { prog_fd: fd, data_in: bytes, data_out: new Uint8Array(OUT_BYTES), repeat, retval: 0 };
      const result = kernel.bpf(BPF_PROG_TEST_RUN, attr);
      return `${result} ${attr.retval} ${hex(attr.data_out)} ${prog.loaded.lastR0.toString(16)}`;
    }
    const ctx = state.mem.alloc(ctxBytes, { kind: 'ctx', name: 'random' });
    state.mem.writeBytes(ctx, bytes);
    try {
      if (repeat === 1) state.runProg(prog, ctx);
      else {
        const resultsOff = state.mem.alloc(4 * repeat, { kind: 'results' });
        state.runProgBatch(prog, { ctxOff: ctx, strideBytes: 0, count: repeat, resultsOff });
        state.mem.free(resultsOff);
      }
      return `${prog.loaded.lastR0.toString(16)} ${hex(state.mem.readBytes(ctx, ctxBytes))}`;
    } finally {
      state.mem.free(ctx);
    }
  }

  /** What tells two ways to run a program apart; memory is compared with what it is now. */
  #difference(expected: Left, actual: Left): string | undefined {
    const at = expected.results.findIndex((result, i) => result !== actual.results[i]);
    if (at >= 0) return `run ${at}: ${expected.results[at]} and ${actual.results[at]}`;
    if (!isDeepStrictEqual(expected.trace, actual.trace)) {
      const call = expected.trace.findIndex((line, i) => line !== actual.trace[i]);
      return `helper call ${call}: ${expected.trace[call]} and ${actual.trace[call]}`;
    }
    for (const [name, saved] of expected.parts) {
      if (!isDeepStrictEqual(saved, actual.parts.get(name))) return `what ${name} keeps`;
    }
    return memoryDifference(this.net.kernel.state, this.#memory);
  }
}

/** Lets the kernel run a program on another engine. */
function use(prog: BpfProg, loaded: LoadedProg): void {
  Object.defineProperty(prog, 'loaded', { value: loaded, configurable: true });
}
