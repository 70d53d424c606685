// SPDX-License-Identifier: MIT
import type { BpfMap, CallRegs, Executor, HelperCall, KernelServices, LoadedProg, VerifiedProg } from '@tsbpf/core';
import type { KernelMemory } from '@tsbpf/memory';
import { ENOMEM, FaultError, MAX_TAIL_CALL_CNT } from '@tsbpf/uapi';
import { supportsTailCalls } from './features.ts';
import { Fusion, type Fusible } from './fusion.ts';
import { ModuleCache, type Compiled } from './module-cache.ts';
import { packetLoad, type PacketLoad, type PagedPacketRead } from './packet.ts';
import { LEVEL, PROG_TABLE_IDX, SCRATCH } from '../translate/source.ts';

export interface JitOptions {
  /**
   * Runs what this engine does not: single steps, runs under observers, programs beyond the limits of Wasm engines.
   * Without it those are NotSupportedError.
   */
  readonly fallback?: Executor;
  /** Nanoseconds of a real clock, to measure compileNs; without one it is 0. */
  readonly nowNs?: () => number;
  /** For LD_ABS and LD_IND beyond the linear data of an sk_buff. */
  readonly pagedPacketRead?: PagedPacketRead;
  /** `always`: atomic instructions even while one thread sees the memory, for comparisons. */
  readonly atomics?: 'auto' | 'always';
}

/** A program this engine loaded, as the engine sees it. */
export interface OwnProgram extends LoadedProg, Fusible {
  readonly engineOf: Engine;
  /** Links anew: helpers were overridden, or are no longer. */
  relink(): void;
  /** Number in the table of tail calls. */
  readonly tableIdx: number;
  tailCall(regs: CallRegs, tailCalls: number): number;
}

/** The engine of one kernel: stacks of nested runs, the table of tail calls, what programs share. */
export class Engine {
  readonly kernel: KernelServices;
  readonly mem: KernelMemory;
  readonly options: JitOptions;
  readonly sharedMemory: boolean;
  readonly tailCalls = supportsTailCalls();
  readonly scratchOff: number;
  /** High words of arguments, for the helper being called. */
  readonly argHi = new Int32Array(6);
  readonly programs = new Set<OwnProgram>();
  readonly fusion = new Fusion(this);
  readonly cache = new ModuleCache();
  /** Modules of programs, by the helpers that are not inlined. */
  readonly modules = new WeakMap<VerifiedProg, Map<string, Compiled>>();
  /** Base of the first frame of the next run; 0 where its stacks are not made yet. */
  base = 0;
  ctx = 0;
  /** The context of the present run is in the scratch area: it is one of a batch. */
  batching = false;
  #depth = 0;
  #bases: number[] = [];
  #table: WebAssembly.Table | undefined;
  #packets: PacketLoad | undefined;
  #overrides: number;

