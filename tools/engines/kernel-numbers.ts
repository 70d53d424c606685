// SPDX-License-Identifier: MIT
// Programs of arithmetic, jumps, functions and memory on the running kernel and on both engines: those that v5.6 has,
// through its verifier, and those of versions up to 4 with all atomic operations, which engines run without one.
import { encodeInsns, ldMapValue, program, type Insn } from '../../packages/insn/src/index.ts';
import { createInterpreter } from '../../packages/interpreter/src/index.ts';
import { createJit } from '../../packages/jit/src/index.ts';
import { ExecKernel, SCRATCH_BYTES, randomProgram, randomSource } from '../../packages/testkit/src/index.ts';
import {
  BPF_MAP_CREATE,
  BPF_MAP_LOOKUP_ELEM,
  BPF_MAP_TYPE_ARRAY,
  BPF_MAP_UPDATE_ELEM,
  BPF_PROG_LOAD,
  BPF_PROG_TEST_RUN,
  BPF_PROG_TYPE_XDP,
  InternalError,
  errnoName,
  type Sys,
  type TestRunAttr,
} from '../../packages/uapi/src/index.ts';
import { lastMessage } from '../soundness/net.ts';
import { simulated } from './kernel-systems.ts';
import type { KernelTally } from './kernel-tally.ts';

const PACKET = new Uint8Array(64);
const LOG_BYTES = 1 << 20;
const KEY = new Uint8Array(4);

const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

/** A system with the buffer that programs work on, which is a map's value. */
class Buffered {
  readonly #sys: Sys;
  readonly #map: number;
  readonly #log = new Uint8Array(LOG_BYTES);

