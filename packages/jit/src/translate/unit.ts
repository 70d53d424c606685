// SPDX-License-Identifier: MIT
import type { WasmSignature } from '@tsbpf/core';
import { EXTERNREF, I32, I64, type ModuleBuilder, type FuncRef, type FunctionBuilder, type ValType } from '@tsbpf/wasm';
import { subprogTarget } from '@tsbpf/insn';
import { BPF_CALL, BPF_JMP, ENOSYS, InternalError, NotSupportedError } from '@tsbpf/uapi';
import { argumentsRead } from '../cfg/arguments.ts';
import { flowOrder, type FlowOrder } from '../cfg/dominators.ts';
import { flowGraph, type FlowGraph } from '../cfg/graph.ts';
import { unrolled } from '../cfg/unroll.ts';
import type { Body } from './body.ts';
import { exportName, type Shell } from './shell.ts';
import type { OutCall, Source } from './source.ts';

/** A function of the program, and what its callers must know. */
export interface UnitFunc {
  readonly start: number;
  readonly graph: FlowGraph;
  readonly order: FlowOrder;
  /** Bits of R1 to R5 that are parameters, in order, behind the frame's base. */
  args: number;
  /** Bits of R2 to R5 that a main function finds in its level's control block. */
  blockArgs: number;
  readonly subprog: number | undefined;
  fn: FunctionBuilder | undefined;
  /** Copied into callers. */
  inlined: boolean;
}

const WORDS = (count: number): ValType[] => new Array<ValType>(count).fill(I32);

/** Imports of every program, by name. Numbers are i32; 64-bit results have their high word in the scratch area. */
const SERVICES = {
  /** An offset and bytes: whether something lives there. */
  probe: { params: WORDS(2), results: [I32] },
  /** Offset of the sk_buff, offset in the packet, bytes: 1 where the bytes are there, in retLo. */
  loadPacket: { params: WORDS(3), results: [I32] },
  /** Map and index: number in the table of tail calls, 0 for no target, -1 for one of another engine. */
  tailTarget: { params: WORDS(2), results: [I32] },
  /** Map, index, words of R1, frame base: runs the target to its end; 0 where there is none. R0 is in the scratch. */
  tailNested: { params: WORDS(5), results: [I32] },
  /** Subprogram and words of R1 to R5: calls what is attached to it. */
  patched: { params: WORDS(11), results: [I32] },
} as const satisfies Record<string, WasmSignature>;

export type ServiceName = keyof typeof SERVICES;

/** Functions of this many instructions at most are copied into their callers, up to so many instructions in a caller. */
const INLINE_INSNS = 64;

/** Whether the instruction is a tail call. */
export function isTailCall(source: Source, idx: number): boolean {
  const insn = source.insns[idx];
  if (insn.code === (BPF_JMP | 0xf0)) return true;
  if (insn.code !== (BPF_JMP | BPF_CALL) || subprogTarget(insn, idx) !== undefined) return false;
  return source.call(idx).kind === 'tailCall';
}

/** One program of a module under construction. */
export class Unit {
  readonly source: Source;
  readonly shell: Shell;
  /** The program's place in the module. */
  readonly index: number;
  readonly module: ModuleBuilder;
  readonly funcs = new Map<number, UnitFunc>();
  readonly usesTailCalls: boolean;
  /** Functions other than main make tail calls, so that the count of them lives in memory. */
  nestsTailCalls = false;
  /** The call object, an imported global. */
  readonly callGlobal: number;
  readonly tailType: number;
  /** Variants of imports that the program needs, by number. */
  readonly outCalls = new Map<number, OutCall>();
  readonly services = new Set<ServiceName>();
  /** Main functions of all programs of the module, by place. */
  mains: readonly FunctionBuilder[] = [];
  readonly #imports = new Map<string, FuncRef>();
  readonly #patchedFlags = new Map<number, number>();

  /** Writes a function, or a copy of one into its caller. */
  readonly writeFunction: (body: Body) => void;

  constructor(
    source: Source,
    place: { shell: Shell; index: number; usesTailCalls: boolean },
    writeFunction: (body: Body) => void,
  ) {
    this.source = source;
    this.shell = place.shell;
    this.index = place.index;
    this.module = place.shell.module;
    this.usesTailCalls = place.usesTailCalls;
    this.writeFunction = writeFunction;
    const { module } = this;
    this.callGlobal = place.shell.callGlobals[place.index];
    this.tailType = module.type([I32, I64, I32], [I64]);
    for (const { subprog } of source.entries) {
      const flag = module.global({ type: I32, mutable: true }, { i32: 0 });
      module.export(this.exportName(`patched${subprog}`), { global: flag });
      this.#patchedFlags.set(subprog, flag);
    }
    this.#discover();
  }

