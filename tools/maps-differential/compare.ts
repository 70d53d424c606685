// SPDX-License-Identifier: MIT
// Random operations on a pair of maps; the first answer that differs.
import { TestMap, answerText, randomSource, type RandomSource } from '@tsbpf/testkit';
import { BPF_F_LOCK, InternalError, type Sys } from 'tsbpf';
import { expected } from './differences.ts';
import { ABSENT, ProgramSide, type ProgOp } from './program-side.ts';
import type { Row } from './rows.ts';
import type { Pair, World } from './world.ts';

export interface Outcome {
  readonly operations: number;
  /** Kinds of answers seen: what was done, and what Linux said. */
  readonly kinds: number;
  readonly difference: string | undefined;
}

const FLAGS = [0, 0, 0, 0, 1, 2, 3, BPF_F_LOCK, 5, 6, 8];
/** How many operations apart all contents are compared. */
const CHECKS = 40;
/** Keys of a whole batch: fewer than a page of them. */
const BATCH = 24;

class Comparison {
  readonly #row: Row;
  readonly #maps: Pair<TestMap>;
  readonly #programs: Pair<ProgramSide>;
  readonly #random: RandomSource;
  readonly kinds = new Set<string>();

  constructor(world: World, row: Row, random: RandomSource) {
    this.#row = row;
    this.#random = random;
    const fds = world.map(row.attr);
    const side = (sys: Sys, i: 0 | 1): TestMap => new TestMap(sys, row.attr(i), fds[i]);
    this.#maps = [side(world.real, 0), side(world.sim, 1)];
    const { readAt = 0 } = row;
    this.#programs = [new ProgramSide(world.real, fds[0], readAt), new ProgramSide(world.sim, fds[1], readAt)];
  }

  close(): void {
    for (const side of this.#programs) side.close();
  }

  /** One operation: what differs, if anything. */
  step(): string | undefined {
    const row = this.#row;
    const random = this.#random;
    const keys = row.key(random);
    const values = row.value?.(random) ?? this.#bytes();
    const flags = row.flags ?? FLAGS;
    const flag = flags[random(flags.length)] ?? 0;
    const queue = row.programs === 'queue';
    const key = (i: 0 | 1): Uint8Array | undefined => (queue ? undefined : keys[i]);
    const choice = random(100);
    if (choice < 30) return this.#both(`update, flags ${flag}`, keys, (map, i) => map.update(key(i), values[i], flag));
    if (choice < 46) {
      if (row.noLookup === true) return undefined;
      return this.#both('lookup', keys, (map, i) => this.#shown(map.lookup(key(i), choice === 45 ? BPF_F_LOCK : 0)));
    }
    if (choice < 60) return this.#both('delete', keys, (map, i) => map.delete(key(i)));
    if (choice < 66) return this.#next(keys, queue);
    if (choice < 70) return queue ? this.#both('pop', keys, (map) => map.lookupAndDelete(undefined)) : undefined;
    if (choice < 90) return this.#program(keys, flag);
    if (choice < 95) return this.#batch();
    if (choice < 96) return this.#both('update without a key', keys, (map) => map.update(undefined, values[0], 0));
    if (choice < 97)
      return this.#both('a short key', keys, (map, i) => (queue ? 0 : map.delete(keys[i].subarray(0, 1))));
    return undefined;
  }

  /** All elements, in order or as a set. */
  contents(): string | undefined {
    if (this.#row.programs === 'queue') return undefined;
    const lists = this.#maps.map((map) => {
      const entries = map
        .keys(10_000)
        .map(
          (key) =>
            `${this.#keyText(key)}=${this.#row.noLookup === true ? '' : answerText(this.#shown(map.lookup(key)))}`,
        );
      return (this.#row.ordered === true ? entries : entries.sort()).join(' ');
    });
    return lists[0] === lists[1] ? undefined : `contents\n  Linux: ${lists[0]}\n  tsbpf: ${lists[1]}`;
  }

  /** Frozen maps refuse system calls that write, and no others. */
  freeze(): string | undefined {
    const keys = this.#row.key(this.#random);
    const values = this.#row.value?.(this.#random) ?? this.#bytes();
    return (
      this.#both('freeze', keys, (map) => map.freeze()) ??
      this.#both('update of a frozen map', keys, (map, i) => map.update(keys[i], values[i], 0)) ??
      this.#both('delete from a frozen map', keys, (map, i) => map.delete(keys[i])) ??
      (this.#row.programs === 'elements' ? this.#program(keys, 0) : undefined) ??
      this.contents()
    );
  }

  #bytes(): Pair<Uint8Array> {
    const bytes = new Uint8Array(this.#maps[0].valueSize).map(() => this.#random(256));
    return [bytes, bytes];
  }

  /** Keys that are fds differ from side to side. */
  #keyText(key: Uint8Array): string {
    return this.#row.title === 'sk_storage' ? '' : answerText(key);
  }

  #shown(answer: Uint8Array | number): Uint8Array | number {
    return this.#row.ownValues === true && typeof answer !== 'number' ? 0 : answer;
  }