  constructor(kernel: KernelServices, options: JitOptions) {
    this.kernel = kernel;
    this.mem = kernel.mem;
    this.options = options;
    this.sharedMemory = options.atomics === 'always' || !(kernel.mem.wasm.buffer instanceof ArrayBuffer);
    this.scratchOff = kernel.mem.alloc(SCRATCH.bytes, { kind: 'jit', name: 'jit_scratch' });
    if (this.scratchOff === 0) throw noRoom();
    this.#overrides = kernel.overrides.generation;
    // A checkpoint of the memory knows nothing of stacks allocated later: forget those when it is restored.
    kernel.checkpointables.push({
      checkpointName: 'jit',
      save: () => [...this.#bases],
      restore: (saved) => {
        this.#bases = [...(saved as number[])];
        this.base = this.#bases[this.#depth] ?? 0;
      },
    });
  }

  /** Whether the memory is really shared, which the module must say of its import. */
  get importsShared(): boolean {
    return !(this.mem.wasm.buffer instanceof ArrayBuffer);
  }

  get currentCtx(): number {
    return this.batching ? this.mem.read32(this.scratchOff + SCRATCH.batchCtx) : this.ctx;
  }

  /** Observers see every instruction, which only the fallback can show. */
  get watched(): boolean {
    return this.kernel.observers.length > 0;
  }

  /** Before a run: links all programs anew where helpers were overridden since, and fuses those that call each other. */
  refresh(): void {
    const { generation } = this.kernel.overrides;
    if (this.#overrides !== generation) {
      this.#overrides = generation;
      for (const program of this.programs) program.relink();
    }
    if (this.fusion.isPending && this.#depth === 0) this.fusion.run();
  }

  get packets(): PacketLoad {
    return (this.#packets ??= packetLoad(this.mem, this.kernel.types, this.options.pagedPacketRead));
  }

  get table(): WebAssembly.Table {
    // Number 0 stands for none.
    return (this.#table ??= new WebAssembly.Table({ element: 'anyfunc', initial: 1 }));
  }

  /** A free number in the table of tail calls. Numbers are not given out twice. */
  newTableIdx(): number {
    return this.table.grow(1);
  }

  /** Makes the stacks of the next run. @errno ENOMEM FaultError */
  makeLevel(): number {
    const { align, bytes, frames } = LEVEL;
    const off = this.mem.alloc(bytes, { kind: 'stack', align, name: 'bpf_stack' });
    if (off === 0) throw noRoom();
    this.base = this.#bases[this.#depth] = off + frames;
    return this.base;
  }

  /** Runs `run` one level deeper, with this context; helpers are called with `call`. */
  nest<T>(call: HelperCall, ctx: number, run: (base: number) => T): T {
    const { kernel, batching, argHi } = this;
    const base = this.base === 0 ? this.makeLevel() : this.base;
    const outer = { call: kernel.currentCall, ctx: this.ctx };
    const words = this.#depth === 0 ? undefined : argHi.slice();
    const batchCtx = batching ? this.currentCtx : 0;
    this.ctx = ctx;
    this.batching = false;
    kernel.currentCall = call;
    this.base = this.#bases[++this.#depth] ?? 0;
    try {
      return run(base);
    } finally {
      this.base = this.#bases[--this.#depth] ?? 0;
      kernel.currentCall = outer.call;
      this.ctx = outer.ctx;
      this.batching = batching;
      if (batching) this.mem.write32(this.scratchOff + SCRATCH.batchCtx, batchCtx);
      if (words !== undefined) argHi.set(words);
    }
  }

  #own(loaded: LoadedProg): OwnProgram | undefined {
    return this.programs.has(loaded as OwnProgram) ? (loaded as OwnProgram) : undefined;
  }

  #tailTarget(mapOff: number, index: number): { loaded: LoadedProg; progOff: number } | undefined {
    const map = this.kernel.objects.get<BpfMap>(mapOff >>> 0, 'map');
    if (map === undefined || index >>> 0 >= map.maxEntries) return undefined;
    const prog = map.def.ops.tailCallTarget?.(map, index >>> 0);
    return prog && { loaded: prog.loaded, progOff: prog.off };
  }

  /** The number of a tail call's target in the table; 0 for none, -1 for one of another engine. */
  tailTarget(from: OwnProgram, mapOff: number, index: number): number {
    const target = this.#tailTarget(mapOff, index);
    if (target === undefined) return 0;
    const own = this.#own(target.loaded);
    if (own === undefined) return -1;
    const { tableIdx } = own;
    this.fusion.note(from, own);
    // The next call finds it there by itself.
    const room = this.mem.regionOf(target.progOff);
    if (room !== undefined && target.progOff + PROG_TABLE_IDX + 4 <= room.off + room.lenBytes) {
      this.mem.write32(target.progOff + PROG_TABLE_IDX, tableIdx);
    }
    return tableIdx;
  }

  /** Runs the target of a tail call to its end, on stacks of its own; 0 where there is none, or no more are allowed. */
  tailNested(mapOff: number, index: number, lo: number, hi: number, base: number): number {
    const countAt = ((base & -LEVEL.align) >>> 0) + LEVEL.tailCalls;
    const count = this.mem.read32(countAt);
    const target = count > MAX_TAIL_CALL_CNT ? undefined : this.#tailTarget(mapOff, index);
    if (target === undefined) return 0;
    const regs: CallRegs = { lo: new Int32Array(6), hi: new Int32Array(6) };
    regs.lo[1] = lo;
    regs.hi[1] = hi;
    let after = count + 1;
    const { loaded } = target;
    if (loaded.tailCall !== undefined) after = loaded.tailCall(regs, after);
    else loaded.body(regs);
    this.mem.write32(countAt, after);
    this.mem.view.setInt32(this.scratchOff + SCRATCH.retLo, regs.lo[0], true);
    this.mem.view.setInt32(this.scratchOff + SCRATCH.retHi, regs.hi[0], true);
    return 1;
  }

  /** Whether something lives at an offset: loads through BTF pointers read 0 elsewhere. */
  probe(off: number, lenBytes: number): number {
    const region = this.mem.regionOf(off);
    return region !== undefined && (off >>> 0) + lenBytes <= region.off + region.lenBytes ? 1 : 0;
  }

  /** Leaves packet bytes in the scratch area; 0 outside of the packet. */
  loadPacket(skb: number, packetOff: number, lenBytes: number): number {
    const value = this.packets(skb >>> 0, packetOff, lenBytes);
    if (value === undefined) return 0;
    this.mem.write32(this.scratchOff + SCRATCH.retLo, value);
    return 1;
  }
}

function noRoom(): FaultError {
  return new FaultError('no room for the stack of a run in the kernel memory', { errno: ENOMEM, insnIdx: 0 });
}
