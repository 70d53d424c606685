// SPDX-License-Identifier: MIT
// Storage maps and cgroup arrays, by system call and by helper.
import {
  BPF_CGROUP_DEVICE,
  BPF_EXIST,
  BPF_F_ALLOW_MULTI,
  BPF_MAP_CREATE,
  BPF_MAP_DELETE_ELEM,
  BPF_MAP_GET_NEXT_KEY,
  BPF_MAP_LOOKUP_ELEM,
  BPF_MAP_TYPE_CGROUP_ARRAY,
  BPF_MAP_TYPE_CGROUP_STORAGE,
  BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE,
  BPF_MAP_UPDATE_ELEM,
  BPF_NOEXIST,
  E2BIG,
  EAGAIN,
  EBADF,
  EINVAL,
  ENOENT,
  ENOTSUPP,
} from '@tsbpf/uapi';
import type { BpfMap, BpfProg, MapFile } from '@tsbpf/core';
import { callHelper, createTestSys, signed } from '@tsbpf/testkit';
import { describe, expect, test } from 'vitest';
import { attachProg } from '../attach/attach.ts';
import { detachProg } from '../attach/detach.ts';
import { cgroupsOf } from '../cgroups.ts';
import { cgroupRegistries } from '../registries.ts';

const CPUS = 2;

function world() {
  const rows = cgroupRegistries();
  const sys = createTestSys({ rows, env: { cpus: CPUS } });
  const kernel = sys.state;
  const cgroups = cgroupsOf(kernel);
  kernel.cgroups = cgroups;
  const create = (map_type: number, more: { key_size?: number; value_size?: number; max_entries?: number } = {}) =>
    sys.bpf(BPF_MAP_CREATE, { map_type, key_size: 16, value_size: 8, max_entries: 0, ...more });
  const mapOf = (fd: number): BpfMap => (kernel.fds.file(fd) as MapFile).map;
  const key = (id: bigint, attachType: number): Uint8Array => {
    const out = new Uint8Array(16);
    new DataView(out.buffer).setBigUint64(0, id, true);
    new DataView(out.buffer).setUint32(8, attachType, true);
    return out;
  };
  /** A program that does something with its storage when it runs. */
  const makeProg = (
    maps: [BpfMap | undefined, BpfMap | undefined],
    run: (prog: BpfProg) => void = () => {},
  ): BpfProg => {
    const prog = {
      kind: 'prog',
      id: 7,
      name: 'p',
      refs: 1,
      verified: { cgroupStorage: maps, cbAccess: false },
      get: () => void prog.refs++,
      put: () => void prog.refs--,
      loaded: {
        run: () => {
          run(prog as unknown as BpfProg);
          return 1;
        },
      },
    };
    return prog as unknown as BpfProg;
  };
  return { rows, sys, kernel, cgroups, create, mapOf, key, makeProg };
}

const value = (n: bigint): Uint8Array => new Uint8Array(new BigUint64Array([n]).buffer);

describe('creating', () => {
  test.each([
    ['a key of 8 bytes', { key_size: 8 }, -EINVAL],
    ['no value', { value_size: 0 }, -EINVAL],
    ['a value of more than a page', { value_size: 4097 }, -E2BIG],
    ['a size', { max_entries: 1 }, -EINVAL],
  ])('storage with %s', (_, attr, expected) => {
    const { create } = world();
    for (const type of [BPF_MAP_TYPE_CGROUP_STORAGE, BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE]) {
      expect(create(type, attr)).toBe(expected);
      expect(create(type)).toBeGreaterThan(0);
    }
  });
});