  #both(
    what: string,
    keys: Pair<Uint8Array>,
    run: (map: TestMap, side: 0 | 1) => Uint8Array | number,
  ): string | undefined {
    const theirs = answerText(run(this.#maps[0], 0));
    const ours = answerText(run(this.#maps[1], 1));
    this.kinds.add(`${what}: ${/^(E|0$)/.test(theirs) ? theirs : 'bytes'}`);
    if (theirs === ours) return undefined;
    return `${what}, key ${answerText(keys[0])}\n  Linux: ${theirs}\n  tsbpf: ${ours}`;
  }

  /** Where the order is free, only whether there is a first key. */
  #next(keys: Pair<Uint8Array>, queue: boolean): string | undefined {
    const first = queue || this.#row.ordered !== true || this.#random(4) === 0;
    return this.#both(first ? 'first key' : 'next key', keys, (map, i) => {
      const next = map.next(first ? undefined : keys[i]);
      return this.#row.ordered === true || typeof next === 'number' ? next : 0;
    });
  }

  #program(keys: Pair<Uint8Array>, flag: number): string | undefined {
    const { programs } = this.#row;
    if (programs === undefined) return undefined;
    const ops: readonly ProgOp[] =
      programs === 'queue'
        ? ['push', 'push', 'push', 'pop', 'pop', 'peek']
        : ['lookup', 'lookup', 'lookup', 'update', 'update', 'update', 'delete'];
    const op = ops[this.#random(ops.length)] ?? 'lookup';
    const [value] = this.#bytes();
    const run = (side: 0 | 1): number => this.#programs[side].run(op, keys[side], flag, value);
    const [theirs, ours] = [run(0), run(1)];
    this.kinds.add(`program ${op}: ${theirs < 0 || theirs === ABSENT ? theirs : 'value'}`);
    if (theirs === ours) return undefined;
    return `program's ${op}, flags ${flag}, key ${answerText(keys[0])}\n  Linux: ${theirs}\n  tsbpf: ${ours}`;
  }

  #batch(): string | undefined {
    const { batch } = this.#row;
    if (batch === undefined) return undefined;
    const random = this.#random;
    const [map] = this.#maps;
    const count = random(BATCH);
    const keys = new Uint8Array(count * map.keySize);
    for (let i = 0; i < count; i++) keys.set(this.#row.key(random)[0], i * map.keySize);
    const values = new Uint8Array(count * map.valueSize).map(() => random(256));
    const flags = [0n, 0n, 0n, 0n, BigInt(BPF_F_LOCK), 1n][random(6)] ?? 0n;
    const kind = random(batch === 'hash' ? 5 : 2);
    const remove = kind === 2 && random(8) === 0;
    const run = (one: TestMap): unknown => {
      switch (kind) {
        case 0:
          return one.updateBatch(keys, values, count, flags);
        case 1:
        case 2: {
          // All there is, with room to spare; where the order is free, whatever fits is as good as anything else.
          const room = this.#row.attr(0).max_entries ?? 0;
          const got = one.lookupBatch(room + 8, { elemFlags: flags, remove });
          const pairs = Array.from({ length: got.count }, (_, i) =>
            [
              answerText(got.keys.slice(i * one.keySize, (i + 1) * one.keySize)),
              answerText(got.values.slice(i * one.valueSize, (i + 1) * one.valueSize)),
            ].join('='),
          );
          return { ret: got.ret, count: got.count, pairs: batch === 'hash' ? pairs.sort() : pairs };
        }
        default:
          return one.deleteBatch(keys, count);
      }
    };
    const [theirs, ours] = this.#maps.map((one) => JSON.stringify(run(one)));
    this.kinds.add(`batch ${kind}: ${/"ret":(-?\d+)/.exec(theirs ?? '')?.[1]}`);
    return theirs === ours ? undefined : `batch ${kind} of ${count}\n  Linux: ${theirs}\n  tsbpf: ${ours}`;
  }
}

/** Performs operations until one differs. */
export function compareRow(world: World, row: Row, options: { count: number; seed: number }): Outcome {
  const { count } = options;
  const comparison = new Comparison(world, row, randomSource(options.seed));
  let at = 0;
  try {
    for (; at < count; at++) {
      const difference =
        comparison.step() ?? (at % Math.ceil(count / CHECKS) === 0 ? comparison.contents() : undefined);
      if (difference !== undefined) {
        return { operations: at, kinds: comparison.kinds.size, difference: `operation ${at}: ${difference}` };
      }
    }
    const frozen = expected('freeze-refuses-spin-locks', world.release, row) ? undefined : comparison.freeze();
    const difference = comparison.contents() ?? frozen;
    return { operations: at, kinds: comparison.kinds.size, difference };
  } catch (error) {
    if (!(error instanceof InternalError)) throw error;
    return { operations: at, kinds: comparison.kinds.size, difference: `operation ${at}: ${error.message}` };
  } finally {
    comparison.close();
  }
}
