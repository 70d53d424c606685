// SPDX-License-Identifier: MIT
// Sockets of tasks where bpf(2) takes sockets: storage by fd, socket maps by fd and by program, on both engines.
import { assembleSource, encodeInsns } from '@tsbpf/insn';
import type { SimSocket } from '@tsbpf/cgroup';
import {
  BPF_BTF_LOAD,
  BPF_CGROUP_SOCK_OPS,
  BPF_MAP_CREATE,
  BPF_MAP_DELETE_ELEM,
  BPF_MAP_LOOKUP_ELEM,
  BPF_MAP_TYPE_SK_STORAGE,
  BPF_MAP_TYPE_SOCKMAP,
  BPF_MAP_UPDATE_ELEM,
  BPF_PROG_ATTACH,
  BPF_PROG_LOAD,
  BPF_PROG_TYPE_SOCK_OPS,
  createKernel,
  EBADF,
  EINVAL,
  ENOENT,
  ENOTSOCK,
  EOPNOTSUPP,
  type EngineName,
} from 'tsbpf';
import { describe, expect, test } from 'vitest';

const [INET, STREAM, CLONE] = [2, 1, 0x201];
const WHERE = { ip: '127.0.0.1', port: 80 };
const u32 = (...values: number[]): Uint8Array => new Uint8Array(new Uint32Array(values).buffer);

/** BTF with one type, a 32-bit int: what a map of storage must have for key and value. */
function intBtf(): Uint8Array {
  const strings = new TextEncoder().encode('\0int\0');
  const types = u32(1, 1 << 24, 4, (1 << 24) | 32);
  return Uint8Array.from([
    ...Uint8Array.of(0x9f, 0xeb, 1, 0),
    ...u32(24, 0, types.length, types.length, strings.length),
    ...types,
    ...strings,
  ]);
}

function world(engine: EngineName) {
  const kernel = createKernel(engine === 'interpreter' ? { engine, checked: true } : { engine });
  kernel.cgroups.create('/web');
  const task = kernel.cgroups.spawn({ cgroup: '/web' });
  const open = (): SimSocket => {
    const socket = task.socket({ family: INET, type: STREAM });
    if (typeof socket === 'number') throw new TypeError(`no socket: ${socket}`);
    return socket;
  };
  const listener = open();
  listener.bind(WHERE);
  listener.listen();
  const connect = () => {
    const near = open();
    near.connect(WHERE);
    return { near, far: listener.accept() as SimSocket };
  };
  const storage = (map_flags: number): number => {
    const btf_fd = kernel.bpf(BPF_BTF_LOAD, { btf: intBtf() });
    const shape = { map_type: BPF_MAP_TYPE_SK_STORAGE, key_size: 4, value_size: 4, max_entries: 0 };
    return kernel.bpf(BPF_MAP_CREATE, { ...shape, map_flags, btf_fd, btf_key_type_id: 1, btf_value_type_id: 1 });
  };
  const put = (map_fd: number, key: number, value: number): number =>
    kernel.bpf(BPF_MAP_UPDATE_ELEM, { map_fd, key: u32(key), value: u32(value) });
  const get = (map_fd: number, key: number): number => {
    const value = new Uint8Array(4);
    const err = kernel.bpf(BPF_MAP_LOOKUP_ELEM, { map_fd, key: u32(key), value });
    return err < 0 ? err : new DataView(value.buffer).getUint32(0, true);
  };
  const attach = (source: string, maps: Record<string, number>): void => {
    const insns = encodeInsns(assembleSource(source, { maps }).insns);
    const attach_bpf_fd = kernel.bpf(BPF_PROG_LOAD, { prog_type: BPF_PROG_TYPE_SOCK_OPS, insns, license: 'GPL' });
    expect(attach_bpf_fd).toBeGreaterThan(0);
    const target_fd = kernel.open('/sys/fs/cgroup/web', 0);
    expect(kernel.bpf(BPF_PROG_ATTACH, { target_fd, attach_bpf_fd, attach_type: BPF_CGROUP_SOCK_OPS })).toBe(0);
  };
  return { kernel, open, listener, connect, storage, put, get, attach };
}

describe.each(['interpreter', 'jit'] as const)('on %s', (engine) => {
  test('storage is found by a socket’s fd, inherited where a map says so, and gone with the socket', () => {
    const { kernel, listener, connect, storage, put, get } = world(engine);
    const [cloned, own] = [storage(CLONE), storage(1)];
    for (const map of [cloned, own]) expect(put(map, listener.fd(), 42)).toBe(0);
    expect([get(cloned, listener.fd()), get(cloned, 999), get(cloned, cloned)]).toEqual([42, -EBADF, -ENOTSOCK]);
    const { near, far } = connect();
    expect([get(cloned, far.fd()), get(own, far.fd()), get(cloned, near.fd())]).toEqual([42, -ENOENT, -ENOENT]);
    expect(put(cloned, far.fd(), 7)).toBe(0);
    expect([get(cloned, far.fd()), get(cloned, listener.fd())], 'a copy').toEqual([7, 42]);
    const fd = far.fd();
    far.close();
    expect(get(cloned, fd)).toBe(-EBADF);
    expect(kernel.bpf(BPF_MAP_DELETE_ELEM, { map_fd: cloned, key: u32(listener.fd()) })).toBe(0);
  });

  test('a socket map takes connected sockets by fd, and forgets those that close', () => {
    const { kernel, open, listener, connect, put } = world(engine);
    const map = kernel.bpf(BPF_MAP_CREATE, {
      map_type: BPF_MAP_TYPE_SOCKMAP,
      key_size: 4,
      value_size: 4,
      max_entries: 4,
    });
    const { near } = connect();
    expect([put(map, 0, near.fd()), put(map, 1, open().fd()), put(map, 1, listener.fd())]).toEqual([
      0,
      -EOPNOTSUPP,
      -EOPNOTSUPP,
    ]);
    const remove = (key: number): number => kernel.bpf(BPF_MAP_DELETE_ELEM, { map_fd: map, key: u32(key) });
    near.close();
    expect(remove(0), 'it has left').toBe(-EINVAL);
  });

  test('a sock_ops program stores with its socket, and puts it into a map', () => {
    const { kernel, connect, storage, get, attach } = world(engine);
    const map = kernel.bpf(BPF_MAP_CREATE, {
      map_type: BPF_MAP_TYPE_SOCKMAP,
      key_size: 4,
      value_size: 4,
      max_entries: 4,
    });
    const sk = storage(1);
    attach(
      'r6 = r1\nr2 = *(u32 *)(r1 + 0)\nif r2 != 4 goto out\n' +
        'r2 = 0\n*(u32 *)(r10 - 4) = r2\nr2 = m ll\nr3 = r10\nr3 += -4\nr4 = 0\ncall 53\nr7 = r0\n' +
        'r2 = *(u64 *)(r6 + 184)\nif r2 == 0 goto out\nr1 = s ll\nr3 = 0\nr4 = 1\ncall 107\nif r0 == 0 goto out\n' +
        'r7 += 5\n*(u32 *)(r0 + 0) = r7\nout:\nr0 = 1\nexit\n',
      { m: map, s: sk },
    );
    const { near, far } = connect();
    expect([get(sk, near.fd()), get(sk, far.fd())]).toEqual([5, -ENOENT]);
    expect(kernel.bpf(BPF_MAP_DELETE_ELEM, { map_fd: map, key: u32(0) }), 'it was put there').toBe(0);
  });
});
