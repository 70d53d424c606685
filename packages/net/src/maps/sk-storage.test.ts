// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { BTF_INT_SIGNED, createBtfBuilder } from '@tsbpf/btf';
import {
  BPF_BTF_LOAD,
  BPF_F_CLONE,
  BPF_F_LOCK,
  BPF_F_NO_PREALLOC,
  BPF_MAP_CREATE,
  BPF_MAP_DELETE_ELEM,
  BPF_MAP_GET_NEXT_KEY,
  BPF_MAP_LOOKUP_ELEM,
  BPF_MAP_TYPE_SK_STORAGE,
  BPF_MAP_UPDATE_ELEM,
  BPF_PROG_TYPE_SCHED_CLS,
  E2BIG,
  EBADF,
  EEXIST,
  EINVAL,
  ENOENT,
  ENOMEM,
  ENOTSOCK,
  ENOTSUPP,
  EPERM,
  type MapCreateAttr,
} from '@tsbpf/uapi';
import { u32s } from '@tsbpf/testkit';
import { loadAsm, realKernel } from '../../test/real-kernel.ts';
import { readField, writeField } from '../dev/fields.ts';
import { netOf } from '../net-state.ts';
import { cloneSkStorage } from '../sk-storage/sock-life.ts';
import { skStoragesOf } from '../sk-storage/state.ts';
import { findValue, type SkStorageMap } from '../sk-storage/storage.ts';
import { installSocket } from '../sock/socket-file.ts';

/** An int; struct { int counter; struct bpf_spin_lock lock; }; a short; arrays of bytes that large. */
function types(...sizes: number[]): { btf: Uint8Array; int: number; value: number; short: number; arrays: number[] } {
  const btf = createBtfBuilder();
  const int = btf.int('int', 4, { encoding: BTF_INT_SIGNED });
  const lock = btf.struct('bpf_spin_lock', 4, [{ name: 'val', typeId: int, bitOffset: 0 }]);
  const value = btf.struct('value', 8, [
    { name: 'counter', typeId: int, bitOffset: 0 },
    { name: 'lock', typeId: lock, bitOffset: 32 },
  ]);
  const short = btf.int('short', 2);
  const char = btf.int('char', 1);
  const arrays = sizes.map((count) => btf.array(char, int, count));
  return { btf: btf.bytes(), int, value, short, arrays };
}

const world = (...sizes: number[]) => {
  const kernel = realKernel();
  const net = netOf(kernel.state);
  const ids = types(...sizes);
  const btf_fd = kernel.bpf(BPF_BTF_LOAD, { btf: ids.btf });
  const plain: MapCreateAttr = {
    map_type: BPF_MAP_TYPE_SK_STORAGE,
    map_flags: BPF_F_NO_PREALLOC,
    key_size: 4,
    value_size: 4,
    max_entries: 0,
    btf_fd,
    btf_key_type_id: ids.int,
    btf_value_type_id: ids.int,
  };
  const create = (more: Partial<MapCreateAttr> = {}): number => kernel.bpf(BPF_MAP_CREATE, { ...plain, ...more });
  const open = () => {
    const sock = net.addSocket({ protocol: 'tcp', local: { port: 80 } });
    const fd = installSocket(kernel.state, sock, () => net.removeSocket(sock));
    return { sock, fd };
  };
  const update = (map_fd: number, fd: number, words: number[], flags = 0): number =>
    kernel.bpf(BPF_MAP_UPDATE_ELEM, { map_fd, key: u32s(fd), value: u32s(...words), flags: BigInt(flags) });
  const lookup = (map_fd: number, fd: number, words = 1, flags = 0): number[] | number => {
    const value = new Uint8Array(words * 4);
    const err = kernel.bpf(BPF_MAP_LOOKUP_ELEM, { map_fd, key: u32s(fd), value, flags: BigInt(flags) });
    return err < 0 ? err : [...new Uint32Array(value.buffer)];
  };
  const remove = (map_fd: number, fd: number): number => kernel.bpf(BPF_MAP_DELETE_ELEM, { map_fd, key: u32s(fd) });
  const omem = (sk: number): number => readField(kernel.state, sk, 'sock.sk_omem_alloc');
  const mapOf = (fd: number): SkStorageMap => {
    const file = kernel.state.fds.get(fd, 'map');
    if (typeof file === 'number') throw new TypeError('no map');
    return file.map as SkStorageMap;
  };
  return { kernel, net, ids, create, open, update, lookup, remove, omem, mapOf };
};

