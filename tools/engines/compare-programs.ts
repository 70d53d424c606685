// SPDX-License-Identifier: MIT
import { encodeInsns } from '../../packages/insn/src/index.ts';
import { BPF_PROG_LOAD, NotSupportedError } from '../../packages/uapi/src/index.ts';
import { PLAIN_FLAVOURS } from '../soundness/flavours.ts';
import { randomProgram, type RandomProgram } from '../soundness/generate.ts';
import { Random } from '../soundness/random.ts';
import { EnginePair, type Comparison, type RunInput } from './engine-pair.ts';

/** Programs that one kernel serves: what runs leave in it does not add up. */
const PROGRAMS_PER_KERNEL = 400;
/** Of so many programs one has its helper calls watched. */
const TRACED = 8;
const RUNS = 3;

export interface Tally {
  programs: number;
  rejected: number;
  same: number;
  addressDependent: number;
  notSupported: number;
  different: number;
}

export interface CompareOptions {
  readonly seed: number;
  /** Programs that the verifier passed. */
  readonly count: number;
  readonly onDifference: (prog: RandomProgram, what: string) => void;
  readonly onProgress?: (tally: Tally, seed: number) => void;
}

/** Compares engines on the verified ones of the random programs from a seed on. */
export function comparePrograms({ seed: first, count, onDifference, onProgress }: CompareOptions): Tally {
  const tally: Tally = { programs: 0, rejected: 0, same: 0, addressDependent: 0, notSupported: 0, different: 0 };
  let pair = new EnginePair();
  let served = 0;
  let seed = first;
  for (; tally.programs - tally.rejected < count; seed++) {
    if (served++ === PROGRAMS_PER_KERNEL) {
      pair = new EnginePair();
      served = 1;
      onProgress?.(tally, seed);
    }
    tally.programs++;
    const prog = randomProgram(seed, pair.net, { flavours: PLAIN_FLAVOURS, nearMisses: 0 });
    const outcome = compareOne(pair, prog);
    if (outcome === undefined) tally.rejected++;
    else if (outcome.kind === 'same') tally.same++;
    else if (outcome.kind === 'address-dependent') tally.addressDependent++;
    else if (outcome.kind === 'not-supported') tally.notSupported++;
    else if (outcome.kind === 'different') {
      tally.different++;
      onDifference(prog, outcome.what);
      // What a faulty engine left behind is nobody's business.
      pair = new EnginePair();
      served = 0;
    }
  }
  onProgress?.(tally, seed);
  return tally;
}

function compareOne(pair: EnginePair, prog: RandomProgram): Comparison | undefined {
  const { kernel } = pair.net;
  const attr = { prog_type: prog.flavour.type, insns: encodeInsns(prog.insns), license: 'GPL' };
  let fd: number;
  try {
    fd = kernel.bpf(BPF_PROG_LOAD, attr);
  } catch (error) {
    if (error instanceof NotSupportedError) return undefined;
    throw error;
  }
  if (fd < 0) return undefined;
  const random = new Random(prog.seed ^ 0x51ed270b);
  const inputs = Array.from({ length: RUNS }, () => randomInput(random, prog));
  try {
    return pair.compare(fd, prog.flavour, { inputs, traced: prog.seed % TRACED === 0 });
  } catch (error) {
    return { kind: 'different', what: `running throws ${error instanceof Error ? error.stack : String(error)}` };
  } finally {
    kernel.close(fd);
  }
}

function randomInput(random: Random, { flavour }: RandomProgram): RunInput {
  const cpu = random.below(4);
  const { ctxBytes } = flavour;
  if (ctxBytes === undefined) {
    const bytes = random.bytes(random.pick([14, 15, 20, 33, 34, 42, 60, 64, 100]));
    // IPv4, now and then.
    if (random.chance(0.5) && bytes.length > 34) bytes.set([8, 0, 0x45], 12);
    return { bytes, cpu };
  }
  const bytes = random.bytes(ctxBytes);
  // Small numbers, and those around the edges of words.
  for (let i = 0; i < ctxBytes; i += 8) {
    const way = random.below(4);
    if (way === 0) bytes.fill(0, i + 1, i + 8);
    else if (way === 1) bytes.fill(0xff, i + 1, i + 8);
    else if (way === 2) bytes.fill(0, i + 4, i + 8);
  }
  return { bytes, cpu };
}
