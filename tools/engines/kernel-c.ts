// SPDX-License-Identifier: MIT
// Random C, compiled, loaded by the loader into the running kernel and into simulated ones, and run over packets.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openObject, type BpfObject } from '../../packages/loader/src/index.ts';
import {
  BPF_MAP_GET_NEXT_KEY,
  BPF_MAP_LOOKUP_ELEM,
  BPF_MAP_TYPE_PERCPU_ARRAY,
  BPF_PROG_TEST_RUN,
  BpfError,
  InternalError,
  NotSupportedError,
  VerifierError,
  errnoName,
  type Sys,
  type TestRunAttr,
} from '../../packages/uapi/src/index.ts';
import { lastMessage } from '../soundness/net.ts';
import { Random } from '../soundness/random.ts';
import { CWriter } from './c-writer.ts';
import { simulated } from './kernel-systems.ts';
import type { KernelTally } from './kernel-tally.ts';

const CLANGS = ['clang-14', 'clang-16', 'clang-19'];
const LEVELS = ['-O1', '-O2', '-O2', '-Os'];
const CPUS = ['v1', 'v2', 'v3'];
const OUT_BYTES = 1024;
const LENGTHS = [14, 20, 34, 42, 60, 64];
const RUNS = 4;

const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

/** The compilers that are there. */
export function installedClangs(): string[] {
  return CLANGS.filter((name) => spawnSync(name, ['--version']).status === 0);
}

export interface Compiled {
  readonly seed: number;
  readonly source: string;
  /** How it was compiled. */
  readonly how: string;
  readonly object: Uint8Array;
}

/** The program of a seed; undefined where the compiler refuses it. */
export function compiledProgram(seed: number, clangs: readonly string[], dir: string): Compiled | undefined {
  const random = new Random(seed);
  const source = new CWriter(random).source();
  const [clang, level, cpu] = [random.pick(clangs), random.pick(LEVELS), random.pick(CPUS)];
  const out = join(dir, `${seed}.o`);
  const flags = ['-target', 'bpf', '-g', level, `-mcpu=${cpu}`, '-fwrapv', '-fno-strict-aliasing', '-w', '-x', 'c'];
  try {
    execFileSync(clang, [...flags, '-c', '-', '-o', out], { input: source, stdio: ['pipe', 'ignore', 'pipe'] });
  } catch (error) {
    const said = String((error as { stderr?: unknown }).stderr ?? error);
    // More than the stack or five arguments hold, or a call of memset where an instruction would not do.
    if (/stack|too many args|too large|libcall|built-in function/i.test(said)) return undefined;
    throw new InternalError(`seed ${seed}: ${clang} says ${said.slice(0, 600)}`);
  }
  const object = new Uint8Array(readFileSync(out));
  rmSync(out);
  return { seed, source, how: `${clang} ${level} -mcpu=${cpu}`, object };
}

type Outcome = { readonly lines: string[]; readonly refused?: undefined } | { readonly refused: string };

/** Loads an object into a system and runs it over packets; each run is followed by what maps hold. */
function runOn(sys: Sys, { object }: Compiled, packets: readonly Uint8Array[]): Outcome {
  let obj: BpfObject | undefined;
  try {
    obj = openObject(object, { sys, name: 'random' });
    obj.load();
    const prog_fd = obj.program('entry').fd;
    const lines: string[] = [];
    for (const packet of packets) {
      const attr: TestRunAttr = { prog_fd, data_in: packet, data_out: new Uint8Array(OUT_BYTES), retval: 0, repeat: 1 };
      const result = sys.bpf(BPF_PROG_TEST_RUN, attr);
      const out = (attr.data_out ?? new Uint8Array(0)).subarray(0, attr.data_size_out ?? 0);
      lines.push(result < 0 ? errnoName(-result) : `R0 ${(attr.retval ?? 0) >>> 0} packet ${hex(out)}`);
      for (const map of obj.maps) lines.push(`${map.name}: ${dump(sys, map).join(' | ')}`);
    }
    return { lines };
  } catch (error) {
    if (error instanceof NotSupportedError) return { refused: `not supported: ${error.message}` };
    if (error instanceof VerifierError) return { refused: lastMessage(new TextEncoder().encode(`${error.log}\0`)) };
    if (error instanceof BpfError) return { refused: error.message.split('\n')[0] };
    throw error;
  } finally {
    obj?.close();
  }
}

function dump(sys: Sys, map: BpfObject['maps'][number]): string[] {
  const perCpu = map.type === BPF_MAP_TYPE_PERCPU_ARRAY ? sys.possibleCpus() : 1;
  const value = new Uint8Array(perCpu === 1 ? map.valueSize : perCpu * ((map.valueSize + 7) & ~7));
  const found: string[] = [];
  let key: Uint8Array | undefined;
  for (;;) {
    const next_key = new Uint8Array(map.keySize);
    const attr = key === undefined ? { map_fd: map.fd, next_key } : { map_fd: map.fd, key, next_key };
    if (sys.bpf(BPF_MAP_GET_NEXT_KEY, attr) < 0) return found.sort();
    key = next_key;
    const result = sys.bpf(BPF_MAP_LOOKUP_ELEM, { map_fd: map.fd, key, value });
    found.push(`${hex(key)} ${result} ${hex(value)}`);
  }
}

export type OnC = (what: string, program: Compiled) => void;

export class KernelC {
  readonly #real: Sys;
  readonly #simulated: readonly (readonly [name: string, sys: Sys])[];
  readonly #tally: KernelTally;
  readonly #dir = mkdtempSync(join(tmpdir(), 'tsbpf-random-c-'));
  readonly #clangs = installedClangs();

  constructor(real: Sys, tally: KernelTally) {
    this.#real = real;
    this.#tally = tally;
    if (this.#clangs.length === 0) throw new InternalError(`none of ${CLANGS.join(', ')} is installed`);
    this.#simulated = (['interpreter', 'jit'] as const).map((name) => [`the ${name}`, simulated(name, real)]);
  }

  close(): void {
    rmSync(this.#dir, { recursive: true, force: true });
  }

  compare(seed: number, onDifference: OnC): void {
    const tally = this.#tally;
    const program = compiledProgram(seed, this.#clangs, this.#dir);
    if (program === undefined) return;
    tally.programs++;
    const random = new Random(seed ^ 0x1b873593);
    const packets = Array.from({ length: RUNS }, () => {
      const bytes = random.bytes(random.pick(LENGTHS));
      bytes.set([0x12, 0x34], 12);
      return bytes;
    });
    const expected = runOn(this.#real, program, packets);
    for (const [name, sys] of this.#simulated) {
      const actual = runOn(sys, program, packets);
      if (actual.refused !== undefined || expected.refused !== undefined) {
        const [ours, theirs] = [actual.refused ?? 'accepted', expected.refused ?? 'accepted'];
        const both = actual.refused !== undefined && expected.refused !== undefined;
        if (both) tally.bothRefuse++;
        tally.note(
          both ? tally.refused : actual.refused === undefined ? tally.onlyOurs : tally.onlyTheirs,
          ours,
          theirs,
          seed,
        );
        return;
      }
      const at = expected.lines.findIndex((line, i) => line !== actual.lines[i]);
      if (at < 0 && expected.lines.length === actual.lines.length) continue;
      tally.different++;
      onDifference(`the running kernel: ${expected.lines[at]}\n${name}: ${actual.lines[at]}`, program);
      return;
    }
    tally.ran++;
    tally.runs += RUNS;
    tally.same++;
  }
}
