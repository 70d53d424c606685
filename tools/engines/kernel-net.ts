// SPDX-License-Identifier: MIT
// The random programs of the soundness net on the running kernel and on the simulated one.
import { callHelper, encodeInsns, type Insn } from '../../packages/insn/src/index.ts';
import {
  BPF_PROG_LOAD,
  BPF_PROG_TYPE_CGROUP_SKB,
  BPF_PROG_TYPE_FLOW_DISSECTOR,
  BPF_PROG_TYPE_LWT_XMIT,
  BPF_PROG_TYPE_SCHED_CLS,
  BPF_PROG_TYPE_SOCKET_FILTER,
  BPF_PROG_TYPE_XDP,
  NotSupportedError,
  errnoName,
} from '../../packages/uapi/src/index.ts';
import { PLAIN_FLAVOURS, type Flavour } from '../soundness/flavours.ts';
import { randomProgram, type RandomProgram } from '../soundness/generate.ts';
import { poolOf, word } from '../soundness/inputs.ts';
import { createNetKernel } from '../soundness/net-kernel.ts';
import { Random } from '../soundness/random.ts';
import { AddressWatch } from './address-watch.ts';
import type { Worlds } from './kernel-systems.ts';
import type { KernelTally } from './kernel-tally.ts';
import { randomEntries, type Entries, type KernelInput, type KernelWorld, type NetMapName } from './kernel-world.ts';
import type { Verdict } from './kernel-world.ts';

const SKB_TYPES: ReadonlySet<number> = new Set([
  ...[BPF_PROG_TYPE_SCHED_CLS, BPF_PROG_TYPE_SOCKET_FILTER, BPF_PROG_TYPE_CGROUP_SKB, BPF_PROG_TYPE_LWT_XMIT],
]);
/** Types that BPF_PROG_TEST_RUN of v5.6 runs. */
const RUNNABLE: ReadonlySet<number> = new Set([...SKB_TYPES, BPF_PROG_TYPE_XDP, BPF_PROG_TYPE_FLOW_DISSECTOR]);
const RUNS = 3;
const SKB_BYTES = 176;

/** Helpers whose results are the machine's: times, random numbers, cookies; and csum_diff, which folds since 6.13. */
const OF_THE_MACHINE: ReadonlySet<number> = new Set([5, 7, 28, 46]);
/** bpf_get_smp_processor_id. */
const CPU_NUMBER = 8;
const [CALL, MOV64_IMM, LDX_W] = [0x85, 0xb7, 0x61];
const [UPDATE_ELEM, ADJUST_META, ADJUST_TAIL] = [2, 54, 65];
const DATA_END = 80;
/** Digits of a value of `percpuHash` on CPUs other than 0, of two. */
const PERCPU_HEX = 64;

/**
 * The program without what is of the machine, or of versions: since 5.8 xdp_adjust_tail grows packets, since 6.13 a trie
 * heeds the flags of an update.
 */
export function tamed(insns: readonly Insn[], trie: number): readonly Insn[] {
  return insns.map((insn, i) => {
    const [next, , afterMap] = insns.slice(i + 1, i + 4);
    if (insn.code === MOV64_IMM && insn.dst === 4 && afterMap?.code === CALL && afterMap.imm === UPDATE_ELEM)
      return next.imm === trie ? { ...insn, imm: 0 } : insn;
    if (insn.code === CALL && insn.src === 0 && OF_THE_MACHINE.has(insn.imm)) return callHelper(CPU_NUMBER);
    if (insn.code === MOV64_IMM && insn.dst === 2 && insn.imm > 0 && next?.code === CALL && next.imm === ADJUST_TAIL)
      return { ...insn, imm: -insn.imm };
    return insn;
  });
}

