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
import { ENOSYS, NotSupportedError } from '@tsbpf/uapi';
import { Linker } from './link/linker.ts';
import { importOf } from './link/wide-args.ts';
import { compileFor, entryPoints, slotFunctions } from './run/compile.ts';
import type { Compiled } from './run/module-cache.ts';
import { CallObject } from './run/call-object.ts';
import type { Engine, OwnProgram } from './run/engine.ts';
import { faultOf } from './run/fault.ts';
import { makeSlot } from './run/slot.ts';
import type { ProgramImports } from './translate/program.ts';
import { exportName } from './translate/shell.ts';
import { LEVEL, SCRATCH } from './translate/source.ts';

type Words = readonly [number, number, number, number, number, number, number, number, number, number];
type BodyExport = (base: number, ...words: Words) => number;

interface Exports {
  readonly main: WebAssembly.ExportValue;
  readonly run: (ctx: number, base: number) => number;
  readonly batch: (ctx: number, stride: number, count: number, results: number, base: number) => void;
  readonly r0Lo: WebAssembly.Global;
  readonly r0Hi: WebAssembly.Global;
}

function wordsToBig(lo: number, hi: number): bigint {
  return (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
}

function regsOf(words: readonly number[]): CallRegs {
  const regs: CallRegs = { lo: new Int32Array(6), hi: new Int32Array(6) };
  for (let reg = 1; reg <= 5; reg++) {
    regs.lo[reg] = words[2 * reg - 2];
    regs.hi[reg] = words[2 * reg - 1];
  }
  return regs;
}

/** A verified program as a Wasm instance. */
export class LoadedProgram implements OwnProgram {
  readonly engine = 'jit';
  readonly engineOf: Engine;
  readonly prog: BpfProg;
  readonly slots: readonly FuncSlot[];
  readonly compileNs: number;
  readonly body: FuncEntry = (regs) => void this.#enter(0, regs, 0);
  readonly verified: VerifiedProg;
  readonly linker: Linker;
  readonly #call: HelperCall;
  readonly #symbols: TextSymbol[] = [];
  readonly #slotBySubprog: FuncSlot[] = [];
  /** Static functions that were attached to, or entered: they are functions of their own from then on. */
  readonly traced = new Set<number>();
  #compiled: Compiled;
  #exports!: Exports;
  #run!: Exports['run'];
  /** It calls nothing outside of its module, so that nothing can ask about the run. */
  #pure = false;
  /** What is attached to main: a field, because accessors of slots are slow. */
  #attached: FuncEntry | undefined;
  #fallback: LoadedProg | undefined;
  #tableIdx = 0;
  /** Where the last R0 is: in the instance, in the fallback, or here. */
  #last: 'instance' | 'fallback' | { readonly lo: number; readonly hi: number } = { lo: 0, hi: 0 };

  /** @errno ENOSYS TooLargeError; NotSupportedError: it calls a helper that is a declared gap */
  constructor(engine: Engine, verified: VerifiedProg, prog: BpfProg) {
    const now = engine.options.nowNs ?? (() => 0);
    const start = now();
    this.engineOf = engine;
    this.prog = prog;
    this.verified = verified;
    this.linker = new Linker(engine.kernel, verified);
    this.#call = new CallObject(engine, prog);
    engine.refresh();
    this.#compiled = compileFor(engine, this);
    this.#instantiate();
    this.slots = slotFunctions(verified).map(({ subprog, name }) => {
      const body: FuncEntry = subprog === 0 ? this.body : (regs) => void this.#enter(subprog, regs, 0);
      const { slot, symbol } = makeSlot(engine.kernel.text, {
        prog,
        subprog,
        name,
        body,
        patched: (entry) => this.#patch(subprog, entry),
      });
      this.#symbols.push(symbol);
      this.#slotBySubprog[subprog] = slot;
      return slot;
    });
    engine.programs.add(this);
    this.compileNs = now() - start;
  }

  get progOff(): number {
    return this.prog.off;
  }

  get codeBytes(): number {
    return this.#compiled.codeBytes;
  }

  get lastR0(): bigint {
    const last = this.#last;
    if (last === 'fallback') return this.#fallback?.lastR0 ?? 0n;
    if (last !== 'instance') return wordsToBig(last.lo, last.hi);
    return wordsToBig(this.#word('r0Lo'), this.#word('r0Hi'));
  }

  get tableIdx(): number {
    if (this.#tableIdx === 0) {
      this.#tableIdx = this.engineOf.newTableIdx();
      this.engineOf.table.set(this.#tableIdx, this.#exports.main);
    }
    return this.#tableIdx;
  }

  run(ctxOff: number): number {
    const engine = this.engineOf;
    engine.refresh();
    if (engine.watched) {
      this.#last = 'fallback';
      return this.#other().run(ctxOff);
    }
    if (this.#attached !== undefined) return this.#runPatched(this.#attached, ctxOff);
    this.#last = 'instance';
    try {
      if (this.#pure) return this.#run(ctxOff, engine.base === 0 ? engine.makeLevel() : engine.base) >>> 0;
      return engine.nest(this.#call, ctxOff, (base) => this.#run(ctxOff, base)) >>> 0;
    } catch (error) {
      throw faultOf(error);
    }
  }

  runBatch(options: { ctxOff: number; strideBytes: number; count: number; resultsOff: number }): void {
    const engine = this.engineOf;
    engine.refresh();
    if (engine.watched) {
      this.#last = 'fallback';
      return this.#other().runBatch(options);
    }
    const { ctxOff, strideBytes, count, resultsOff } = options;
    if (count <= 0) return;
    this.#last = 'instance';
    try {
      engine.nest(this.#call, ctxOff, (base) => {
        // Main may be attached to in the middle, and its trampoline may call out.
        engine.batching = !this.#pure;
        this.#exports.batch(ctxOff, strideBytes, count, resultsOff, base);
      });
    } catch (error) {
      throw faultOf(error);
    }
  }

  start(ctxOff: number): Run {
    this.engineOf.refresh();
    this.#last = 'fallback';
    return this.#other().start(ctxOff);
  }

  tailCall(regs: CallRegs, tailCalls: number): number {
    return this.#enter(0, regs, tailCalls);
  }

  relink(): void {
    this.engineOf.fusion.left(this);
    this.#compiled = compileFor(this.engineOf, this);
    this.#instantiate();
  }

  unload(): void {
    const { kernel, programs, fusion, table } = this.engineOf;
    for (const symbol of this.#symbols.splice(0)) kernel.text.remove(symbol);
    if (this.#tableIdx !== 0) table.set(this.#tableIdx, null);
    programs.delete(this);
    fusion.forget(this);
    this.#fallback?.unload();
  }

  /** Enters a function behind its slot; answers the number of tail calls at the end. */
  #enter(subprog: number, regs: CallRegs, tailCalls: number): number {
    const engine = this.engineOf;
    engine.refresh();
    if (engine.watched) {
      const other = this.#other();
      if (subprog === 0 && other.tailCall !== undefined) return other.tailCall(regs, tailCalls);
      other.slots.find((slot) => slot.subprog === subprog)?.body(regs);
      return tailCalls;
    }
    this.#trace(subprog);
    const { lo, hi } = regs;
    const { mem, kernel } = engine;
    // Of a global function the first argument is the context, where it is a pointer.
    const ctx = subprog === 0 || hi[1] !== 0 ? lo[1] >>> 0 : (kernel.currentCall?.ctx ?? 0);
    const enter = (this.#exports as unknown as Record<string, BodyExport>)[`body${subprog}`];
    try {
      return engine.nest(this.#call, ctx, (base) => {
        const countAt = ((base & -LEVEL.align) >>> 0) + LEVEL.tailCalls;
        mem.write32(countAt, tailCalls);
        const words = [lo[1], hi[1], lo[2], hi[2], lo[3], hi[3], lo[4], hi[4], lo[5], hi[5]] as const;
        lo[0] = enter(base, ...words);
        hi[0] = mem.readS32(engine.scratchOff + SCRATCH.retHi);
        return mem.read32(countAt);
      });
    } catch (error) {
      throw faultOf(error);
    }
  }

  #runPatched(patched: FuncEntry, ctxOff: number): number {
    const regs: CallRegs = { lo: new Int32Array(6), hi: new Int32Array(6) };
    regs.lo[1] = ctxOff;
    regs.hi[1] = Number(BigInt.asIntN(32, this.engineOf.mem.toAddr(ctxOff) >> 32n));
    patched(regs);
    this.#last = { lo: regs.lo[0], hi: regs.hi[0] };
    return regs.lo[0] >>> 0;
  }

  /** What is attached to a function changed. */
  #patch(subprog: number, entry: FuncEntry | undefined): void {
    this.#trace(subprog);
    this.#flag(subprog).value = entry === undefined ? 0 : 1;
    if (subprog === 0) this.#attached = entry;
    const mirrored = this.#fallback?.slots.find((slot) => slot.subprog === subprog);
    if (mirrored !== undefined) mirrored.patched = entry;
  }

  /** Makes sure that a function has an entry of its own. */
  #trace(subprog: number): void {
    if (subprog === 0 || this.traced.has(subprog)) return;
    if (this.verified.subprogs[subprog].linkage === 'global') return;
    this.traced.add(subprog);
    this.relink();
  }

  #flag(subprog: number): WebAssembly.Global {
    return (this.#exports as unknown as Record<string, WebAssembly.Global>)[`patched${subprog}`];
  }

  /** The same program on the fallback engine. */
  #other(): LoadedProg {
    if (this.#fallback !== undefined) return this.#fallback;
    const { kernel, options } = this.engineOf;
    if (options.fallback === undefined) {
      throw new NotSupportedError('the JIT neither steps nor shows runs to observers, and has no fallback that does', {
        errno: ENOSYS,
        feature: 'stepping on the JIT',
      });
    }
    const other = options.fallback.load(this.verified, { prog: this.prog });
    for (const slot of other.slots) {
      slot.patched = this.#slotBySubprog[slot.subprog]?.patched;
      // One program, one symbol.
      const symbol = kernel.text.byAddr(slot.addr);
      if (symbol !== undefined) kernel.text.remove(symbol);
    }
    this.#fallback = other;
    return other;
  }

  #instantiate(): void {
    const { engineOf: engine } = this;
    const { module, programs } = this.#compiled;
    const [imports] = programs;
    const shared: Record<string, WebAssembly.ImportValue> = { mem: engine.mem.wasm };
    if (imports.usesTailCalls) shared.tails = engine.table;
    const { exports } = new WebAssembly.Instance(module, { k: shared, k0: this.importsFor(imports) });
    this.adopt(exports, { index: 0, imports });
  }

  importsFor({ outCalls }: ProgramImports): Record<string, WebAssembly.ImportValue> {
    const engine = this.engineOf;
    const imports: Record<string, WebAssembly.ImportValue> = {
      call: this.#call as unknown as WebAssembly.ImportValue,
      probe: (off: number, lenBytes: number) => engine.probe(off, lenBytes),
      loadPacket: (skb: number, off: number, lenBytes: number) => engine.loadPacket(skb, off, lenBytes),
      tailTarget: (map: number, index: number) => engine.tailTarget(this, map, index),
      tailNested: (map: number, index: number, lo: number, hi: number, base: number) =>
        engine.tailNested(map, index, lo, hi, base),
      patched: (subprog: number, ...words: number[]) => this.#callPatched(subprog, words),
    };
    for (const { number, argCount, wide } of outCalls) {
      imports[`h${number}`] = importOf(this.linker.calls[number].resolve(), argCount, wide, engine.argHi);
    }
    return imports;
  }

  adopt(exports: WebAssembly.Exports, place: { index: number; imports: ProgramImports }): void {
    const { outCalls, services, usesTailCalls } = place.imports;
    // R0 of the last run goes with the instance that is left.
    if (this.#last === 'instance') this.#last = { lo: this.#word('r0Lo'), hi: this.#word('r0Hi') };
    const prefix = exportName(place.index, '');
    const own = Object.entries(exports).filter(([name]) => name.startsWith(prefix));
    this.#exports = Object.fromEntries(
      own.map(([name, value]) => [name.slice(prefix.length), value]),
    ) as unknown as Exports;
    this.#run = this.#exports.run;
    // Services that ask nothing about the run: probes and packets.
    this.#pure = outCalls.length === 0 && !usesTailCalls && this.#slotsAreStatic(services);
    for (const slot of this.#slotBySubprog) {
      if (slot?.patched !== undefined) this.#flag(slot.subprog).value = 1;
    }
    if (this.#tableIdx !== 0) this.engineOf.table.set(this.#tableIdx, this.#exports.main);
  }

  #word(name: 'r0Lo' | 'r0Hi'): number {
    return this.#exports[name].value as number;
  }

  /** Whether no call inside of the program can lead out of it by a patched slot. */
  #slotsAreStatic(services: ProgramImports['services']): boolean {
    return !services.has('tailNested') && entryPoints(this.verified, this.traced).length === 1;
  }

  /** Calls what is attached to a function, with the words of R1 to R5; the low word of R0, and the high one in memory. */
  #callPatched(subprog: number, words: readonly number[]): number {
    const { mem, scratchOff } = this.engineOf;
    const regs = regsOf(words);
    const { patched, body } = this.#slotBySubprog[subprog];
    (patched ?? body)(regs);
    mem.view.setInt32(scratchOff + SCRATCH.retHi, regs.hi[0], true);
    return regs.lo[0];
  }
}
