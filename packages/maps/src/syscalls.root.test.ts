// SPDX-License-Identifier: MIT
// In what order element commands complain, and what they write back when they do: the running kernel and ours.
import { afterAll, describe, expect, it } from 'vitest';
import { createHost, pinToCpu } from '@tsbpf/host';
import { type TestMap, openSystemPair, u32s } from '@tsbpf/testkit';
import {
  BPF_F_RDONLY,
  BPF_F_WRONLY,
  BPF_MAP_DELETE_BATCH,
  BPF_MAP_DELETE_ELEM,
  BPF_MAP_FREEZE,
  BPF_MAP_GET_NEXT_KEY,
  BPF_MAP_LOOKUP_AND_DELETE_BATCH,
  BPF_MAP_LOOKUP_AND_DELETE_ELEM,
  BPF_MAP_LOOKUP_BATCH,
  BPF_MAP_LOOKUP_ELEM,
  BPF_MAP_UPDATE_BATCH,
  BPF_MAP_UPDATE_ELEM,
  errnoName,
  type BatchAttr,
  type BpfCmd,
  type ElemAttr,
  type MapCreateAttr,
  type Sys,
} from '@tsbpf/uapi';
import { mapTypes } from './index.ts';

const systems = openSystemPair(
  () => {
    pinToCpu(0);
    return createHost();
  },
  { mapTypes },
);
afterAll(() => systems.close());

const maps: Readonly<Record<string, MapCreateAttr>> = {
  hash: { map_type: 1, key_size: 4, value_size: 8, max_entries: 3 },
  hashOnDemand: { map_type: 1, key_size: 4, value_size: 8, max_entries: 3, map_flags: 1 },
  array: { map_type: 2, key_size: 4, value_size: 8, max_entries: 3 },
  progArray: { map_type: 3, key_size: 4, value_size: 4, max_entries: 3 },
  percpuHash: { map_type: 5, key_size: 4, value_size: 8, max_entries: 3 },
  percpuArray: { map_type: 6, key_size: 4, value_size: 8, max_entries: 3 },
  lru: { map_type: 9, key_size: 4, value_size: 8, max_entries: 3 },
  lpm: { map_type: 11, key_size: 8, value_size: 8, max_entries: 3, map_flags: 1 },
  queue: { map_type: 22, value_size: 8, max_entries: 3 },
  stack: { map_type: 23, value_size: 8, max_entries: 3 },
};
/** Commands on single elements, whole and with something missing. Batches of types that got them later are left out. */
const elemCalls: readonly (readonly [cmd: BpfCmd, attr: Omit<ElemAttr, 'map_fd'>])[] = [];
const calls = elemCalls as [BpfCmd, Omit<ElemAttr, 'map_fd'>][];
/** A value of any map; to those that take fds, -1. */
const big = new Uint8Array(8 * 64).fill(0xff);
for (const key of [u32s(1, 0), u32s(99, 0), new Uint8Array(2), undefined]) {
  for (const value of [big, new Uint8Array(1), undefined]) {
    for (const flags of [0n, 1n, 3n, 4n, 8n, 1n << 32n]) {
      calls.push([BPF_MAP_UPDATE_ELEM, { key, value, flags }], [BPF_MAP_LOOKUP_ELEM, { key, value, flags }]);
    }
    calls.push([BPF_MAP_DELETE_ELEM, { key, value }]);
  }
  calls.push([BPF_MAP_DELETE_ELEM, { key }], [BPF_MAP_DELETE_ELEM, { key, flags: 1n }]);
  for (const next_key of [new Uint8Array(8), new Uint8Array(1), undefined]) {
    calls.push([BPF_MAP_GET_NEXT_KEY, { key, next_key }]);
  }
}
const queueCalls: [BpfCmd, Omit<ElemAttr, 'map_fd'>][] = [undefined, u32s(1)].flatMap((key) =>
  [big, undefined].map(
    (value) => [BPF_MAP_LOOKUP_AND_DELETE_ELEM, { key, value }] as [BpfCmd, Omit<ElemAttr, 'map_fd'>],
  ),
);

const named = (ret: number): string => (ret < 0 ? errnoName(-ret) : String(ret));

function run(sys: Sys, cmd: BpfCmd, attr: object): string {
  const copy = Object.fromEntries(
    Object.entries(attr).map(([key, value]) => [key, value instanceof Uint8Array ? value.slice() : (value as unknown)]),
  );
  return named((sys.bpf as (cmd: BpfCmd, attr: object) => number)(cmd, copy));
}

function compare(title: string, body: (real: Sys) => void): void {
  it(title, (context) => {
    if (systems.real === undefined) context.skip(`no kernel to compare with: ${systems.why}`);
    else body(systems.real);
  });
}

