// SPDX-License-Identifier: MIT
// The work of each benchmark program (packages/jit/bench/programs.ts) as a person would write it in JavaScript: what the
// interpreter's time is measured against. Each returns what the program leaves in R0.
import { packetBytes } from '../packages/jit/bench/programs.ts';

const MASK = (1n << 64n) - 1n;
const GOLDEN = 0x9e3779b97f4a7c15n;

function alu64(): bigint {
  let x = 1n;
  for (let i = 0n; i < 10_000n; i++) {
    x ^= (x << 13n) & MASK;
    x ^= x >> 7n;
    x ^= (x << 17n) & MASK;
    x = (((((x + GOLDEN) & MASK) * GOLDEN) & MASK) | 1n) - i;
    x &= MASK;
  }
  return x;
}

function alu32(): number {
  let x = 1;
  for (let i = 0; i < 10_000; i++) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    x = (Math.imul(x + 77, 1664525) + 1013904223) ^ i;
  }
  return x >>> 0;
}

function collatz(): number {
  let steps = 0;
  for (let start = 871; start < 885; start++) {
    for (let n = start; n !== 1; steps++) n = (n & 1) === 0 ? n / 2 : n * 3 + 1;
  }
  return steps;
}

function sieve(): number {
  const composite = new Uint8Array(512);
  let primes = 0;
  for (let i = 2; i < 512; i++) {
    if (composite[i] !== 0) continue;
    primes++;
    for (let j = i * 2; j < 512; j += i) composite[j] = 1;
  }
  return primes;
}

function sumWords(view: DataView): number {
  let sum = 0;
  for (let at = 0; at + 2 <= view.byteLength; at += 2) sum += view.getUint16(at, true);
  return (sum & 0xffff) + (sum >>> 16);
}

/** Whether the packet is IPv4 and UDP, as the programs' parser asks. */
const isUdp = (packet: Uint8Array): boolean =>
  packet.length >= 42 && packet[12] === 8 && packet[13] === 0 && ((packet[14] ?? 0) & 15) === 5 && packet[23] === 17;

const flowKey = (packet: Uint8Array): string => String.fromCharCode(...packet.subarray(26, 38), 17);

/** The longest prefix of an address in a table of `length << 32 | prefix`. */
function longestPrefix(table: ReadonlyMap<number, { hits: number }>, addr: number): { hits: number } | undefined {
  for (let len = 32; len >= 0; len--) {
    const prefix = len === 0 ? 0 : (addr >>> (32 - len)) << (32 - len);
    const found = table.get(len * 2 ** 32 + (prefix >>> 0));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** A function that does a program's work once, by the program's name. */
export function plainJs(): Readonly<Record<string, () => number | bigint>> {
  const packet = packetBytes();
  const view = new DataView(packet.buffer);
  const counters = Array.from({ length: 256 }, () => ({ packets: 0, bytes: 0 }));
  const flows = new Map<string, { packets: number; bytes: number }>([[flowKey(packet), { packets: 0, bytes: 0 }]]);
  for (let i = 1; i < 500; i++) flows.set(`other flow ${i}`, { packets: 0, bytes: 0 });
  const prefixes = new Map<number, { hits: number }>([[24 * 2 ** 32 + 0xc0a80700, { hits: 0 }]]);
  const hops: ((index: number) => number)[] = Array.from(
    { length: 33 },
    (_, i) => (index: number) => (i < 32 ? (hops[index]?.(index + 1) ?? 2) : 2),
  );
  let random = 1;
  let cpu = 0;
  const count = (): number => {
    const slot = counters[packet[23] ?? 0];
    if (!isUdp(packet) || slot === undefined) return 1;
    slot.packets++;
    slot.bytes += packet.length;
    return 2;
  };
  return {
    trivial: () => 2,
    alu64,
    alu32,
    collatz,
    sieve,
    csum: () => sumWords(view),
    memcpy: () => {
      packet.copyWithin(752, 0, 744);
      return 2;
    },
    xdpcnt: count,
    xdpcnt_atomic: count,
    flow: () => {
      const flow = isUdp(packet) ? flows.get(flowKey(packet)) : undefined;
      if (flow === undefined) return 1;
      flow.packets++;
      flow.bytes += packet.length;
      return 2;
    },
    flow_upd: () => {
      const key = flowKey(packet);
      const flow = isUdp(packet) ? flows.get(key) : undefined;
      if (flow === undefined) return 1;
      flows.set(key, { packets: flow.packets + 1, bytes: 5 });
      return 2;
    },
    lpm: () => {
      const entry = isUdp(packet) ? longestPrefix(prefixes, view.getUint32(30)) : undefined;
      if (entry === undefined) return 1;
      entry.hits++;
      return 2;
    },
    helper1000: () => {
      let x = 0;
      for (let i = 0; i < 1000; i++) x = (x + cpu) ^ i;
      return ((cpu = 0), x);
    },
    helper_js1000: () => {
      for (let i = 0; i < 1000; i++) random = Math.imul(random, 1664525) + 1013904223;
      return 2;
    },
    call1000: () => {
      const f = (a: bigint, b: bigint): bigint => (((a * 31n) ^ b) + 7n) & MASK;
      let x = 1n;
      for (let i = 0n; i < 1000n; i++) x = f(x, i);
      return x;
    },
    tail32: () => hops[0]?.(1) ?? 2,
  };
}
