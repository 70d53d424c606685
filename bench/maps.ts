// SPDX-License-Identifier: MIT
// A hash of a million entries filled, looked up and iterated from JS, beside a JS Map with string keys and one with
// bigint keys. Keys are two numbers of 32 bits, values one of 64; both sides begin with the numbers, make the key from
// them, and read key and value of every entry they iterate over. Every round makes new maps; the sides take turns.
// Run: pnpm bench:maps [--entries N] [--rounds N]
import { parseArgs } from 'node:util';
import {
  BPF_MAP_LOOKUP_ELEM,
  BPF_MAP_TYPE_HASH,
  BPF_MAP_UPDATE_ELEM,
  InternalError,
  createKernel,
  createMap,
} from 'tsbpf';

const { values: options } = parseArgs({
  options: { entries: { type: 'string', default: '1000000' }, rounds: { type: 'string', default: '5' } },
});
const N = Number(options.entries);
const ROUNDS = Number(options.rounds);
/** An order of lookups that is not the order of insertion. */
const STEP = 7_368_787;
const HIGH = 32;

const STEPS = ['fill', 'lookup', 'iterate'] as const;
type Step = (typeof STEPS)[number];
/** Nanoseconds per entry. `sum` is what the side read, for comparing the sides and so that nothing is optimised away. */
type Lap = Record<Step, number> & { sum: number };

class Clock {
  #from = performance.now();
  lap(): number {
    const now = performance.now();
    const ns = ((now - this.#from) * 1e6) / N;
    this.#from = performance.now();
    return ns;
  }
}

const makeMap = <K, V>() => {
  const kernel = createKernel();
  const map = createMap<K, V>(kernel, { type: BPF_MAP_TYPE_HASH, keySize: 8, valueSize: 8, maxEntries: N });
  return { kernel, map };
};

/** bpf(2) with buffers that are used again, and a cursor. */
function syscalls(): Lap {
  const { kernel, map } = makeMap();
  const key = new Uint8Array(8);
  const value = new Uint8Array(8);
  const keyWords = new Uint32Array(key.buffer);
  const valueWords = new Uint32Array(value.buffer);
  const map_fd = map.fd;
  const clock = new Clock();
  for (let i = 0; i < N; i++) {
    keyWords[0] = HIGH;
    keyWords[1] = i;
    valueWords[0] = i;
    kernel.bpf(BPF_MAP_UPDATE_ELEM, { map_fd, key, value });
  }
  const fill = clock.lap();
  let sum = 0;
  for (let i = 0, at = 0; i < N; i++, at = (at + STEP) % N) {
    keyWords[0] = HIGH;
    keyWords[1] = at;
    kernel.bpf(BPF_MAP_LOOKUP_ELEM, { map_fd, key, value });
    sum += valueWords[0];
  }
  const lookup = clock.lap();
  for (const at = map.cursor(); at.next();) sum += at.keyU32(4) + at.valueU32();
  const iterate = clock.lap();
  kernel.close(map_fd);
  return { fill, lookup, iterate, sum };
}

/** The typed map: bigint keys and values, `for … of`. */
function typed(): Lap {
  const { kernel, map } = makeMap<bigint, bigint>();
  const clock = new Clock();
  for (let i = 0; i < N; i++) map.set((BigInt(i) << 32n) | 32n, BigInt(i));
  const fill = clock.lap();
  let sum = 0;
  for (let i = 0, at = 0; i < N; i++, at = (at + STEP) % N) sum += Number(map.get((BigInt(at) << 32n) | 32n));
  const lookup = clock.lap();
  for (const [key, value] of map) sum += Number(key >> 32n) + Number(value);
  const iterate = clock.lap();
  kernel.close(map.fd);
  return { fill, lookup, iterate, sum };
}

function stringKeys(): Lap {
  const clock = new Clock();
  const map = new Map<string, number>();
  for (let i = 0; i < N; i++) map.set(`${HIGH}:${i}`, i);
  const fill = clock.lap();
  let sum = 0;
  for (let i = 0, at = 0; i < N; i++, at = (at + STEP) % N) sum += map.get(`${HIGH}:${at}`) ?? 0;
  const lookup = clock.lap();
  for (const [key, value] of map) sum += Number(key.slice(3)) + value;
  const iterate = clock.lap();
  return { fill, lookup, iterate, sum };
}

/** The same, but the loop only looks at the key's first character. */
function stringKeysUnread(): Lap {
  const map = new Map<string, number>();
  for (let i = 0; i < N; i++) map.set(`${HIGH}:${i}`, i);
  const clock = new Clock();
  let sum = 0;
  for (const [key, value] of map) sum += key.charCodeAt(0) + value;
  return { fill: 0, lookup: 0, iterate: clock.lap(), sum };
}

function bigintKeys(): Lap {
  const clock = new Clock();
  const map = new Map<bigint, number>();
  for (let i = 0; i < N; i++) map.set((BigInt(i) << 32n) | 32n, i);
  const fill = clock.lap();
  let sum = 0;
  for (let i = 0, at = 0; i < N; i++, at = (at + STEP) % N) sum += map.get((BigInt(at) << 32n) | 32n) ?? 0;
  const lookup = clock.lap();
  for (const [key, value] of map) sum += Number(key >> 32n) + value;
  const iterate = clock.lap();
  return { fill, lookup, iterate, sum };
}

const median = (numbers: readonly number[]): number => [...numbers].sort((a, b) => a - b)[numbers.length >> 1] ?? NaN;

const sides = { syscalls, typed, stringKeys, stringKeysUnread, bigintKeys };
type Side = keyof typeof sides;
const laps: Record<Side, Lap[]> = { syscalls: [], typed: [], stringKeys: [], stringKeysUnread: [], bigintKeys: [] };
for (let round = 0; round < ROUNDS; round++) {
  for (const side of Object.keys(sides) as Side[]) {
    globalThis.gc?.();
    laps[side].push(sides[side]());
  }
}
const [want] = laps.stringKeys;
for (const side of ['syscalls', 'typed', 'bigintKeys'] as const) {
  if (laps[side].some(({ sum }) => sum !== want?.sum)) throw new InternalError(`${side} read something else`);
}

const of = (side: Side, step: Step): number => median(laps[side].map((lap) => lap[step]));
const titles: Record<Side, string> = {
  syscalls: 'hash, bpf(2); cursor',
  typed: 'hash, get and set; for … of',
  stringKeys: 'Map, string keys',
  stringKeysUnread: 'Map, string keys not parsed',
  bigintKeys: 'Map, bigint keys',
};
console.log(`${N.toLocaleString('en-US')} entries, ns each, median of ${ROUNDS} rounds; Node ${process.version}`);
console.log(`${''.padEnd(30)}${STEPS.map((step) => step.padStart(9)).join('')}`);
for (const side of Object.keys(sides) as Side[]) {
  const cells = STEPS.map((step) => (of(side, step) === 0 ? '' : of(side, step).toFixed(1)).padStart(9));
  console.log(`${titles[side].padEnd(30)}${cells.join('')}`);
}
console.log('\nhow many times as fast as each Map');
for (const side of ['syscalls', 'typed'] as const) {
  for (const other of ['stringKeys', 'stringKeysUnread', 'bigintKeys'] as const) {
    const cells = STEPS.map((step) => {
      const theirs = of(other, step);
      return (theirs === 0 ? '' : (theirs / of(side, step)).toFixed(2)).padStart(9);
    });
    console.log(`${`${side} / ${titles[other]}`.padEnd(40).slice(0, 40)}${cells.join('')}`);
  }
}