const shown = (attr: object): string =>
  JSON.stringify(attr, (_, value: unknown) =>
    typeof value === 'bigint' ? `${value}n` : value instanceof Uint8Array ? `${value.length} bytes` : value,
  );

describe('element commands', () => {
  for (const [name, attr] of Object.entries(maps)) {
    for (const access of [0, BPF_F_RDONLY, BPF_F_WRONLY]) {
      compare(`${name}, access ${access}`, () => {
        const pair = systems.maps({ ...attr, map_flags: (attr.map_flags ?? 0) | access });
        // Later versions want a readable fd, too, for what reads and deletes.
        const all = attr.key_size === undefined && access !== BPF_F_WRONLY ? [...calls, ...queueCalls] : calls;
        for (const [cmd, call] of all) {
          const [theirs, ours] = pair.map((map) => run(map.sys, cmd, { map_fd: map.fd, ...call }));
          expect(ours, `command ${cmd} ${shown(call)}`).toBe(theirs);
        }
        const [frozen, alsoFrozen] = pair.map((map) => run(map.sys, BPF_MAP_FREEZE, { map_fd: map.fd }));
        // Later versions refuse to freeze what is not writable through the fd.
        if (access !== BPF_F_RDONLY) expect(alsoFrozen).toBe(frozen);
        for (const [cmd, call] of all.filter((_, i) => i % 5 === 0)) {
          const [theirs, ours] = pair.map((map) => run(map.sys, cmd, { map_fd: map.fd, ...call }));
          if (access !== BPF_F_RDONLY) expect(ours, `frozen: command ${cmd} ${shown(call)}`).toBe(theirs);
        }
      });
    }
  }
});

describe('batch commands', () => {
  const keys = u32s(1, 2, 3, 4, 5);
  const values = new Uint8Array(5 * 8 * 64);
  const batches: readonly (readonly [BpfCmd, Omit<BatchAttr, 'map_fd'>])[] = [
    [BPF_MAP_UPDATE_BATCH, { keys, values, count: 5 }],
    [BPF_MAP_UPDATE_BATCH, { keys: keys.slice(0, 6), values, count: 5 }],
    [BPF_MAP_UPDATE_BATCH, { values, count: 2 }],
    [BPF_MAP_UPDATE_BATCH, { keys, count: 2 }],
    [BPF_MAP_UPDATE_BATCH, { keys, values }],
    [BPF_MAP_LOOKUP_BATCH, { keys, values, count: 5 }],
    [BPF_MAP_LOOKUP_BATCH, { keys, values, count: 5, out_batch: new Uint8Array(4) }],
    [BPF_MAP_LOOKUP_BATCH, { keys, values, count: 5, out_batch: new Uint8Array(2) }],
    [BPF_MAP_LOOKUP_BATCH, { keys, values, count: 5, in_batch: new Uint8Array(2), out_batch: new Uint8Array(4) }],
    [BPF_MAP_LOOKUP_BATCH, { values, count: 5, out_batch: new Uint8Array(4) }],
    [BPF_MAP_LOOKUP_BATCH, { keys, count: 5, out_batch: new Uint8Array(4) }],
    [BPF_MAP_DELETE_BATCH, { keys: u32s(2, 77, 3), count: 3 }],
    [BPF_MAP_DELETE_BATCH, { count: 3 }],
    [BPF_MAP_DELETE_BATCH, { keys, count: 1, elem_flags: 1n }],
    [BPF_MAP_LOOKUP_AND_DELETE_BATCH, { keys, values, count: 5, out_batch: new Uint8Array(4) }],
    [BPF_MAP_LOOKUP_AND_DELETE_BATCH, { keys, values, count: 5, out_batch: new Uint8Array(4) }],
  ];
  for (const name of ['hash', 'hashOnDemand', 'array', 'percpuHash', 'progArray', 'queue']) {
    for (const access of [0, BPF_F_RDONLY, BPF_F_WRONLY]) {
      compare(`${name}, access ${access}`, () => {
        const attr = maps[name] ?? { map_type: 0 };
        const pair = systems.maps({ ...attr, map_flags: (attr.map_flags ?? 0) | access });
        for (const [cmd, call] of batches) {
          const [theirs, ours] = pair.map((map: TestMap) => {
            const given = { map_fd: map.fd, ...call };
            const batch: BatchAttr = Object.fromEntries(
              Object.entries(given).map(([k, v]) => [k, v instanceof Uint8Array ? v.slice() : v]),
            ) as unknown as BatchAttr;
            const ret = (map.sys.bpf as (cmd: BpfCmd, attr: object) => number)(cmd, batch);
            return `${named(ret)} count ${batch.count ?? 0}`;
          });
          expect(ours, `command ${cmd} ${shown(call)}`).toBe(theirs);
        }
      });
    }
  }
});
