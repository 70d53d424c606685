// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { TestMap, answerText, createTestSys, randomSource, type RandomSource } from '@tsbpf/testkit';
import { BPF_F_NO_PREALLOC, BPF_MAP_TYPE_LPM_TRIE, EINVAL, ENOENT } from '@tsbpf/uapi';
import { mapTypes } from '../index.ts';

const DATA = 3;
const attr = {
  map_type: BPF_MAP_TYPE_LPM_TRIE,
  key_size: 4 + DATA,
  value_size: 2,
  max_entries: 200,
  map_flags: BPF_F_NO_PREALLOC,
};
const keyOf = (prefixLen: number, ...data: number[]): Uint8Array => Uint8Array.of(prefixLen, 0, 0, 0, ...data);
const bitsOf = (key: Uint8Array, length: number): string =>
  Array.from(key.subarray(4), (byte) => byte.toString(2).padStart(8, '0'))
    .join('')
    .slice(0, length);

function randomKey(random: RandomSource, bytes = DATA): Uint8Array {
  const spread = (): number => (random(3) === 0 ? random(256) : random(2) * 128);
  return keyOf(random(bytes * 8 + 1), ...Array.from({ length: bytes }, spread));
}

describe('an LPM trie', () => {
  it.each([1, 3, 4, 7, 8])('of %i bytes answers as a list of prefixes does', (bytes) => {
    const sys = createTestSys({ rows: { mapTypes } });
    const map = new TestMap(sys, { ...attr, key_size: 4 + bytes });
    const model = new Map<string, string>();
    const random = randomSource(42);
    for (let i = 0; i < 8000; i++) {
      const key = randomKey(random, bytes);
      const bits = bitsOf(key, key[0] ?? 0);
      const choice = random(6);
      if (choice < 2 && model.size < 190) {
        const value = Uint8Array.of(random(256), random(256));
        expect(map.update(key, value)).toBe(0);
        model.set(bits, answerText(value));
      } else if (choice < 4) expect(map.delete(key)).toBe(model.delete(bits) ? 0 : -ENOENT);
      else {
        let want = 'ENOENT';
        for (let length = 0; length <= bits.length; length++) want = model.get(bits.slice(0, length)) ?? want;
        expect(answerText(map.lookup(key))).toBe(want);
      }
    }
    map.close();
    expect([...sys.state.mem.regions()].filter(({ kind }) => kind === 'map')).toEqual([]);
  });

  it('visits every prefix once, longer ones before those that contain them', () => {
    // From 5.8 on all are visited, from 6.13 on iteration needs the exact key.
    const map = new TestMap(createTestSys({ rows: { mapTypes }, rulesOf: '6.13' }), attr);
    const random = randomSource(1);
    const model = new Set<string>();
    for (let i = 0; i < 150; i++) {
      const key = randomKey(random);
      expect(map.update(key, Uint8Array.of(1, 2))).toBe(0);
      model.add(bitsOf(key, key[0] ?? 0));
    }
    const visited = map.keys(1000).map((key) => bitsOf(key, key[0] ?? 0));
    expect([...visited].sort()).toEqual([...model].sort());
    visited.forEach((bits, i) => {
      const laterAndLonger = visited.slice(i + 1).some((later) => later.length > bits.length && later.startsWith(bits));
      expect(laterAndLonger, bits).toBe(false);
    });
  });

  it('misses what hangs right of a node without a left child, in v5.6', () => {
    const map = new TestMap(createTestSys({ rows: { mapTypes } }), attr);
    map.update(keyOf(8, 0, 0, 0), Uint8Array.of(1, 1));
    map.update(keyOf(16, 0, 128, 0), Uint8Array.of(2, 2));
    expect(map.keys()).toEqual([keyOf(8, 0, 0, 0)]);
  });

  it('goes on from a prefix of the same length, though its bits differ, in v5.6', () => {
    const map = new TestMap(createTestSys({ rows: { mapTypes } }), attr);
    map.update(keyOf(16, 1, 2, 0), Uint8Array.of(1, 1));
    expect(map.next(keyOf(16, 9, 9, 0))).toBe(-ENOENT);
    expect(map.next(keyOf(15, 1, 2, 0))).toEqual(keyOf(16, 1, 2, 0));
  });

  it('stores the bytes of a key as they are given, beyond the prefix, too', () => {
    const map = new TestMap(createTestSys({ rows: { mapTypes } }), attr);
    map.update(keyOf(8, 1, 255, 255), Uint8Array.of(1, 1));
    expect(map.next(undefined)).toEqual(keyOf(8, 1, 255, 255));
    expect(map.update(keyOf(25, 1, 255, 255), Uint8Array.of(1, 1))).toBe(-EINVAL);
  });

  it('is asked for keys that are not aligned', () => {
    const sys = createTestSys({ rows: { mapTypes } });
    const handle = new TestMap(sys, { ...attr, key_size: 8 });
    handle.update(keyOf(0, 0, 0, 0, 0), Uint8Array.of(1, 0));
    handle.update(keyOf(31, 10, 1, 2, 254), Uint8Array.of(2, 0));
    const file = sys.state.fds.get(handle.fd, 'map');
    if (typeof file === 'number') expect.fail('no map');
    const { map } = file;
    const { mem } = sys.state;
    const at = mem.alloc(16);
    const found = [255, 253].flatMap((last) =>
      [0, 1, 2, 3].map((shift) => {
        mem.writeBytes(at + shift, keyOf(32, 10, 1, 2, last));
        return mem.read8(map.def.ops.lookup?.(map, at + shift) ?? 0);
      }),
    );
    expect(found).toEqual([2, 2, 2, 2, 1, 1, 1, 1]);
  });

  it('of no bits matches everything', () => {
    const map = new TestMap(createTestSys({ rows: { mapTypes } }), attr);
    map.update(keyOf(0, 0, 0, 0), Uint8Array.of(7, 7));
    expect(map.lookup(keyOf(24, 1, 2, 3))).toEqual(Uint8Array.of(7, 7));
    expect(map.delete(keyOf(0, 5, 5, 5))).toBe(0);
  });
});
