// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { TestMap, createTestSys, u32s } from '@tsbpf/testkit';
import { BPF_F_NO_COMMON_LRU, BPF_MAP_TYPE_LRU_HASH, InternalError } from '@tsbpf/uapi';
import { HtabMap, mapTypes } from '../index.ts';

function open(max_entries: number, options: { flags?: number; cpus?: number } = {}) {
  const sys = createTestSys({ rows: { mapTypes }, env: { cpus: options.cpus ?? 1 } });
  const attr = { map_type: BPF_MAP_TYPE_LRU_HASH, key_size: 4, value_size: 4, max_entries, map_flags: options.flags };
  const handle = new TestMap(sys, attr);
  const file = sys.state.fds.get(handle.fd, 'map');
  if (typeof file === 'number' || !(file.map instanceof HtabMap)) throw new InternalError('no hash table');
  const { map } = file;
  const keyOff = sys.state.mem.alloc(4);
  return {
    sys,
    put: (from: number, to: number, flags = 0) => {
      for (let i = from; i < to; i++) expect(handle.update(u32s(i), u32s(i), flags)).toBe(0);
    },
    /** A lookup by a program, which counts as a use. */
    use: (key: number) => {
      sys.state.mem.write32(keyOff, key);
      return (map.def.ops.lookup?.(map, keyOff) ?? 0) !== 0;
    },
    /** A lookup by a system call, which does not. */
    look: (key: number) => typeof handle.lookup(u32s(key)) !== 'number',
    keys: () =>
      handle
        .keys()
        .map((key) => new DataView(key.buffer).getUint32(0, true))
        .sort((a, b) => a - b),
    handle,
    map,
  };
}
const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

describe('a common LRU', () => {
  it('evicts the oldest, 128 at a time', () => {
    const lru = open(256);
    lru.put(0, 256);
    expect(lru.keys()).toEqual(range(0, 256));
    lru.put(256, 257);
    // The 257th finds no free element: what 128 of the oldest were becomes free.
    expect(lru.keys()).toEqual(range(128, 257));
    lru.put(257, 384);
    expect(lru.keys()).toEqual(range(128, 384));
  });

  it('spares what programs used, not what system calls looked at', () => {
    const lru = open(256);
    lru.put(0, 256);
    for (const key of range(0, 10)) expect(lru.use(key)).toBe(true);
    for (const key of range(10, 20)) expect(lru.look(key)).toBe(true);
    lru.put(256, 257);
    expect(lru.keys().filter((key) => key < 128)).toEqual(range(0, 10));
  });

  it('evicts all of a map that is no larger than what a CPU takes at once, used or not', () => {
    const lru = open(128);
    lru.put(0, 128);
    for (const key of range(0, 128)) lru.use(key);
    lru.put(500, 501);
    expect(lru.keys()).toEqual([500]);
  });

  it('reuses deleted elements before it evicts', () => {
    const lru = open(200);
    lru.put(0, 128);
    for (const key of range(0, 50)) expect(lru.handle.delete(u32s(key))).toBe(0);
    lru.put(1000, 1050);
    expect(lru.keys()).toEqual([...range(50, 128), ...range(1000, 1050)]);
  });

  it('steals from other CPUs what they keep at hand', () => {
    const lru = open(128, { cpus: 2 });
    lru.put(0, 10);
    lru.sys.state.env.cpu = 1;
    // CPU 0 holds all elements: 118 free ones and 10 pending. CPU 1 takes one of the free ones, and from then on
    // evicts what it inserted itself before it steals again.
    lru.put(100, 101);
    expect(lru.keys()).toEqual([...range(0, 10), 100]);
    lru.put(101, 120);
    expect(lru.keys()).toEqual([...range(0, 10), 119]);
    lru.sys.state.env.cpu = 0;
    lru.put(200, 317);
    expect(lru.keys()).toEqual([...range(0, 10), 119, ...range(200, 317)]);
  });

  it('may evict another element when it replaces one', () => {
    const lru = open(128);
    lru.put(0, 128);
    lru.put(127, 128);
    expect(lru.keys().length).toBeLessThan(128);
    expect(lru.look(127)).toBe(true);
  });
});

describe('LRU lists per CPU', () => {
  it('evict only what their CPU owns', () => {
    const lru = open(20, { flags: BPF_F_NO_COMMON_LRU, cpus: 2 });
    lru.put(0, 10);
    lru.sys.state.env.cpu = 1;
    lru.put(100, 110);
    expect(lru.keys()).toEqual([...range(0, 10), ...range(100, 110)]);
    lru.put(110, 130);
    const keys = lru.keys();
    expect(keys.filter((key) => key < 100)).toEqual(range(0, 10));
    expect(keys).toContain(129);
    expect(keys.length).toBeLessThanOrEqual(20);
  });

  it('free four at a time', () => {
    const lru = open(16, { flags: BPF_F_NO_COMMON_LRU });
    lru.put(0, 17);
    expect(lru.keys()).toEqual(range(4, 17));
    lru.put(17, 20);
    expect(lru.keys()).toEqual(range(4, 20));
  });
});
