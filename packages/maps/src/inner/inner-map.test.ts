// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { TestMap, createTestSys, u32s } from '@tsbpf/testkit';
import {
  BPF_F_NO_PREALLOC,
  BPF_MAP_CREATE,
  BPF_MAP_TYPE_ARRAY,
  BPF_MAP_TYPE_ARRAY_OF_MAPS,
  BPF_MAP_TYPE_HASH,
  BPF_MAP_TYPE_HASH_OF_MAPS,
  BPF_MAP_TYPE_PROG_ARRAY,
  EINVAL,
  errnoName,
  type MapCreateAttr,
} from '@tsbpf/uapi';
import { mapTypes } from '../index.ts';

const INNER: MapCreateAttr = { map_type: BPF_MAP_TYPE_ARRAY, key_size: 4, value_size: 8, max_entries: 3 };
const outerOf = (map_type: number, inner_map_fd: number, map_flags = 0): MapCreateAttr => ({
  map_type,
  key_size: 4,
  value_size: 4,
  max_entries: 2,
  inner_map_fd,
  map_flags,
});
const kinds = [
  ['array_of_maps', BPF_MAP_TYPE_ARRAY_OF_MAPS, 0],
  ['hash_of_maps', BPF_MAP_TYPE_HASH_OF_MAPS, 0],
  ['hash_of_maps without preallocation', BPF_MAP_TYPE_HASH_OF_MAPS, BPF_F_NO_PREALLOC],
] as const;

describe.each(kinds)('%s', (_title, type, flags) => {
  const setUp = () => {
    const sys = createTestSys({ rows: { mapTypes } });
    const template = new TestMap(sys, INNER);
    const outer = new TestMap(sys, outerOf(type, template.fd, flags));
    return { sys, template, outer };
  };

  it('takes only maps like the template, max_entries included', () => {
    const { sys, template, outer } = setUp();
    const variants: readonly (readonly [Partial<MapCreateAttr>, number])[] = [
      [{}, 0],
      [{ max_entries: 4 }, -EINVAL],
      [{ value_size: 4 }, -EINVAL],
      [{ map_flags: 8 }, -EINVAL],
      [{ map_type: BPF_MAP_TYPE_HASH }, -EINVAL],
    ];
    for (const [change, answer] of variants) {
      const inner = new TestMap(sys, { ...INNER, ...change });
      expect(outer.update(u32s(0), u32s(inner.fd)), JSON.stringify(change)).toBe(answer);
    }
    expect(outer.update(u32s(0), u32s(template.fd))).toBe(0);
  });

  it.each([
    ['5.8', BPF_MAP_TYPE_HASH, -EINVAL],
    ['5.9', BPF_MAP_TYPE_HASH, 0],
    ['5.9', BPF_MAP_TYPE_ARRAY, -EINVAL],
  ] as const)('in %s compares max_entries of type %i: %i', (rulesOf, map_type, answer) => {
    const sys = createTestSys({ rows: { mapTypes }, rulesOf });
    const template = new TestMap(sys, { ...INNER, map_type });
    const outer = new TestMap(sys, outerOf(type, template.fd, flags));
    const inner = new TestMap(sys, { ...INNER, map_type, max_entries: 9 });
    expect(outer.update(u32s(0), u32s(inner.fd))).toBe(answer);
  });

  it('leads programs to the inner map, and system calls to its id', () => {
    const { sys, template, outer } = setUp();
    const [outerMap, inner] = [outer.fd, template.fd].map((fd) => {
      const file = sys.state.fds.get(fd, 'map');
      return typeof file === 'number' ? undefined : file.map;
    });
    if (outerMap === undefined || inner === undefined) throw new TypeError('maps are missing');
    const key = sys.state.mem.alloc(4);
    expect(outerMap.def.ops.lookup?.(outerMap, key)).toBe(0);
    outer.update(u32s(0), u32s(template.fd));
    expect(outerMap.def.ops.lookup?.(outerMap, key)).toBe(inner.off);
    expect(outer.lookup(u32s(0))).toEqual(u32s(inner.id));
    expect(outerMap.innerMap).toMatchObject({ type: BPF_MAP_TYPE_ARRAY, maxEntries: 3, id: 0, off: 0 });
  });

  it('keeps inner maps alive, and not as a user does', () => {
    const { sys, outer } = setUp();
    const inner = new TestMap(sys, INNER);
    const file = sys.state.fds.get(inner.fd, 'map');
    if (typeof file === 'number') throw new TypeError('the map is missing');
    const { map } = file;
    outer.update(u32s(1), u32s(inner.fd));
    expect([map.refs, map.userRefs]).toEqual([2, 1]);
    inner.close();
    expect([map.refs, map.userRefs]).toEqual([1, 0]);
    expect(sys.state.maps.get(map.id)).toBe(map);
    outer.delete(u32s(1));
    expect(sys.state.maps.get(map.id)).toBeUndefined();
  });

  it('frees what it holds', () => {
    const { sys, template, outer } = setUp();
    for (const index of [0, 1]) {
      const inner = new TestMap(sys, INNER);
      outer.update(u32s(index), u32s(inner.fd));
      inner.close();
    }
    outer.close();
    template.close();
    expect([...sys.state.mem.regions()].filter(({ kind }) => kind === 'map')).toEqual([]);
  });
});

describe('templates', () => {
  const sys = createTestSys({ rows: { mapTypes } });
  const nested = new TestMap(sys, outerOf(BPF_MAP_TYPE_ARRAY_OF_MAPS, new TestMap(sys, INNER).fd));
  const progArray = new TestMap(sys, { ...INNER, map_type: BPF_MAP_TYPE_PROG_ARRAY, value_size: 4 });
  it.each([
    ['no map', 999, 'EBADF'],
    ['a map of maps', nested.fd, 'EINVAL'],
    ['a prog array', progArray.fd, 'ENOTSUPP'],
  ])('%s: %i', (_title, fd, answer) => {
    for (const type of [BPF_MAP_TYPE_ARRAY_OF_MAPS, BPF_MAP_TYPE_HASH_OF_MAPS]) {
      expect(errnoName(-sys.bpf(BPF_MAP_CREATE, outerOf(type, fd)))).toBe(answer);
    }
  });
});

describe('replacing an inner map', () => {
  it.each([
    ['array_of_maps', BPF_MAP_TYPE_ARRAY_OF_MAPS, 0, 0],
    ['hash_of_maps, which leaks it in v5.6', BPF_MAP_TYPE_HASH_OF_MAPS, 0, 1],
    ['hash_of_maps without preallocation', BPF_MAP_TYPE_HASH_OF_MAPS, BPF_F_NO_PREALLOC, 0],
  ])('%s', (_title, type, flags, left) => {
    const sys = createTestSys({ rows: { mapTypes } });
    const template = new TestMap(sys, INNER);
    const outer = new TestMap(sys, outerOf(type, template.fd, flags));
    const old = new TestMap(sys, INNER);
    const id = sys.state.maps.next(0);
    const before = [...sys.state.maps.values()].length;
    outer.update(u32s(0), u32s(old.fd));
    old.close();
    outer.update(u32s(0), u32s(template.fd));
    expect([...sys.state.maps.values()].length).toBe(before - 1 + left);
    expect(id).toBeDefined();
  });
});
