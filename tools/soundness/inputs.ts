// SPDX-License-Identifier: MIT
// What programs run over: numbers at the edges of what the program compares with, packets at the edges of what it reads.
import type { Insn } from '../../packages/insn/src/index.ts';
import { BPF_PROG_TEST_RUN } from '../../packages/uapi/src/index.ts';
import type { RandomProgram } from './generate.ts';
import type { NetKernel } from './net-kernel.ts';
import type { Random } from './random.ts';

const EDGES: readonly bigint[] = [
  ...[0n, 1n, 2n, 3n, 7n, 8n, 9n, 15n, 16n, 31n, 32n, 63n, 64n, 127n, 128n, 255n, 256n],
  ...[0x7fffn, 0x8000n, 0xffffn, 0x10000n, 0x7fffffffn, 0x80000000n, 0x80000001n, 0xfffffffen, 0xffffffffn],
  ...[0x1_0000_0000n, 0x1_0000_0001n, 0x7fff_ffff_ffff_ffffn, -0x8000_0000_0000_0000n, -0x80000000n, -0x80000001n],
  ...[-1n, -2n, -8n, -9n, -64n],
];
/** An Ethernet header: what a test run wants at least. */
const SHORTEST = 14;
const LONGEST = 120;

/** Words and lengths around the constants of a program. */
export interface Pool {
  readonly words: readonly bigint[];
  readonly lengths: readonly number[];
}

export function poolOf(insns: readonly Insn[]): Pool {
  const words = new Set<bigint>();
  const lengths = new Set<number>([14, 15, 20, 33, 34, 42, 60, 64, 100]);
  for (const { code, imm } of insns) {
    const cls = code & 7;
    const byImm = (code & 8) === 0;
    if (!byImm || cls < 4) continue;
    // Comparisons, additions and masks: a value at the limit and its neighbours.
    if (cls !== 5 || (code & 0xf0) <= 0xe0) {
      for (const d of [-1n, 0n, 1n]) {
        words.add(BigInt(imm) + d);
        words.add(BigInt(imm >>> 0) + d);
      }
    }
    if ((cls === 7 || cls === 4) && imm >= 1 && imm <= LONGEST) {
      for (const d of [-1, 0, 1]) if (imm + d >= SHORTEST) lengths.add(imm + d);
    }
  }
  return { words: [...words], lengths: [...lengths] };
}

/** A number that some part of the program may trip over. */
export function word(pool: Pool, random: Random): bigint {
  const way = random.below(10);
  if (way < 5 && pool.words.length > 0) return random.pick(pool.words);
  if (way < 8) return random.pick(EDGES);
  const low = BigInt(random.word());
  if (way === 8) return BigInt(random.below(64));
  const high = random.chance(0.4) ? 0n : BigInt(random.word());
  return (high << 32n) | low;
}

/** Fills the map that programs take their numbers from, and values that they read. */
export function fillInputs(net: NetKernel, pool: Pool, random: Random): void {
  const { mem } = net.kernel.state;
  for (const { off, lenBytes } of net.inputs()) {
    for (let at = 0; at < lenBytes; at += 8) mem.write64(off + at, BigInt.asUintN(64, word(pool, random)));
  }
}

function packetBytes(pool: Pool, random: Random): Uint8Array {
  const bytes = random.bytes(random.pick(pool.lengths));
  for (let i = 0; i < bytes.length; i++) {
    const way = random.below(6);
    if (way === 0) bytes[i] = 0;
    else if (way === 1) bytes[i] = random.below(32);
    else if (way === 2) bytes[i] = 0xff;
  }
  // IPv4, now and then.
  if (random.chance(0.5) && bytes.length > 34) bytes.set([8, 0, 0x45], 12);
  return bytes;
}

/** Runs a program once. */
export function runOnce(net: NetKernel, prog: RandomProgram, fd: number, by: { random: Random; pool: Pool }): void {
  const { random, pool } = by;
  const { flavour } = prog;
  if (flavour.ctxBytes === undefined) {
    const data_in = packetBytes(pool, random);
    net.kernel.bpf(BPF_PROG_TEST_RUN, { prog_fd: fd, data_in, data_out: new Uint8Array(1024) });
    return;
  }
  const { state } = net.kernel;
  const { mem } = state;
  // A tracepoint has at least what the program says it reaches, or it is not attached.
  const bytes = Math.max(flavour.ctxBytes, (net.progOf(fd).verified.maxCtxOffset + 7) & ~7);
  const ctx = mem.alloc(bytes, { kind: 'ctx', name: 'random' });
  let buffer = 0;
  try {
    for (let i = 0; i < bytes; i += 8) mem.write64(ctx + i, BigInt.asUintN(64, word(pool, random)));
    const target = net.progOf(fd);
    if (flavour.tpBuffer === true) {
      buffer = mem.alloc(Math.max(8, target.verified.maxTpAccess), { kind: 'object', name: 'tracepoint buffer' });
      mem.write64(ctx, mem.toAddr(buffer));
    }
    flavour.pointers?.forEach((what, i) => {
      if (what === undefined) return;
      mem.write64(ctx + 8 * i, random.chance(0.15) && what !== 'sk_buff' ? 0n : net.objectOf(what));
    });
    state.runProg(target, ctx);
  } finally {
    mem.free(ctx);
    if (buffer !== 0) mem.free(buffer);
  }
}
