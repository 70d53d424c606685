// SPDX-License-Identifier: MIT
// Mutants of real programs: whatever they are, a load answers with a verdict, and what is accepted stays in its memory.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openObject } from '../../packages/loader/src/index.ts';
import {
  BPF_PROG_LOAD,
  BPF_PROG_TEST_RUN,
  BpfError,
  InternalError,
  NotSupportedError,
  type ProgLoadAttr,
  type Sys,
} from '../../packages/uapi/src/index.ts';
import type { SelftestCase, SelftestTable } from '../selftests/cases.ts';
import { createCaseRunner } from '../selftests/run-case.ts';
import type { NetKernel } from './net-kernel.ts';
import type { Random } from './random.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const INSN = 8;
/** Socket filter, classifier, XDP, cgroup packets: what a test run runs. */
const RUNNABLE = new Set([1, 3, 6, 8]);
const EDGES = [0, 1, -1, 7, 8, 63, 64, 0x7fff, -0x8000, 0x7fffffff, -0x80000000];

/** Objects of the packages' tests. */
export function fixtureObjects(): string[] {
  return objectsIn('packages', /^\w[\w-]*\/test\/fixtures\/.*\.o$/);
}

/** Objects of the examples. */
export function exampleObjects(): string[] {
  return objectsIn('examples', /^(?!.*node_modules).*\.o$/);
}

function objectsIn(dir: string, which: RegExp): string[] {
  const root = join(ROOT, dir);
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((path) => which.test(path))
    .sort()
    .map((path) => join(root, path));
}

/** More instructions than any verified program runs, tail calls included. */
const MOST_INSNS = 4_000_000;
/** A load and a run that take longer hang. Of the processor's time: others may be busy. */
const MOST_MS = 20_000;

/** The loads that opening and loading an object makes, as far as it comes. */
export function loadsOf(net: NetKernel, path: string): ProgLoadAttr[] {
  const loads: ProgLoadAttr[] = [];
  const { kernel } = net;
  const sys: Sys = {
    ...kernel,
    bpf: (cmd, attr) => {
      if (cmd === BPF_PROG_LOAD) loads.push({ ...(attr as ProgLoadAttr) });
      return kernel.bpf(cmd, attr);
    },
  };
  try {
    openObject(readFileSync(path), { sys }).load();
  } catch (error) {
    // Some fixtures are there to be refused.
    if (!(error instanceof BpfError)) throw error;
  }
  return loads.filter(({ insns }) => insns !== undefined && insns.length > 2 * INSN);
}

/** The same load with a few instructions changed. */
export function mutant(attr: ProgLoadAttr, random: Random): ProgLoadAttr {
  const insns = (attr.insns ?? new Uint8Array()).slice();
  const view = new DataView(insns.buffer);
  const count = insns.length / INSN;
  for (let times = random.between(1, random.pick([1, 2, 6])); times > 0; times--) {
    const at = INSN * random.below(count);
    switch (random.below(9)) {
      case 0:
        view.setUint8(at + random.below(INSN), random.below(256));
        break;
      case 1:
        view.setUint8(at, insns[at] ^ (1 << random.below(8)));
        break;
      case 2:
        view.setUint8(at + 1, (random.below(11) << 4) | (insns[at + 1] & 15));
        break;
      case 3:
        view.setUint8(at + 1, (insns[at + 1] & 0xf0) | random.below(11));
        break;
      case 4:
        view.setInt16(at + 2, view.getInt16(at + 2, true) + random.between(-9, 9), true);
        break;
      case 5:
        view.setInt32(at + 4, random.chance(0.5) ? random.pick(EDGES) : view.getInt32(at + 4, true) + 1, true);
        break;
      case 6:
        insns.copyWithin(at, INSN * random.below(count), insns.length);
        break;
      case 7: {
        const from = INSN * random.below(count);
        insns.copyWithin(at, from, from + INSN);
        break;
      }
      default:
        // A jump to what comes next.
        insns.set([5, 0, 0, 0, 0, 0, 0, 0], at);
    }
  }
  return { ...attr, insns, log_buf: undefined, log_level: 0 };
}

export interface MutantResult {
  readonly accepted: boolean;
  /** Something other than a verdict came of it. */
  readonly problem: string | undefined;
  /** Of the processor's time. */
  readonly ms: number;
}

/**
 * Mutants of a case of Linux's test_verifier: made while its maps are there. Answers how many were tried; `each` gets
 * what came of them.
 */
export function tryCase(
  net: NetKernel,
  from: { table: SelftestTable; test: SelftestCase; random: Random; count: number },
  each: (result: MutantResult, attr: ProgLoadAttr) => void,
): number {
  const { table, test, random, count } = from;
  const { kernel } = net;
  let tried = 0;
  const sys: Sys = {
    ...kernel,
    bpf: (cmd, attr) => {
      const { insns } = attr as ProgLoadAttr;
      // Programs that the case's maps hold have two instructions.
      if (cmd !== BPF_PROG_LOAD || insns === undefined || insns.length <= 2 * INSN) return kernel.bpf(cmd, attr);
      for (; tried < count; tried++) {
        const changed = mutant(attr as ProgLoadAttr, random);
        each(tryMutant(net, changed, random), changed);
      }
      return kernel.bpf(cmd, attr);
    },
  };
  createCaseRunner(sys, table).run(test);
  return tried;
}

/** Loads a mutant; what is accepted runs once. */
export function tryMutant(net: NetKernel, attr: ProgLoadAttr, random: Random): MutantResult {
  const start = process.cpuUsage();
  const log_buf = new Uint8Array(1 << 16);
  let what = 'loading';
  let fd = -1;
  let problem: string | undefined;
  let insns = 0;
  const stop = net.kernel.state.observe({
    insn: () => {
      if (++insns > MOST_INSNS) throw new InternalError(`the run has not ended after ${MOST_INSNS} instructions`);
    },
  });
  try {
    // Logs are part of what must not fail; whole ones would take most of the time.
    const logs = random.chance(0.1) ? { log_level: random.pick([1, 2, 4]), log_buf } : {};
    fd = net.kernel.bpf(BPF_PROG_LOAD, { ...attr, ...logs });
    what = 'running';
    if (fd >= 0 && RUNNABLE.has(attr.prog_type ?? 0)) {
      net.kernel.bpf(BPF_PROG_TEST_RUN, { prog_fd: fd, data_in: random.bytes(64), data_out: new Uint8Array(512) });
    }
  } catch (error) {
    if (!(error instanceof NotSupportedError)) {
      problem = `${what} throws ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
    }
  } finally {
    stop();
    if (fd >= 0) net.kernel.close(fd);
  }
  const { user, system } = process.cpuUsage(start);
  const ms = (user + system) / 1000;
  if (ms > MOST_MS) problem ??= `${what} took ${ms.toFixed(0)} ms`;
  return { accepted: fd >= 0, problem, ms };
}

/** An instruction stream in hex, one line for each. */
export function hexOf(insns: Uint8Array): string {
  const lines: string[] = [];
  for (let at = 0; at < insns.length; at += INSN) {
    const bytes = [...insns.subarray(at, at + INSN)].map((byte) => byte.toString(16).padStart(2, '0'));
    lines.push(`${at / INSN}: ${bytes.join(' ')}`);
  }
  return lines.join('\n');
}
