// SPDX-License-Identifier: MIT
import { InternalError } from '@tsbpf/uapi';
import {
  mergeRegistries,
  type BpfMap,
  type BpfProg,
  type Callee,
  type Executor,
  type ExecutorFactory,
  type HelperImpl,
  type HelperRow,
  type InsnAux,
  type KernelServices,
  type LoadedProg,
  type MapOpName,
  type Subprog,
  type VerifiedProg,
} from '@tsbpf/core';
import { helperRows } from '@tsbpf/helpers';
import { assemble, isLdImm64, program, subprogTarget, type Insn, type ProgramItem } from '@tsbpf/insn';
import { KernelState } from '@tsbpf/kernel';
import type { KernelMemoryOptions } from '@tsbpf/memory';
import { mapTypes } from '@tsbpf/maps';
import { vmlinuxBtf } from '@tsbpf/vmlinux';

/** A program under test: its engine's form of it is there. */
export type ExecProg = BpfProg & { readonly loaded: LoadedProg };

export interface ExecLoadInput {
  /** What calls of helpers reach, in the order of the instructions. */
  readonly calls?: readonly (HelperRow | Callee)[];
  readonly aux?: Readonly<Record<number, InsnAux>>;
  /** Global functions, by first instruction; other functions that are called are static. */
  readonly globals?: readonly number[];
}

const BLANK = { typeId: 0, unreliable: false, hasTailCall: false, stackDepth: 512 } as const;

/** What the verifier makes of a program, for programs that a test vouches for. */
export function asVerified(insns: readonly Insn[], input: ExecLoadInput = {}): VerifiedProg {
  const aux: (InsnAux | undefined)[] = [];
  for (const [idx, row] of Object.entries(input.aux ?? {})) aux[Number(idx)] = row;
  const calls = [...(input.calls ?? [])];
  const starts = new Set([0, ...(input.globals ?? [])]);
  for (let idx = 0; idx < insns.length; idx++) {
    const insn = insns[idx];
    const to = subprogTarget(insn, idx);
    if (to !== undefined) starts.add(to);
    else if (insn.code === 0x85 && calls.length > 0) {
      const call = calls.shift() as HelperRow | Callee;
      aux[idx] = { ...aux[idx], callee: 'variant' in call ? { kind: 'helper', row: call } : call };
    }
    if (isLdImm64(insn)) idx++;
  }
  const subprogs = [...starts]
    .sort((a, b) => a - b)
    .map((start): Subprog => {
      const linkage = input.globals?.includes(start) === true ? 'global' : 'static';
      return { ...BLANK, start, name: start === 0 ? 'main' : `f${start}`, linkage };
    });
  return {
    insns,
    origIdx: Int32Array.from(insns, (_, idx) => idx),
    aux,
    subprogs,
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
}

/** A kernel with maps and base helpers around one engine, and programs that no verifier saw. */
export class ExecKernel {
  readonly state: KernelState;
  readonly engine: Executor;

  constructor(makeExecutor: ExecutorFactory, options: { memory?: KernelMemoryOptions } = {}) {
    this.state = new KernelState({
      version: '5.6',
      memory: options.memory,
      registries: mergeRegistries({ mapTypes, helpers: helperRows }),
      verify: () => {
        throw new InternalError('the test kernel has no verifier');
      },
      executor: (kernel: KernelServices) => makeExecutor(kernel),
      vmlinux: vmlinuxBtf(),
    });
    this.engine = this.state.executor;
  }

  /** A program from assembly text, instructions, or items of `program`. */
  load(code: string | readonly ProgramItem[], input: ExecLoadInput = {}): ExecProg {
    const insns = typeof code === 'string' ? assemble(code) : program(...code);
    return this.loadVerified(asVerified(insns, input));
  }

  loadVerified(verified: VerifiedProg): ExecProg {
    const off = this.state.mem.alloc(64, { kind: 'prog' });
    const prog = {
      kind: 'prog',
      off,
      id: 1,
      type: 1,
      name: 'test',
      tag: new Uint8Array(8),
      verified,
      refs: 1,
      get: () => void prog.refs++,
      put: () => void prog.refs--,
    } as unknown as { -readonly [K in keyof ExecProg]: ExecProg[K] };
    this.state.objects.add(prog);
    prog.loaded = this.engine.load(verified, { prog });
    prog.slots = prog.loaded.slots;
    return prog;
  }

  unload(prog: ExecProg): void {
    prog.loaded.unload();
    this.state.objects.gone(prog);
    this.state.mem.free(prog.off);
  }

  /** A map, by its type's name. */
  map(name: string, shape: { keySize?: number; valueSize?: number; maxEntries?: number; flags?: number } = {}): BpfMap {
    const def = this.state.registries.mapTypes.find((row) => row.name === name);
    const params = {
      type: def?.type ?? 0,
      keySize: shape.keySize ?? 4,
      valueSize: shape.valueSize ?? 8,
      maxEntries: shape.maxEntries ?? 4,
      flags: shape.flags ?? 0,
      numaNode: -1,
      innerMapFd: 0,
      btfFd: 0,
      btfKeyTypeId: 0,
      btfValueTypeId: 0,
      btfVmlinuxValueTypeId: 0,
    };
    const bad = def?.allocCheck(params, this.state) ?? 0;
    const map = bad < 0 ? bad : def?.alloc(params, this.state);
    if (map === undefined || typeof map === 'number') throw new InternalError(`no map of type ${name}: ${map}`);
    this.state.objects.add(map);
    return map;
  }

  /** A prog array with these programs. */
  progArray(progs: readonly (BpfProg | undefined)[], maxEntries = progs.length): BpfMap {
    const map = this.map('prog_array', { valueSize: 4, maxEntries });
    progs.forEach((prog, index) => this.setProg(map, index, prog));
    return map;
  }

  setProg(array: BpfMap, index: number, prog: BpfProg | undefined): void {
    const { dataOff, stride } = array as BpfMap & { dataOff: number; stride: number };
    this.state.mem.write64(dataOff + index * stride, prog === undefined ? 0n : this.state.mem.toAddr(prog.off));
  }

  /** A helper by its prototype's name. */
  row(variant: string): HelperRow {
    const row = helperRows.find((known) => known.variant === variant);
    if (row === undefined) throw new InternalError(`no helper ${variant}`);
    return row;
  }

  /** A helper with a body of the test's own. */
  helper(impl: HelperImpl, argCount = 5, variant = 'bpf_test'): HelperRow {
    const args = Array.from({ length: argCount }, () => 'ARG_ANYTHING' as const);
    return { variant, impl, proto: { id: 1, name: variant.slice(4), ret: 'RET_INTEGER', args } };
  }

  mapOp(map: BpfMap, op: MapOpName): Callee {
    return { kind: 'mapOp', op, map };
  }

  /** A context of zeroes. */
  ctx(lenBytes = 64): number {
    return this.state.mem.alloc(lenBytes, { kind: 'ctx' });
  }

  /** Runs once and answers all of R0. */
  run(prog: ExecProg, ctxOff = 0): bigint {
    prog.loaded.run(ctxOff);
    return prog.loaded.lastR0;
  }
}