function input(random: Random, lengths: readonly number[], { type }: Flavour): KernelInput {
  const data = random.bytes(random.pick(lengths));
  for (let i = 0; i < data.length; i++) {
    const way = random.below(6);
    if (way === 0) data[i] = 0;
    else if (way === 1) data[i] = random.below(32);
    else if (way === 2) data[i] = 0xff;
  }
  // Not what the kernel itself would look into: a type that it does not know, or IPv4 with a whole header.
  data.set(random.chance(0.5) && data.length > 34 ? [8, 0, 0x45] : [0x12, 0x34], 12);
  if (!SKB_TYPES.has(type) || random.chance(0.5)) return { data };
  const ctx = new Uint8Array(SKB_BYTES);
  const view = new DataView(ctx.buffer);
  for (const off of [8, 32, 48, 52, 56, 60, 64]) view.setUint32(off, random.word(), true);
  return { data, ctx };
}

/** Runs a program on one system; maps are filled before each run and read after it. */
function runAll(world: KernelWorld, fd: number, runs: readonly { input: KernelInput; entries: Entries }[]): string[] {
  return runs.flatMap(({ input: given, entries }) => {
    world.fill(entries);
    const result = world.run(fd, given);
    return [result, ...[...entries.keys()].map((name) => `${name}: ${world.dump(name).join(' | ')}`)];
  });
}

export interface NetComparison {
  readonly onDifference: (prog: RandomProgram, insns: readonly Insn[], what: string) => void;
}

export class KernelNet {
  readonly #net = createNetKernel();
  readonly #names: ReadonlyMap<number, NetMapName>;
  readonly #worlds: Worlds;
  readonly #tally: KernelTally;