describe('creation of sk_storage', () => {
  const { kernel, ids, create } = world(65407, 65408);
  const [largest, tooLarge] = ids.arrays;
  it.each<[Partial<MapCreateAttr>, number]>([
    [{ map_flags: 0 }, -EINVAL],
    [{ map_flags: BPF_F_CLONE }, -EINVAL],
    [{ map_flags: BPF_F_NO_PREALLOC | 4 }, -EINVAL],
    [{ max_entries: 1 }, -EINVAL],
    [{ key_size: 8 }, -EINVAL],
    [{ value_size: 0 }, -EINVAL],
    [{ btf_key_type_id: 0 }, -EINVAL],
    [{ btf_key_type_id: 0, btf_value_type_id: 0 }, -EINVAL],
    [{ btf_fd: 999 }, -EBADF],
    [{ btf_key_type_id: ids.short }, -EINVAL],
    [{ btf_value_type_id: ids.short }, -EINVAL],
    [{ btf_key_type_id: ids.value }, -EINVAL],
    [{ value_size: 65408, btf_value_type_id: tooLarge ?? 0 }, -E2BIG],
  ])('%o is %i', (more, errno) => {
    expect(create(more)).toBe(errno);
  });

  it('takes what is right, from those who may', () => {
    expect(create()).toBeGreaterThan(0);
    expect(create({ map_flags: BPF_F_NO_PREALLOC | BPF_F_CLONE })).toBeGreaterThan(0);
    expect(create({ value_size: 65407, btf_value_type_id: largest ?? 0 })).toBeGreaterThan(0);
    kernel.state.env.current = { ...kernel.state.env.current, caps: new Set() };
    expect(create()).toBe(-EPERM);
    expect(create({ max_entries: 1 })).toBe(-EINVAL);
  });
});

