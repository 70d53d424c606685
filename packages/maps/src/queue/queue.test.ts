// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { TestMap, createTestSys, randomSource } from '@tsbpf/testkit';
import { BPF_EXIST, BPF_MAP_TYPE_QUEUE, BPF_MAP_TYPE_STACK, E2BIG, ENOENT } from '@tsbpf/uapi';
import { mapTypes } from '../index.ts';

describe.each([
  ['queue', BPF_MAP_TYPE_QUEUE],
  ['stack', BPF_MAP_TYPE_STACK],
])('%s', (name, map_type) => {
  it('answers as an array does, around the end of its ring', () => {
    const sys = createTestSys({ rows: { mapTypes } });
    const map = new TestMap(sys, { map_type, value_size: 3, max_entries: 4 });
    const model: number[] = [];
    const random = randomSource(8);
    for (let i = 0; i < 2000; i++) {
      const byte = random(256);
      const force = random(4) === 0;
      if (random(2) === 0) {
        const full = model.length === 4;
        const answer = map.update(undefined, Uint8Array.of(byte, 1, 2), force ? BPF_EXIST : 0);
        expect(answer).toBe(full && !force ? -E2BIG : 0);
        if (full && force) model.shift();
        if (answer === 0) model.push(byte);
      } else {
        const peeked = map.lookup(undefined);
        const popped = map.lookupAndDelete(undefined);
        expect(peeked).toEqual(popped);
        const want = name === 'queue' ? model.shift() : model.pop();
        expect(popped).toEqual(want === undefined ? -ENOENT : Uint8Array.of(want, 1, 2));
      }
    }
  });

  it('zeroes the value of a program that reads an empty one', () => {
    const sys = createTestSys({ rows: { mapTypes } });
    const handle = new TestMap(sys, { map_type, value_size: 4, max_entries: 4 });
    const file = sys.state.fds.get(handle.fd, 'map');
    if (typeof file === 'number') throw new TypeError('the map is missing');
    const { map } = file;
    const value = sys.state.mem.alloc(8);
    for (const op of ['pop', 'peek'] as const) {
      sys.state.mem.write64(value, 0x1111111122222222n);
      expect(map.def.ops[op]?.(map, value)).toBe(-ENOENT);
      expect(sys.state.mem.read64(value)).toBe(0x1111111100000000n);
    }
  });
});