  exportName(name: string): string {
    return exportName(this.index, name);
  }

  isTailCall(idx: number): boolean {
    return isTailCall(this.source, idx);
  }

  /** The global that is not zero where something is attached to the function. */
  patchedFlag(subprog: number): number {
    return this.#patchedFlags.get(subprog) as number;
  }

  service(name: ServiceName): FuncRef {
    this.services.add(name);
    return this.#import(name, SERVICES[name]);
  }

  outCall(call: OutCall): FuncRef {
    this.outCalls.set(call.number, call);
    return this.#import(`h${call.number}`, {
      params: [EXTERNREF, ...WORDS(call.argCount + call.wide.length)],
      results: [I32],
    });
  }

  #import(name: string, { params, results }: WasmSignature): FuncRef {
    let func = this.#imports.get(name);
    if (func === undefined) {
      func = this.module.importFunc(`k${this.index}`, name, params, results);
      this.#imports.set(name, func);
    }
    return func;
  }

  /** Finds the functions of the program, and what they take. */
  #discover(): void {
    const { source } = this;
    const subprogs = new Map(source.entries.map(({ start, subprog }) => [start, subprog]));
    const work = source.entries.map(({ start }) => start);
    for (let start = work.pop(); start !== undefined; start = work.pop()) {
      if (this.funcs.has(start)) continue;
      const found = flowGraph(source.insns, start);
      const foundOrder = flowOrder(found.blocks);
      const graph = unrolled(source.insns, found, foundOrder);
      const order = graph === found ? foundOrder : flowOrder(graph.blocks);
      const subprog = subprogs.get(start);
      this.funcs.set(start, { start, graph, order, args: 0, blockArgs: 0, subprog, fn: undefined, inlined: false });
      work.push(...graph.callees);
    }
    // Least fixed point: what a function passes on, it reads.
    for (let changed = true; changed;) {
      changed = false;
      for (const func of this.funcs.values()) {
        const args = argumentsRead(source.insns, func.graph, func.order, (start) => this.funcs.get(start)?.args ?? 0);
        changed ||= args !== func.args;
        func.args = args;
      }
    }
    for (const func of this.funcs.values()) {
      if (func.subprog !== 0 && this.#makesTailCalls(func.graph)) this.nestsTailCalls = true;
      func.inlined = source.inlining && this.#isInlinable(func);
      // A main function has the signature of a tail call's target.
      const isTarget = func.subprog === 0 && source.kernel !== undefined;
      if (isTarget) {
        func.blockArgs = func.args & 0b111100;
        func.args = 0b10;
      }
      if (func.inlined) continue;
      const params: ValType[] = [I32];
      const paramNames = ['base'];
      for (let reg = 1; reg <= 5; reg++) {
        if ((func.args & (1 << reg)) === 0) continue;
        params.push(I64);
        paramNames.push(`r${reg}`);
      }
      if (isTarget) {
        params.push(I32);
        paramNames.push('tailCalls');
      }
      func.fn = this.module.func({ name: `f${func.start}`, params, results: [I64], paramNames });
    }
  }

  #isInlinable({ subprog, graph, order }: UnitFunc): boolean {
    if (subprog !== undefined || graph.insnCount > INLINE_INSNS || graph.callees.length > 0 || !order.reducible)
      return false;
    return !this.#makesTailCalls(graph);
  }

  #makesTailCalls({ blocks }: FlowGraph): boolean {
    if (!this.usesTailCalls) return false;
    return blocks.some(({ start, end }) => {
      for (let idx = start; idx < end; idx++) if (this.isTailCall(idx)) return true;
      return false;
    });
  }

  /** The main function, once all are discovered. */
  get main(): FunctionBuilder {
    const { fn } = this.funcAt(this.source.entries[0].start);
    if (fn === undefined) throw new InternalError('the main function has no code');
    return fn;
  }

  /** The function that starts at an instruction. */
  funcAt(start: number): UnitFunc {
    const func = this.funcs.get(start);
    if (func === undefined) {
      throw new NotSupportedError(`a call leads to instruction ${start}, which is no function`, {
        errno: ENOSYS,
        feature: 'calls of no function',
      });
    }
    return func;
  }
}