describe('values of sockets, by fd', () => {
  it('obey the flags', () => {
    const { create, open, update, lookup, remove, kernel } = world();
    const map = create();
    const { fd } = open();
    expect([update(map, 999, [1]), update(map, map, [1])]).toEqual([-EBADF, -ENOTSOCK]);
    expect([lookup(map, 999), lookup(map, map), lookup(map, fd)]).toEqual([-EBADF, -ENOTSOCK, -ENOENT]);
    expect([remove(map, 999), remove(map, map), remove(map, fd)]).toEqual([-EBADF, -ENOTSOCK, -ENOENT]);
    expect([update(map, fd, [1], 2), update(map, fd, [1], 3), update(map, fd, [1], BPF_F_LOCK)]).toEqual([
      -ENOENT,
      -EINVAL,
      -EINVAL,
    ]);
    expect([update(map, fd, [1], 1), update(map, fd, [2], 1)]).toEqual([0, -EEXIST]);
    expect(lookup(map, fd)).toEqual([1]);
    expect([update(map, fd, [2], 2), update(map, fd, [3])]).toEqual([0, 0]);
    expect(lookup(map, fd)).toEqual([3]);
    expect(kernel.bpf(BPF_MAP_GET_NEXT_KEY, { map_fd: map, next_key: new Uint8Array(4) })).toBe(-ENOTSUPP);
    expect([remove(map, fd), remove(map, fd)]).toEqual([0, -ENOENT]);
  });

  it('are replaced, or changed in place under the lock', () => {
    const { create, open, update, lookup, mapOf, ids } = world();
    const map = create({ value_size: 8, btf_value_type_id: ids.value });
    const { sock, fd } = open();
    const flags = (...all: number[]): number[] => all.map((one) => update(map, fd, [5, 77], one));
    expect(flags(BPF_F_LOCK | 2, BPF_F_LOCK | 1, BPF_F_LOCK | 1)).toEqual([-ENOENT, 0, -EEXIST]);
    const first = findValue(mapOf(map), sock.off);
    expect(update(map, fd, [6, 77], BPF_F_LOCK)).toBe(0);
    expect(findValue(mapOf(map), sock.off)).toBe(first);
    expect(lookup(map, fd, 2)).toEqual([6, 0]);
    expect(lookup(map, fd, 2, BPF_F_LOCK)).toEqual([6, 0]);
    expect(update(map, fd, [7, 77], 2)).toBe(0);
    expect(findValue(mapOf(map), sock.off)).not.toBe(first);
    expect(lookup(map, fd, 2)).toEqual([7, 0]);
  });

  it('go with the socket', () => {
    const { create, open, update, lookup, kernel } = world();
    const maps = [create(), create()];
    const before = kernel.state.mem.liveRegions;
    const { fd } = open();
    for (const map of maps) expect(update(map, fd, [1])).toBe(0);
    expect(kernel.close(fd)).toBe(0);
    expect(kernel.state.mem.liveRegions).toBe(before);
    expect(lookup(maps[0] ?? 0, fd)).toBe(-EBADF);
  });

  it('go with the map, and leave the others', () => {
    const { create, open, update, lookup, omem, kernel } = world();
    const [a, b] = [create(), create()];
    const { sock, fd } = open();
    update(a, fd, [1]);
    update(b, fd, [2]);
    const before = kernel.state.mem.liveRegions;
    expect(kernel.close(a)).toBe(0);
    expect(kernel.state.mem.liveRegions).toBe(before - 2);
    expect(lookup(b, fd)).toEqual([2]);
    kernel.close(b);
    expect([kernel.state.mem.liveRegions, omem(sock.off)]).toEqual([before - 5, 0]);
  });

  it('are found whatever lies in the cache', () => {
    const { create, open, update, lookup, remove, mapOf } = world();
    const maps = Array.from({ length: 40 }, () => create());
    expect(maps.slice(0, 17).map((fd) => mapOf(fd).cacheIndex)).toEqual([
      ...Array.from({ length: 15 }, (_, i) => i + 1),
      0,
      1,
    ]);
    const { fd } = open();
    for (const round of [1, 2]) {
      maps.forEach((map, i) => expect(update(map, fd, [i * round])).toBe(0));
      maps.forEach((map, i) => expect(lookup(map, fd)).toEqual([i * round]));
    }
    maps.forEach((map, i) => i % 3 === 0 && expect(remove(map, fd)).toBe(0));
    maps.forEach((map, i) => expect(lookup(map, fd)).toEqual(i % 3 === 0 ? -ENOENT : [i * 2]));
  });

  it('are charged to the socket', () => {
    const { create, open, update, remove, omem, ids, kernel } = world(10000);
    const small = create();
    const big = create({ value_size: 10000, btf_value_type_id: ids.arrays[0] ?? 0 });
    const other = create({ value_size: 10000, btf_value_type_id: ids.arrays[0] ?? 0 });
    const words = Array.from({ length: 2500 }, () => 1);
    const { sock, fd } = open();
    update(small, fd, [1]);
    expect(omem(sock.off)).toBe(128 + 4 + 168);
    update(small, fd, [2]);
    expect(omem(sock.off)).toBe(128 + 4 + 168);
    expect(update(big, fd, words)).toBe(0);
    expect(omem(sock.off)).toBe(128 + 4 + 168 + 10128);
    expect(update(other, fd, words)).toBe(-ENOMEM);
    remove(small, fd);
    expect(omem(sock.off)).toBe(168 + 10128);
    remove(big, fd);
    expect(omem(sock.off)).toBe(0);
    // The limit itself is too much; the element is affordable, the storage is not.
    skStoragesOf(kernel.state).optmemMax = 132 + 168;
    expect([update(small, fd, [1]), omem(sock.off)]).toEqual([-ENOMEM, 0]);
    skStoragesOf(kernel.state).optmemMax++;
    expect([update(small, fd, [1]), omem(sock.off)]).toEqual([0, 300]);
  });

  it('are copied to accepted sockets where the map says so', () => {
    const { create, open, update, lookup, omem, ids, kernel } = world();
    const locked = { value_size: 8, btf_value_type_id: ids.value };
    const clone = create({ ...locked, map_flags: BPF_F_NO_PREALLOC | BPF_F_CLONE });
    const stays = create();
    const [listener, child, poor] = [open(), open(), open()];
    expect(cloneSkStorage(kernel.state, listener.sock.off, child.sock.off)).toBe(0);
    update(clone, listener.fd, [4, 0]);
    update(stays, listener.fd, [5]);
    expect(cloneSkStorage(kernel.state, listener.sock.off, child.sock.off)).toBe(0);
    expect([lookup(clone, child.fd, 2), lookup(stays, child.fd)]).toEqual([[4, 0], -ENOENT]);
    expect(omem(child.sock.off)).toBe(128 + 8 + 168);
    update(clone, child.fd, [6, 0]);
    expect(lookup(clone, listener.fd, 2)).toEqual([4, 0]);
    skStoragesOf(kernel.state).optmemMax = 200;
    expect(cloneSkStorage(kernel.state, listener.sock.off, poor.sock.off)).toBe(-ENOMEM);
    expect(omem(poor.sock.off)).toBe(0);
  });
});