describe('shared storage', () => {
  test('exists where the program is attached, newest first, and goes with the attachment', () => {
    const { sys, cgroups, create, mapOf, key, makeProg } = world();
    const fd = create(BPF_MAP_TYPE_CGROUP_STORAGE);
    const [a, b] = [cgroups.create('/a'), cgroups.create('/b')];
    const prog = makeProg([mapOf(fd), undefined]);
    const request = { prog, attachType: BPF_CGROUP_DEVICE, flags: 0 };
    const pagesBefore = mapOf(fd).pages;
    expect(attachProg(a, { ...request, seq: cgroups.nextSeq() })).toBe(0);
    expect(attachProg(b, { ...request, seq: cgroups.nextSeq() })).toBe(0);
    expect(mapOf(fd).pages - pagesBefore).toBe(2);

    const next = new Uint8Array(16);
    expect(sys.bpf(BPF_MAP_GET_NEXT_KEY, { map_fd: fd, next_key: next })).toBe(0);
    expect(next).toEqual(key(b.id, BPF_CGROUP_DEVICE));
    expect(sys.bpf(BPF_MAP_GET_NEXT_KEY, { map_fd: fd, key: next, next_key: next })).toBe(0);
    expect(next).toEqual(key(a.id, BPF_CGROUP_DEVICE));
    expect(sys.bpf(BPF_MAP_GET_NEXT_KEY, { map_fd: fd, key: next, next_key: next })).toBe(-ENOENT);

    const at = { map_fd: fd, key: key(a.id, BPF_CGROUP_DEVICE) };
    const set = (flags: number): number =>
      sys.bpf(BPF_MAP_UPDATE_ELEM, { ...at, value: value(5n), flags: BigInt(flags) });
    expect(set(BPF_NOEXIST)).toBe(-EINVAL);
    expect(set(BPF_EXIST)).toBe(0);
    const got = new Uint8Array(8);
    expect(sys.bpf(BPF_MAP_LOOKUP_ELEM, { ...at, value: got })).toBe(0);
    expect(got).toEqual(value(5n));
    expect(sys.bpf(BPF_MAP_DELETE_ELEM, at)).toBe(-EINVAL);

    expect(attachProg(a, { ...request, seq: cgroups.nextSeq() }), 'replaced by itself: storage is fresh').toBe(0);
    sys.bpf(BPF_MAP_LOOKUP_ELEM, { ...at, value: got });
    expect(got).toEqual(value(0n));
    expect(detachProg(a, BPF_CGROUP_DEVICE, undefined)).toBe(0);
    expect(sys.bpf(BPF_MAP_LOOKUP_ELEM, { ...at, value: got })).toBe(-ENOENT);
    cgroups.remove('/b');
    expect(sys.bpf(BPF_MAP_GET_NEXT_KEY, { map_fd: fd, next_key: next })).toBe(-ENOENT);
    expect(mapOf(fd).pages).toBe(pagesBefore);
  });

  test('each attachment runs with its own', () => {
    const { rows, kernel, cgroups, create, mapOf, key, makeProg, sys } = world();
    const fd = create(BPF_MAP_TYPE_CGROUP_STORAGE);
    const percpu = create(BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE);
    const prog = makeProg([mapOf(fd), mapOf(percpu)], (self) => {
      for (const map of [fd, percpu]) {
        const pick = { rows: rows.helpers, variant: 'bpf_get_local_storage' };
        const addr = callHelper(kernel, pick, { args: [mapOf(map).off, 0], prog: self });
        const off = kernel.mem.toOff(addr);
        kernel.mem.write64(off, kernel.mem.read64(off) + 1n);
      }
    });
    const outer = cgroups.create('/a');
    const inner = cgroups.create('/a/b');
    for (const cgroup of [outer, inner]) {
      const flags = BPF_F_ALLOW_MULTI;
      attachProg(cgroup, { prog, attachType: BPF_CGROUP_DEVICE, flags, seq: cgroups.nextSeq() });
    }
    cgroups.run(inner.id, BPF_CGROUP_DEVICE, 0);
    kernel.env.cpu = 1;
    cgroups.run(inner.id, BPF_CGROUP_DEVICE, 0);
    cgroups.run(outer.id, BPF_CGROUP_DEVICE, 0);
    const read = (map: number, id: bigint, bytes: number): bigint[] => {
      const out = new Uint8Array(bytes);
      sys.bpf(BPF_MAP_LOOKUP_ELEM, { map_fd: map, key: key(id, BPF_CGROUP_DEVICE), value: out });
      return [...new BigUint64Array(out.buffer)];
    };
    expect([read(fd, inner.id, 8), read(fd, outer.id, 8)]).toEqual([[2n], [3n]]);
    expect([read(percpu, inner.id, 8 * CPUS), read(percpu, outer.id, 8 * CPUS)]).toEqual([
      [1n, 1n],
      [1n, 2n],
    ]);
  });
});

describe('cgroup arrays', () => {
  test('take cgroups by fd, keep them, and tell who is under them', () => {
    const { rows, sys, kernel, cgroups, create, mapOf } = world();
    const fd = create(BPF_MAP_TYPE_CGROUP_ARRAY, { key_size: 4, value_size: 4, max_entries: 2 });
    const inner = cgroups.create('/a').path === '/a' ? cgroups.create('/a/b') : cgroups.root;
    const u32 = (n: number): Uint8Array => new Uint8Array(new Uint32Array([n]).buffer);
    const set = (index: number, target: number, flags = 0): number =>
      sys.bpf(BPF_MAP_UPDATE_ELEM, { map_fd: fd, key: u32(index), value: u32(target), flags: BigInt(flags) });
    const dir = sys.open('/sys/fs/cgroup/a', 0);
    expect(set(0, dir, BPF_EXIST)).toBe(-EINVAL);
    expect(set(2, dir)).toBe(-E2BIG);
    expect(set(0, fd)).toBe(-EBADF);
    expect(set(0, dir)).toBe(0);
    sys.close(dir);
    expect(sys.bpf(BPF_MAP_LOOKUP_ELEM, { map_fd: fd, key: u32(0), value: u32(0) })).toBe(-ENOTSUPP);

    const task = cgroups.spawn({ cgroup: '/a/b' });
    const under = (index: number): number =>
      task.run(() => {
        const pick = { rows: rows.helpers, variant: 'bpf_current_task_under_cgroup' };
        return signed(callHelper(kernel, pick, { args: [mapOf(fd).off, index] }));
      });
    expect([under(0), under(1), under(2)]).toEqual([1, -EAGAIN, -E2BIG]);
    task.moveTo('/');
    expect(under(0)).toBe(0);
    cgroups.remove(inner);
    const outer = cgroups.get('/a');
    cgroups.remove(outer);
    expect(cgroups.byId(outer.id), 'the slot keeps it').toBe(outer);
    expect(sys.bpf(BPF_MAP_DELETE_ELEM, { map_fd: fd, key: u32(0) })).toBe(0);
    expect(cgroups.byId(outer.id)).toBe(undefined);
    expect(sys.bpf(BPF_MAP_DELETE_ELEM, { map_fd: fd, key: u32(0) })).toBe(-ENOENT);
  });
});