  constructor(sys: Sys) {
    this.#sys = sys;
    const attr = { map_type: BPF_MAP_TYPE_ARRAY, key_size: 4, value_size: SCRATCH_BYTES, max_entries: 1 };
    this.#map = sys.bpf(BPF_MAP_CREATE, attr);
    if (this.#map < 0) throw new InternalError(`no array for numbers: ${this.#map}`);
  }

  load(insns: readonly Insn[]): number | string {
    this.#log.fill(0, 0, 1);
    const result = this.#sys.bpf(BPF_PROG_LOAD, {
      prog_type: BPF_PROG_TYPE_XDP,
      insns: encodeInsns([...program(...ldMapValue(1, this.#map, 0)), ...insns]),
      license: 'GPL',
      log_level: 4,
      log_buf: this.#log,
    });
    return result >= 0 ? result : `${lastMessage(this.#log)} [${errnoName(-result)}]`;
  }

  run(prog_fd: number, bytes: Uint8Array): string {
    const value = bytes.slice();
    this.#sys.bpf(BPF_MAP_UPDATE_ELEM, { map_fd: this.#map, key: KEY, value });
    const attr: TestRunAttr = { prog_fd, data_in: PACKET, retval: 0, repeat: 1 };
    const result = this.#sys.bpf(BPF_PROG_TEST_RUN, attr);
    if (result < 0) return `a test run answers ${errnoName(-result)}`;
    this.#sys.bpf(BPF_MAP_LOOKUP_ELEM, { map_fd: this.#map, key: KEY, value });
    return `R0 ${(attr.retval ?? 0) >>> 0}, buffer ${hex(value)}`;
  }

  unload(fd: number): void {
    this.#sys.close(fd);
  }

  close(): void {
    this.#sys.close(this.#map);
  }
}

/** An engine that gets programs without a verifier. */
class Bare {
  readonly #kernel: ExecKernel;
  readonly #ctx: number;

  constructor(make: ConstructorParameters<typeof ExecKernel>[0]) {
    this.#kernel = new ExecKernel(make);
    this.#ctx = this.#kernel.ctx(SCRATCH_BYTES);
  }

  run(insns: readonly Insn[], inputs: readonly Uint8Array[]): string[] {
    const { mem } = this.#kernel.state;
    const prog = this.#kernel.load(insns);
    const results = inputs.map((bytes) => {
      mem.writeBytes(this.#ctx, bytes);
      const r0 = BigInt.asUintN(32, this.#kernel.run(prog, this.#ctx));
      return `R0 ${r0}, buffer ${hex(mem.readBytes(this.#ctx, SCRATCH_BYTES))}`;
    });
    this.#kernel.unload(prog);
    return results;
  }
}

const RUNS = 4;
const EDGES = [0n, 1n, 7n, 31n, 63n, 64n, 0x7fn, 0x80n, 0x7fffn, 0x8000n, 0x7fffffffn, 0x80000000n, 0xffffffffn];

/** Half of the words are at edges of words, or their negations. */
function buffers(seed: number): Uint8Array[] {
  const random = randomSource(seed);
  return Array.from({ length: RUNS }, () => {
    const bytes = new Uint8Array(SCRATCH_BYTES);
    const view = new DataView(bytes.buffer);
    for (let at = 0; at < SCRATCH_BYTES; at += 8) {
      const way = random(4);
      const edge = EDGES[random(EDGES.length)];
      const any = (BigInt(random(2 ** 32)) << 32n) | BigInt(random(2 ** 32));
      view.setBigUint64(
        at,
        BigInt.asUintN(64, way === 0 ? edge : way === 1 ? -edge : way === 2 ? any >> 32n : any),
        true,
      );
    }
    return bytes;
  });
}

export type OnNumbers = (what: string, insns: readonly Insn[], seed: number) => void;

export class KernelNumbers {
  readonly #tally: KernelTally;
  readonly #real: Buffered;
  readonly #simulated: readonly (readonly [name: string, buffered: Buffered])[];
  readonly #bare: readonly (readonly [name: string, bare: Bare])[];

  constructor(real: Sys, tally: KernelTally) {
    this.#tally = tally;
    this.#real = new Buffered(real);
    this.#simulated = (['interpreter', 'jit'] as const).map((name) => [name, new Buffered(simulated(name, real))]);
    this.#bare = [
      ['interpreter', new Bare((kernel) => createInterpreter(kernel))],
      ['jit', new Bare((kernel) => createJit(kernel, { fallback: createInterpreter(kernel) }))],
    ];
  }

  close(): void {
    this.#real.close();
  }

  /** The program of a seed; every other one has what v5.6 has not. */
  compare(seed: number, onDifference: OnNumbers): void {
    const tally = this.#tally;
    const source = randomSource(Math.imul(seed, 0x9e3779b1));
    for (let i = 0; i < 3; i++) source(1);
    const only56 = seed % 2 === 0;
    const insns = program(...randomProgram(source, { size: 3 + source(16), verifiable: true, only56 }).items);
    tally.programs++;
    const theirs = this.#real.load(insns);
    const inputs = buffers(seed);
    const expected = typeof theirs === 'string' ? [] : inputs.map((bytes) => this.#real.run(theirs, bytes));
    if (typeof theirs === 'number') this.#real.unload(theirs);
    if (only56) this.#verified(insns, seed, { theirs, expected, inputs, onDifference });
    else if (typeof theirs === 'string') tally.note(tally.refused, 'not asked', theirs, seed);
    else {
      const actual = this.#bare.map(([name, bare]) => [name, bare.run(insns, inputs)] as const);
      this.#conclude(insns, seed, { expected, actual, onDifference });
    }
  }

  #verified(
    insns: readonly Insn[],
    seed: number,
    given: { theirs: number | string; expected: string[]; inputs: Uint8Array[]; onDifference: OnNumbers },
  ): void {
    const { theirs, expected, inputs, onDifference } = given;
    const tally = this.#tally;
    const actual: [string, string[]][] = [];
    for (const [name, system] of this.#simulated) {
      const ours = system.load(insns);
      if (typeof ours === 'string' || typeof theirs === 'string') {
        if (typeof ours === 'number') system.unload(ours);
        const both = typeof ours === 'string' && typeof theirs === 'string';
        if (both) tally.bothRefuse++;
        const says = (verdict: number | string): string => (typeof verdict === 'string' ? verdict : 'accepted');
        const table = both ? tally.refused : typeof ours === 'string' ? tally.onlyTheirs : tally.onlyOurs;
        tally.note(table, says(ours), says(theirs), seed);
        return;
      }
      actual.push([name, inputs.map((bytes) => system.run(ours, bytes))]);
      system.unload(ours);
    }
    this.#conclude(insns, seed, { expected, actual, onDifference });
  }

  #conclude(
    insns: readonly Insn[],
    seed: number,
    given: { expected: string[]; actual: readonly (readonly [string, string[]])[]; onDifference: OnNumbers },
  ): void {
    const { expected, actual, onDifference } = given;
    this.#tally.ran++;
    this.#tally.runs += expected.length;
    for (const [name, results] of actual) {
      const at = expected.findIndex((line, i) => line !== results[i]);
      if (at < 0) continue;
      this.#tally.different++;
      onDifference(`the running kernel: ${expected[at]}\n${name}: ${results[at]}`, insns, seed);
      return;
    }
    this.#tally.same++;
  }
}