  constructor(worlds: Worlds, tally: KernelTally) {
    this.#worlds = worlds;
    this.#tally = tally;
    this.#names = new Map(
      (Object.entries(this.#net.maps) as [NetMapName, { fd: number }][]).map(([name, { fd }]) => [fd, name]),
    );
  }

  program(seed: number, nearMisses: number): RandomProgram {
    return randomProgram(seed, this.#net, { flavours: PLAIN_FLAVOURS, nearMisses });
  }

  /** One program: verdicts first, then what runs leave behind. */
  compare(prog: RandomProgram, onDifference: NetComparison['onDifference']): void {
    const tally = this.#tally;
    tally.programs++;
    const loads = this.#load(prog.flavour, prog.insns);
    if (loads === undefined) return;
    const [ours, theirs] = [loads.interpreter, loads.real];
    const says = (verdict: Verdict): string =>
      verdict.fd === undefined ? `${verdict.message} [${errnoName(verdict.errno)}]` : 'accepted';
    if (ours.fd === undefined || theirs.fd === undefined) {
      const both = ours.fd === undefined && theirs.fd === undefined;
      if (both) tally.bothRefuse++;
      const table = both ? tally.refused : ours.fd === undefined ? tally.onlyTheirs : tally.onlyOurs;
      tally.note(table, says(ours), says(theirs), prog.seed);
    } else if (RUNNABLE.has(prog.flavour.type)) {
      this.#close(loads);
      this.#run(prog, onDifference);
      return;
    }
    this.#close(loads);
  }

  #load(flavour: Flavour, insns: readonly Insn[]): Record<'real' | 'interpreter', Verdict> | undefined {
    const { real, interpreter } = this.#worlds;
    try {
      const ours = interpreter.load(flavour.type, insns, this.#names);
      return { interpreter: ours, real: real.load(flavour.type, insns, this.#names) };
    } catch (error) {
      if (error instanceof NotSupportedError) return undefined;
      throw error;
    }
  }

  #close(loads: Record<'real' | 'interpreter', Verdict>): void {
    for (const name of ['real', 'interpreter'] as const) {
      const { fd } = loads[name];
      if (fd !== undefined) this.#worlds[name].sys.close(fd);
    }
  }

  #usesAddresses({ type }: Flavour, insns: readonly Insn[]): boolean {
    const net = this.#net;
    const watch = new AddressWatch(insns);
    net.observer = watch;
    const fd = net.kernel.bpf(BPF_PROG_LOAD, { prog_type: type, insns: encodeInsns(insns), license: 'GPL' });
    net.observer = undefined;
    if (fd >= 0) net.kernel.close(fd);
    return watch.found !== undefined;
  }

  #run(prog: RandomProgram, onDifference: NetComparison['onDifference']): void {
    const tally = this.#tally;
    const insns = tamed(prog.insns, this.#net.maps.lpm.fd);
    // In v5.6 a test run of this type leaves the packet's end unset.
    if (prog.flavour.type === BPF_PROG_TYPE_CGROUP_SKB && insns.some((i) => i.code === LDX_W && i.off === DATA_END)) {
      tally.versions++;
      return;
    }
    const random = new Random(prog.seed ^ 0x2545f491);
    const pool = poolOf(insns);
    const used = new Set<NetMapName>();
    for (const { code, src, imm } of insns) {
      const name = code === 0x18 && src !== 0 ? this.#names.get(imm) : undefined;
      if (name !== undefined) used.add(name === 'outer' ? 'array' : name);
    }
    const runs = Array.from({ length: RUNS }, () => ({
      entries: randomEntries(used, random, () => word(pool, random)),
      input: input(random, pool.lengths, prog.flavour),
    }));
    const on = (world: KernelWorld): string[] | string => {
      const { fd, message } = world.load(prog.flavour.type, insns, this.#names);
      if (fd === undefined) return `refused: ${message}`;
      try {
        return runAll(world, fd, runs);
      } catch (error) {
        if (error instanceof NotSupportedError) return `not supported: ${error.message}`;
        throw error;
      } finally {
        world.sys.close(fd);
      }
    };
    const { real, interpreter, jit, shifted } = this.#worlds;
    const expected = on(real);
    tally.ran++;
    tally.runs += RUNS;
    const as56 = (actual: string[] | string): string[] | string =>
      typeof expected === 'string' || typeof actual === 'string'
        ? expected
        : expected.map((line, i) => versionRule(prog.flavour, insns, line, actual[i]));
    const differs = (world: KernelWorld): string | undefined => {
      const actual = on(world);
      return difference(as56(actual), actual, world.name);
    };
    const what = differs(interpreter) ?? differs(jit);
    if (what === undefined) {
      tally.same++;
      return;
    }
    // Where other addresses may change the results, those of the running kernel do, too.
    const [here, there] = [on(interpreter), on(shifted)];
    if (difference(here, there, '') !== undefined || this.#usesAddresses(prog.flavour, insns)) tally.addressDependent++;
    else {
      tally.different++;
      onDifference(prog, insns, what);
    }
  }
}

const RESULT = /^R0 (\d+) packet ([0-9a-f]*)(.*)$/;
const META_HEX = 2 * 255;

/** A result of the running kernel as v5.6 has it, where `ours` says what that would be. */
function versionRule({ type }: Flavour, insns: readonly Insn[], theirs: string, ours: string): string {
  // A value of a per-CPU hash that a program adds has what was there before on the other CPUs: zeros since 5.10.
  if (theirs.startsWith('percpuHash: ') && theirs.length === ours.length) {
    const [a, b] = [theirs.split(' | '), ours.split(' | ')];
    return a.map((entry, i) => entry.slice(0, -PERCPU_HEX) + b[i].slice(-PERCPU_HEX)).join(' | ');
  }
  const [a, b] = [RESULT.exec(theirs), RESULT.exec(ours)];
  if (a === null || b === null) return theirs;
  // Since 6.1 the result is the program's; before, whether that was BPF_OK.
  if (type === BPF_PROG_TYPE_FLOW_DISSECTOR) return `R0 ${a[1] === '0' ? 1 : 0} packet ${a[2]}${a[3]}`;
  // Since 5.15 the metadata precedes the packet that comes out.
  const more = a[2].length - b[2].length;
  const meta = insns.some(({ code, imm }) => code === CALL && imm === ADJUST_META);
  if (meta && more > 0 && more <= META_HEX && more % 8 === 0) return `R0 ${a[1]} packet ${a[2].slice(more)}${a[3]}`;
  return theirs;
}

/** The first line that differs. */
function difference(expected: string[] | string, actual: string[] | string, name: string): string | undefined {
  if (typeof expected === 'string' || typeof actual === 'string')
    return expected === actual ? undefined : `the running kernel: ${String(expected)}\n${name}: ${String(actual)}`;
  const at = expected.findIndex((line, i) => line !== actual[i]);
  return at < 0 ? undefined : `the running kernel: ${expected[at]}\n${name}: ${actual[at]}`;
}
