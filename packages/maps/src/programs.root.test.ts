// SPDX-License-Identifier: MIT
// What programs do to maps. On the running kernel an XDP program does it, run by BPF_PROG_TEST_RUN with key, flags and
// value in the packet; on ours the map type's own operations are called.
import { afterAll, describe, expect, it } from 'vitest';
import { createHost, pinToCpu } from '@tsbpf/host';
import { answerText, openSystemPair, randomSource, u32s, type RandomSource, type TestMap } from '@tsbpf/testkit';
import {
  BPF_F_NO_COMMON_LRU,
  BPF_F_NO_PREALLOC,
  BPF_MAP_TYPE_ARRAY,
  BPF_MAP_TYPE_HASH,
  BPF_MAP_TYPE_LPM_TRIE,
  BPF_MAP_TYPE_LRU_HASH,
  BPF_MAP_TYPE_LRU_PERCPU_HASH,
  BPF_MAP_TYPE_PERCPU_ARRAY,
  BPF_MAP_TYPE_PERCPU_HASH,
  BPF_MAP_TYPE_QUEUE,
  BPF_MAP_TYPE_STACK,
  InternalError,
  type MapCreateAttr,
} from '@tsbpf/uapi';
import { ABSENT, ProgramSide, type ProgOp } from '../../../tools/maps-differential/program-side.ts';
import { mapTypes } from './index.ts';

const systems = openSystemPair(
  () => {
    pinToCpu(0);
    return createHost();
  },
  { mapTypes },
);
afterAll(() => systems.close());

/** Where the simulated packet has what. */
const [KEY, VALUE, LENGTH] = [16, 64, 128];

/** What {@link ProgramSide} does, through the map type's operations. */
function simOps(testMap: TestMap): (op: ProgOp, key: Uint8Array, flags: number, value: Uint8Array) => number {
  const { state } = systems.sim;
  const file = state.fds.get(testMap.fd, 'map');
  if (typeof file === 'number') throw new InternalError('no map');
  const { map } = file;
  const { ops } = map.def;
  const packet = state.mem.alloc(LENGTH, { kind: 'packet' });
  return (op, key, flags, value) => {
    const { mem, rcu } = state;
    mem.writeBytes(packet + KEY, key);
    mem.writeBytes(packet + VALUE, value);
    rcu.enter();
    try {
      if (op === 'lookup') {
        const off = ops.lookup?.(map, packet + KEY) ?? 0;
        return off === 0 ? ABSENT : mem.read8(off);
      }
      if (op === 'update') return ops.update?.(map, packet + KEY, packet + VALUE, flags) ?? NaN;
      if (op === 'delete') return ops.delete?.(map, packet + KEY) ?? NaN;
      if (op === 'push') return ops.push?.(map, packet + VALUE, flags) ?? NaN;
      return (ops[op]?.(map, packet + VALUE) ?? NaN) || mem.read8(packet + VALUE);
    } finally {
      rcu.exit();
    }
  };
}

interface Row {
  readonly title: string;
  readonly attr: MapCreateAttr;
  readonly key?: (random: RandomSource) => Uint8Array;
  readonly ops?: number;
}

const word = (range: number) => (random: RandomSource) => u32s(random(range));
const elem = (map_type: number, max_entries: number, map_flags = 0): MapCreateAttr => ({
  map_type,
  key_size: 4,
  value_size: 8,
  max_entries,
  map_flags,
});
const prefix = (random: RandomSource): Uint8Array => u32s(random(35), random(2) * 0x80 + random(3) * 0x4000);

const rows: readonly Row[] = [
  { title: 'array', attr: elem(BPF_MAP_TYPE_ARRAY, 9), key: word(12) },
  { title: 'percpu_array', attr: elem(BPF_MAP_TYPE_PERCPU_ARRAY, 9), key: word(12) },
  { title: 'hash', attr: elem(BPF_MAP_TYPE_HASH, 40), key: word(60) },
  { title: 'hash without preallocation', attr: elem(BPF_MAP_TYPE_HASH, 40, BPF_F_NO_PREALLOC), key: word(60) },
  { title: 'percpu_hash', attr: elem(BPF_MAP_TYPE_PERCPU_HASH, 20), key: word(30) },
  { title: 'percpu_hash without preallocation', attr: elem(BPF_MAP_TYPE_PERCPU_HASH, 20, 1), key: word(30) },
  { title: 'lru_hash', attr: elem(BPF_MAP_TYPE_LRU_HASH, 700), key: word(1000), ops: 12_000 },
  {
    title: 'lru_hash with lists per CPU',
    attr: elem(BPF_MAP_TYPE_LRU_HASH, 60, BPF_F_NO_COMMON_LRU),
    key: word(90),
    ops: 8000,
  },
  { title: 'lru_percpu_hash', attr: elem(BPF_MAP_TYPE_LRU_PERCPU_HASH, 600), key: word(900), ops: 12_000 },
  {
    title: 'lru_percpu_hash with lists per CPU',
    attr: elem(BPF_MAP_TYPE_LRU_PERCPU_HASH, 60, BPF_F_NO_COMMON_LRU),
    key: word(90),
    ops: 8000,
  },
  { title: 'lpm_trie', attr: { ...elem(BPF_MAP_TYPE_LPM_TRIE, 30, BPF_F_NO_PREALLOC), key_size: 8 }, key: prefix },
  { title: 'queue', attr: { map_type: BPF_MAP_TYPE_QUEUE, value_size: 8, max_entries: 5 } },
  { title: 'stack', attr: { map_type: BPF_MAP_TYPE_STACK, value_size: 8, max_entries: 5 } },
];

describe('operations of programs', () => {
  for (const row of rows) {
    it(row.title, (context) => {
      const { real } = systems;
      if (real === undefined) {
        context.skip(`no kernel to compare with: ${systems.why}`);
        return;
      }
      const maps = systems.maps(row.attr);
      const theirs = new ProgramSide(real, maps[0].fd, 0);
      const ours = simOps(maps[1]);
      const random = randomSource(99);
      const keyed: ProgOp[] = ['lookup', 'lookup', 'lookup', 'update', 'update', 'update', 'update', 'delete'];
      const choices: ProgOp[] = row.key === undefined ? ['push', 'push', 'push', 'pop', 'pop', 'peek'] : keyed;
      const total = row.ops ?? 3000;
      const compareContents = (i: number): void => {
        const [real0, sim0] = maps.map((map) =>
          map
            .keys(10_000)
            .map((key) => `${answerText(key)}=${answerText(map.lookup(key))}`)
            .sort(),
        );
        expect(sim0, `contents after operation ${i}`).toEqual(real0);
      };
      for (let i = 0; i < total; i++) {
        const key = row.key?.(random) ?? new Uint8Array();
        const op = choices[random(choices.length)] ?? 'lookup';
        const flags = [0, 0, 0, 0, 1, 2, 3, 4][random(8)] ?? 0;
        const value = new Uint8Array(8).map(() => random(256));
        // System calls in between, which look without touching.
        if (row.key !== undefined && random(6) === 0) {
          expect(answerText(maps[1].lookup(key))).toBe(answerText(maps[0].lookup(key)));
        }
        const want = theirs.run(op, key, flags, value);
        expect(ours(op, key, flags, value), `operation ${i}: ${op} ${answerText(key)} flags ${flags}`).toBe(want);
        if (row.key !== undefined && i % (total / 10) === 0) compareContents(i);
      }
      theirs.close();
    });
  }
});