describe('values of sockets, from programs', () => {
  /** Looks up the listener of port 80 and lets `body` work on r6, the socket; r7 is the verdict. */
  const around = (body: string): string =>
    'r1 = 0\n*(u64 *)(r10 - 16) = r1\n*(u64 *)(r10 - 32) = r1\nr2 = 0x5000\nr2 <<= 16\n*(u32 *)(r10 - 8) = r2\n' +
    'r1 = r8\nr2 = r10\nr2 += -16\nr3 = 12\nr4 = -1\nr5 = 0\ncall 84\nr7 = 99\nif r0 == 0 goto out\nr6 = r0\n' +
    `${body}r1 = r6\ncall 86\nout:\nr0 = r7\nexit\n`;
  const run = (body: string, more: Partial<MapCreateAttr> = {}) => {
    const made = world();
    const map = made.create(more);
    const socket = made.open();
    const eth0 = made.net.createDevice({ name: 'eth0' });
    const prog = loadAsm(made.kernel, BPF_PROG_TYPE_SCHED_CLS, `r8 = r1\n${around(body)}`, { m: map });
    const result = (): number => {
      const attr = { prog_fd: prog, data_in: new Uint8Array(64), retval: 0 };
      expect(made.kernel.bpf(10, attr)).toBe(0);
      return attr.retval;
    };
    return { ...made, ...socket, map, eth0, result };
  };
  const get = (value: string, flags: string): string =>
    `r1 = m ll\nr2 = r6\nr3 = ${value}\n${value === 'r10' ? 'r3 += -24\n' : ''}r4 = ${flags}\ncall 107\n`;

  it('are counted', () => {
    const { result, lookup, update, map, fd } = run(
      `${get('0', '1')}if r0 == 0 goto put\nr7 = *(u32 *)(r0 + 0)\nr7 += 1\n*(u32 *)(r0 + 0) = r7\nput:\n`,
    );
    expect([result(), result(), result()]).toEqual([1, 2, 3]);
    expect(lookup(map, fd)).toEqual([3]);
    update(map, fd, [41]);
    expect(result()).toBe(42);
  });

  it('start as the program says', () => {
    const { result, lookup, map, fd } = run(
      `r1 = 1234\n*(u64 *)(r10 - 24) = r1\n${get('r10', '1')}if r0 == 0 goto put\nr7 = *(u32 *)(r0 + 0)\nput:\n`,
    );
    expect(result()).toBe(1234);
    expect(lookup(map, fd)).toEqual([1234]);
  });

  it('are made only on demand', () => {
    const absent = `${get('0', '0')}r7 = 1\nif r0 == 0 goto put\nr7 = 2\nput:\n`;
    const { result, update, map, fd } = run(absent);
    expect(result()).toBe(1);
    update(map, fd, [5]);
    expect(result()).toBe(2);
    expect(run(absent.replace('r4 = 0', 'r4 = 2')).result()).toBe(1);
    expect(run(absent.replace('r4 = 0', 'r4 = 0x100000001 ll')).result()).toBe(1);
  });

  it('are not made for a socket that goes', () => {
    const { result, kernel, sock, update, map, fd } = run(
      `${get('0', '1')}r7 = 1\nif r0 == 0 goto put\nr7 = 2\nput:\n`,
    );
    expect(result()).toBe(2);
    update(map, fd, [5]);
    writeField(kernel.state, sock.off, 'sock_common.skc_refcnt', 0);
    expect(result()).toBe(2);
    kernel.bpf(BPF_MAP_DELETE_ELEM, { map_fd: map, key: u32s(fd) });
    expect(result()).toBe(1);
  });

  it('can be deleted', () => {
    const { result, update, lookup, map, fd } = run('r1 = m ll\nr2 = r6\ncall 108\nr7 = r0\n');
    expect(result() | 0).toBe(-ENOENT);
    update(map, fd, [5]);
    expect(result()).toBe(0);
    expect(lookup(map, fd)).toBe(-ENOENT);
  });
});
