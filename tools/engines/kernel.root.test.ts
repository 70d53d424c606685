// SPDX-License-Identifier: MIT
// A short run of kernel.ts: what the running kernel, the interpreter and the JIT leave behind is the same. Needs root.
import { describe, expect, it } from 'vitest';
import { formatAsm } from '../../packages/insn/src/index.ts';
import type { Sys } from '../../packages/uapi/src/index.ts';
import { listing } from '../soundness/net.ts';
import { KernelC, installedClangs } from './kernel-c.ts';
import { KernelNet } from './kernel-net.ts';
import { KernelNumbers } from './kernel-numbers.ts';
import { Worlds, runningKernel } from './kernel-systems.ts';
import { KernelTally } from './kernel-tally.ts';

const isRoot = process.platform === 'linux' && process.getuid?.() === 0;
const real = isRoot ? runningKernel() : 'bpf(2) needs root on Linux';
if (typeof real === 'string') console.log(`skipped: ${real}`);
const clangs = installedClangs();
if (clangs.length === 0) console.log('skipped: random C needs clang');

describe.skipIf(typeof real === 'string')('random programs beside the running kernel', () => {
  it('verified ones leave the same results, packets, contexts and maps', () => {
    const tally = new KernelTally();
    const worlds = new Worlds(real as Sys);
    const net = new KernelNet(worlds, tally);
    const differences: string[] = [];
    for (let seed = 1; seed <= 160; seed++) {
      net.compare(net.program(seed, 0.1), (prog, _insns, what) => differences.push(`${what}\n${listing(prog)}`));
    }
    worlds.close();
    expect(differences).toEqual([]);
    expect(tally.same).toBeGreaterThan(40);
    expect(tally.bothRefuse).toBeGreaterThan(40);
  });

  it('those of numbers do, in versions 1 to 4', () => {
    const tally = new KernelTally();
    const numbers = new KernelNumbers(real as Sys, tally);
    const differences: string[] = [];
    for (let seed = 1; seed <= 70; seed++) {
      numbers.compare(seed, (what, insns, of) => differences.push(`${what}\nseed ${of}\n${formatAsm(insns)}`));
    }
    numbers.close();
    expect(differences).toEqual([]);
    // A kernel before 6.9 does not have all of version 4.
    expect(tally.same).toBeGreaterThan(30);
  });

  it.skipIf(clangs.length === 0)('compiled ones do', { timeout: 60_000 }, () => {
    const tally = new KernelTally();
    const c = new KernelC(real as Sys, tally);
    const differences: string[] = [];
    for (let seed = 1; seed <= 10; seed++) {
      c.compare(seed, (what, { source, how }) => differences.push(`${what}\nseed ${seed}, ${how}\n${source}`));
    }
    c.close();
    expect(differences).toEqual([]);
    expect(tally.same).toBeGreaterThan(4);
  });
});
