// SPDX-License-Identifier: MIT
// A kernel of a few parts, programs and maps: what the interpreter's tests need of one.
import {
  defineProgType,
  EMPTY_REGISTRIES,
  type BpfMap,
  type BpfProg,
  type Callee,
  type Checkpointable,
  type ExecObserver,
  type Executor,
  type HelperFn,
  type HelperImpl,
  type HelperRow,
  type InsnAux,
  type KernelObject,
  type KernelServices,
  type LoadedProg,
  type MapOps,
  type Subprog,
  type TextSymbol,
  type VerifiedProg,
} from '@tsbpf/core';
import { program, type ProgramItem } from '@tsbpf/insn';
import { KernelMemory } from '@tsbpf/memory';
import { createInterpreter, type InterpreterOptions } from '../src/index.ts';

type Field = { off: number };

/** Offsets of the fake sk_buff that LD_ABS reads. */
export const SKB = { head: 0, data: 8, tail: 16, len: 20, data_len: 24, network_header: 28, mac_header: 30, size: 32 };

export class FakeKernel {
  readonly mem = new KernelMemory();
  readonly checkpointables: Checkpointable[] = [];
  readonly services: KernelServices;
  readonly engine: Executor;
  observers: ExecObserver[] = [];
  readonly overridden = new Map<string, (original: HelperFn | undefined) => HelperFn>();
  overrideGeneration = 0;
  rcuDepth = 0;
  readonly symbols = new Map<string, TextSymbol>();
  readonly #objects = new Map<number, KernelObject>();

  constructor(options: InterpreterOptions = {}) {
    const { mem, symbols } = this;
    this.checkpointables.push({
      checkpointName: 'memory',
      save: () => mem.save(),
      restore: (saved) => mem.restore(saved as ReturnType<KernelMemory['save']>),
    });
    const observers = (): ExecObserver[] => this.observers;
    const generation = (): number => this.overrideGeneration;
    const services: Partial<KernelServices> = {
      version: '5.6',
      mem,
      checkpointables: this.checkpointables,
      registries: EMPTY_REGISTRIES,
      currentCall: undefined,
      get observers() {
        return observers();
      },
      get observerGeneration() {
        return observers().length;
      },
      overrides: {
        get generation() {
          return generation();
        },
        get: (variant) => this.overridden.get(variant),
      },
      objects: {
        add: (obj) => void this.#objects.set(obj.off, obj),
        gone: (obj) => void this.#objects.delete(obj.off),
        get: <T extends KernelObject>(off: number, kind: T['kind']) => {
          const obj = this.#objects.get(off);
          return obj?.kind === kind ? (obj as T) : undefined;
        },
      },
      rcu: {
        depth: 0,
        enter: () => void this.rcuDepth++,
        exit: () => void this.rcuDepth--,
        callRcu: (callback) => callback(),
      },
      text: {
        callBase: 0n,
        define(name, entry) {
          const symbol: TextSymbol = { name, addr: 0xffffffff81000000n + BigInt(symbols.size) * 64n, entry };
          symbols.set(name, symbol);
          return symbol;
        },
        byName: (name) => symbols.get(name),
        byAddr: (addr) => [...symbols.values()].find((symbol) => symbol.addr === addr),
        symbols: () => symbols.values(),
        remove: (symbol) => void symbols.delete(symbol.name),
      },
      types: {
        resolve: (path: string): Field => ({ off: SKB[path.replace('sk_buff.', '') as keyof typeof SKB] }),
      } as unknown as KernelServices['types'],
    };
    this.services = services as KernelServices;
    this.engine = createInterpreter(this.services, options);
  }

  /** A helper row with a body. */
  helper(impl: HelperImpl, proto: Partial<HelperRow['proto']> & { variant?: string } = {}): HelperRow {
    const { variant = 'bpf_test', ...rest } = proto;
    return { variant, impl, proto: { id: 1, name: variant.slice(4), ret: 'RET_INTEGER', args: [], ...rest } };
  }

  /** A map of fake operations. */
  map(ops: Partial<MapOps>, fields: Partial<BpfMap> = {}): BpfMap {
    const off = this.mem.alloc(64, { kind: 'map' });
    const map = {
      kind: 'map',
      off,
      addr: this.mem.toAddr(off),
      keySize: 4,
      valueSize: 8,
      maxEntries: 4,
      def: { name: 'fake', ops },
      ...fields,
    } as unknown as BpfMap;
    this.services.objects.add(map);
    return map;
  }

  /** A prog array over a list of programs, which may change. */
  progArray(progs: (BpfProg | undefined)[], maxEntries = progs.length): BpfMap {
    return this.map({ tailCallTarget: (_map, index) => progs[index] }, { maxEntries });
  }

  /** A loaded program. `calls` says what the calls of helpers reach, in order of the instructions. */
  load(
    items: readonly ProgramItem[],
    options: {
      calls?: readonly (HelperRow | Callee)[];
      aux?: Readonly<Record<number, InsnAux>>;
      subprogs?: readonly (Partial<Subprog> & { start: number })[];
      stackDepth?: number;
    } = {},
  ): BpfProg & { loaded: LoadedProg } {
    const insns = program(...items);
    const aux: (InsnAux | undefined)[] = [];
    for (const [idx, row] of Object.entries(options.aux ?? {})) aux[Number(idx)] = row;
    const calls = [...(options.calls ?? [])];
    insns.forEach((insn, idx) => {
      if (insn.code !== 0x85 || insn.src !== 0) return;
      const call = calls.shift();
      if (call === undefined) return;
      aux[idx] = { ...aux[idx], callee: 'variant' in call ? { kind: 'helper', row: call } : call };
    });
    const blank = { name: 'main', typeId: 0, linkage: 'static', unreliable: false, hasTailCall: false } as const;
    const { stackDepth = 512 } = options;
    const verified: VerifiedProg = {
      insns,
      origIdx: Int32Array.from(insns, (_, idx) => idx),
      aux,
      subprogs: [{ start: 0 }, ...(options.subprogs ?? [])].map((subprog, idx) => ({
        ...blank,
        stackDepth,
        ...(idx === 0 ? {} : { name: `sub${idx}` }),
        ...subprog,
      })),
      lineInfo: [],
      usedMaps: [],
      cbAccess: false,
      maxPktOffset: 0,
      maxCtxOffset: 0,
      maxTpAccess: 0,
      dstNeeded: false,
      overridesReturn: false,
      enforceExpectedAttachType: false,
      cgroupStorage: [undefined, undefined],
    };
    const off = this.mem.alloc(64, { kind: 'prog' });
    const def = defineProgType({ type: 1, name: 'test' } as Parameters<typeof defineProgType>[0]);
    const prog = { kind: 'prog', off, id: 1, type: 1, def, name: 'test', tag: new Uint8Array(8), verified } as unknown as {
      -readonly [K in keyof BpfProg]: BpfProg[K];
    };
    prog.loaded = this.engine.load(verified, { prog });
    prog.slots = prog.loaded.slots;
    return prog;
  }

  /** A context of 64 bytes. */
  ctx(lenBytes = 64): number {
    return this.mem.alloc(lenBytes, { kind: 'ctx' });
  }
}
