// SPDX-License-Identifier: MIT
import type {
  BpfProg,
  CallRegs,
  FuncEntry,
  FuncSlot,
  HelperCall,
  LoadedProg,
  Run,
  TextSymbol,
  VerifiedProg,
} from '@tsbpf/core';
import { hasSlot, Image } from './code/image.ts';
import { execute } from './run/execute.ts';
import type { OwnProgram, RunState } from './run/state.ts';
import { Stepper } from './run/stepper.ts';
import type { Engine } from './engine.ts';

function wordsToBig(lo: number, hi: number): bigint {
  return (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
}

/** A verified program, predecoded and linked. */
export class LoadedProgram implements LoadedProg, OwnProgram {
  readonly engine = 'interpreter';
  readonly prog: BpfProg;
  readonly verified: VerifiedProg;
  readonly image: Image;
  readonly slots: readonly FuncSlot[];
  readonly compileNs: number;
  readonly body: FuncEntry = (regs) => this.#enter(regs, 0, 0);
  readonly #engine: Engine;
  readonly #slotBySubprog: (FuncSlot | undefined)[] = [];
  readonly #main: FuncSlot;
  readonly #symbols: TextSymbol[] = [];
  #overrides: number;
  #lastLo = 0;
  #lastHi = 0;

  constructor(engine: Engine, verified: VerifiedProg, prog: BpfProg) {
    const start = engine.nowNs();
    this.#engine = engine;
    this.prog = prog;
    this.verified = verified;
    this.image = new Image(engine.source(verified));
    this.#overrides = engine.kernel.overrides.generation;
    this.slots = verified.subprogs.flatMap((subprog, idx) => {
      if (!hasSlot(subprog, idx)) return [];
      const slot = this.#makeSlot(idx, subprog.name, subprog.start);
      this.#slotBySubprog[idx] = slot;
      return [slot];
    });
    this.#main = this.slots[0];
    this.compileNs = engine.nowNs() - start;
  }

  get host(): Engine {
    return this.#engine;
  }

  get loaded(): this {
    return this;
  }

  get codeBytes(): number {
    return this.image.bytes;
  }

  get lastR0(): bigint {
    return wordsToBig(this.#lastLo, this.#lastHi);
  }

  slotOf(subprog: number): FuncSlot | undefined {
    return this.#slotBySubprog[subprog];
  }

  run(ctxOff: number): number {
    const patched = this.#main.patched;
    if (patched !== undefined) return this.#runPatched(patched, ctxOff);
    const engine = this.#engine;
    const { kernel } = engine;
    const outer = kernel.currentCall;
    const run = engine.take();
    try {
      kernel.currentCall = run.call;
      this.#runWith(run, ctxOff);
      return this.#lastLo >>> 0;
    } finally {
      kernel.currentCall = outer;
      engine.give(run);
    }
  }

  runBatch({ ctxOff, strideBytes, count, resultsOff }: Parameters<LoadedProg['runBatch']>[0]): void {
    const engine = this.#engine;
    const { kernel } = engine;
    const { mem } = kernel;
    const outer = kernel.currentCall;
    const run = engine.take();
    try {
      kernel.currentCall = run.call;
      for (let i = 0; i < count; i++) {
        const ctx = (ctxOff + i * strideBytes) >>> 0;
        const patched = this.#main.patched;
        if (patched === undefined) this.#runWith(run, ctx);
        else {
          kernel.currentCall = outer;
          this.#runPatched(patched, ctx);
          kernel.currentCall = run.call;
        }
        mem.write32(resultsOff + 4 * i, this.#lastLo);
      }
    } finally {
      kernel.currentCall = outer;
      engine.give(run);
    }
  }

  /** From the context to R0, which the program keeps. */
  #runWith(run: RunState, ctxOff: number): void {
    const engine = this.#engine;
    if (this.#overrides !== engine.kernel.overrides.generation) this.relinkIfOverridden();
    if (engine.watched) {
      run.begin(this, 0, true);
      run.setCtx(ctxOff);
      new Stepper(run, engine.stepperOptions()).finish();
    } else {
      run.begin(this, 0, false);
      run.setCtx(ctxOff);
      execute(run);
    }
    this.#lastLo = run.lo[0];
    this.#lastHi = run.hi[0];
  }

  start(ctxOff: number): Run {
    return this.startRun(ctxOff);
  }

  /** Like {@link start}, with what the recorder needs besides. */
  startRun(ctxOff: number): Stepper {
    const engine = this.#engine;
    this.relinkIfOverridden();
    const run = engine.take();
    run.begin(this, 0, true);
    run.setCtx(ctxOff);
    engine.kernel.rcu.enter();
    return new Stepper(run, {
      ...engine.stepperOptions(),
      onEnd: () => {
        this.#lastLo = run.lo[0];
        this.#lastHi = run.hi[0];
        engine.give(run);
        engine.kernel.rcu.exit();
      },
      onResume: () => engine.kernel.rcu.enter(),
    });
  }

  tailCall(regs: CallRegs, tailCalls: number): number {
    return this.#enter(regs, 0, tailCalls);
  }

  /** Runs as the target of a tail call from a subprogram; answers the count of tail calls so far. */
  tailCallFrom(from: RunState): number {
    return this.#enter(from.regs, 0, from.tailCalls);
  }

  /** Asks for helpers anew where some were replaced since. */
  relinkIfOverridden(): void {
    const { generation } = this.#engine.kernel.overrides;
    if (this.#overrides === generation) return;
    this.#overrides = generation;
    this.image.relink();
  }

  unload(): void {
    for (const symbol of this.#symbols.splice(0)) this.#engine.kernel.text.remove(symbol);
  }

  #enter(regs: CallRegs, startIdx: number, tailCalls: number): number {
    const engine = this.#engine;
    const { kernel } = engine;
    this.relinkIfOverridden();
    const outer: HelperCall | undefined = kernel.currentCall;
    const run = engine.take();
    try {
      const slow = engine.watched;
      run.begin(this, startIdx, slow);
      run.tailCalls = tailCalls;
      for (let i = 1; i <= 5; i++) {
        run.lo[i] = regs.lo[i];
        run.hi[i] = regs.hi[i];
      }
      // A function, or what replaces it, is called from a run, whose context it shares; a program has its own in R1.
      const isFunction = startIdx !== 0 || (this.prog.attach?.subprog ?? 0) > 0;
      run.ctx = isFunction && outer !== undefined ? outer.ctx : run.lo[1] >>> 0;
      kernel.currentCall = run.call;
      if (slow) new Stepper(run, engine.stepperOptions()).finish();
      else execute(run);
      regs.lo[0] = run.lo[0];
      regs.hi[0] = run.hi[0];
      return run.tailCalls;
    } finally {
      kernel.currentCall = outer;
      engine.give(run);
    }
  }

  #runPatched(patched: FuncEntry, ctxOff: number): number {
    const regs: CallRegs = { lo: new Int32Array(6), hi: new Int32Array(6) };
    regs.lo[1] = ctxOff;
    regs.hi[1] = Number(this.#engine.kernel.mem.toAddr(ctxOff) >> 32n);
    patched(regs);
    this.#lastLo = regs.lo[0];
    this.#lastHi = regs.hi[0];
    return this.#lastLo >>> 0;
  }

  #makeSlot(subprog: number, name: string, startIdx: number): FuncSlot {
    const { text } = this.#engine.kernel;
    const body: FuncEntry = subprog === 0 ? this.body : (regs) => this.#enter(regs, startIdx, 0);
    const enter: FuncEntry = (regs) => (slot.patched ?? body)(regs);
    const tag = Array.from(this.prog.tag, (byte) => byte.toString(16).padStart(2, '0')).join('');
    let symbolName = `bpf_prog_${tag}_${name}`;
    // kallsyms may list a name twice, a table by name may not.
    if (text.byName(symbolName) !== undefined) symbolName += `.${this.prog.off.toString(16)}`;
    const symbol = text.define(symbolName, enter);
    this.#symbols.push(symbol);
    const slot: FuncSlot = { prog: this.prog, subprog, name, addr: symbol.addr, body, patched: undefined };
    return slot;
  }
}
