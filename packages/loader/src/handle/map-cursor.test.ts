// SPDX-License-Identifier: MIT
import { describe, expect, expectTypeOf, it } from 'vitest';
import { BPF_MAP_TYPE_HASH, UsageError } from '@tsbpf/uapi';
import { FakeSys } from '../../test/fake-sys.ts';
import { fixture } from '../../test/fixture.ts';
import { createMap, openMap } from './create-map.ts';
import { openObject } from './object.ts';

const HASH = { type: BPF_MAP_TYPE_HASH, keySize: 8, valueSize: 4, maxEntries: 10 };

describe('a cursor', () => {
  it('reads keys and values, decoded, as bytes and as numbers', () => {
    const map = createMap<bigint, number>(new FakeSys(), HASH);
    map.set((5n << 32n) | 7n, 0x01020304);
    const at = map.cursor();
    expect(() => at.key).toThrow('call next() first');
    expect(() => at.valueU32()).toThrow(UsageError);
    expect(at.next()).toBe(true);
    expect([at.key, at.value]).toEqual([(5n << 32n) | 7n, 0x01020304]);
    expect([at.keyU32(), at.keyU32(4), at.keyU64(), at.valueU32()]).toEqual([7, 5, (5n << 32n) | 7n, 0x01020304]);
    expect(at.keyBytes).toEqual(Uint8Array.of(7, 0, 0, 0, 5, 0, 0, 0));
    expect(at.valueBytes).toEqual(Uint8Array.of(4, 3, 2, 1));
    expect(() => at.valueU32(1)).toThrow('4 bytes at byte 1 of a value of 4');
    expect(() => at.valueU64()).toThrow('8 bytes at byte 0 of a value of 4');
    expect(() => at.keyU32(-1)).toThrow('at byte -1');
    expect(at.next()).toBe(false);
    expect(() => at.valueBytes).toThrow('call next() first');
  });

  it('walks as bpf(2) does where the system has no walk of its own', () => {
    const sys = new FakeSys();
    const map = createMap<bigint, number>(sys, HASH);
    expect('walkMap' in sys).toBe(false);
    for (const key of [1n, 2n, 3n]) map.set(key, Number(key) * 10);
    expect([...map]).toEqual([...map.entries()]);
    expect([...map.entries()]).toEqual([
      [1n, 10],
      [2n, 20],
      [3n, 30],
    ]);
    expect([...map.keys()]).toEqual([1n, 2n, 3n]);
    expect([...map.values()]).toEqual([10, 20, 30]);
    expect(map.size).toBe(3);
  });
});

describe('types', () => {
  it('say what keys and values are', () => {
    const sys = new FakeSys();
    const obj = openObject(fixture('maps'), { sys }).load();
    const points = obj.map<number, { x: number; y: number; name: string; stamp: bigint }>('points');
    points.set(1, { x: 1, y: 2, name: 'a', stamp: 3n });
    expectTypeOf(points.get(1)).toEqualTypeOf<{ x: number; y: number; name: string; stamp: bigint } | undefined>();
    expectTypeOf([...points]).toEqualTypeOf<[number, { x: number; y: number; name: string; stamp: bigint }][]>();
    expect(points.get(1)?.stamp).toBe(3n);
    for (const [key, { name }] of points) expect([key, name]).toEqual([1, 'a']);
  });
});

describe('maps without an object', () => {
  it('are made, and opened by their fd', () => {
    const sys = new FakeSys();
    const made = createMap<bigint, number>(sys, { ...HASH, name: 'flows' });
    made.set(1n, 2);
    const again = openMap<bigint, number>(sys, made.fd);
    expect([again.type, again.keySize, again.valueSize]).toEqual([1, 8, 4]);
    expect(again.get(1n)).toBe(2);
    expect(() => openMap(sys, 999)).toThrow('fd 999');
  });
});
