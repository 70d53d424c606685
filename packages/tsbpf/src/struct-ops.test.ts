// SPDX-License-Identifier: MIT
// A congestion control as system calls register it: states, errno, values. @see kernel/bpf/bpf_struct_ops.c
import { beforeEach, describe, expect, it } from 'vitest';
import {
  BPF_BTF_LOAD,
  BPF_MAP_CREATE,
  BPF_MAP_DELETE_ELEM,
  BPF_MAP_FREEZE,
  BPF_MAP_GET_NEXT_KEY,
  BPF_MAP_LOOKUP_ELEM,
  BPF_MAP_TYPE_ARRAY_OF_MAPS,
  BPF_MAP_TYPE_STRUCT_OPS,
  BPF_MAP_UPDATE_ELEM,
  BPF_OBJ_GET_INFO_BY_FD,
  BPF_PROG_LOAD,
  BPF_PROG_TYPE_SOCKET_FILTER,
  BPF_PROG_TYPE_STRUCT_OPS,
  assembleSource,
  createKernel,
  encodeInsns,
  errnoName,
  type MapCreateAttr,
  type SimulatedKernel,
} from './index.ts';

const VALUE = 'bpf_struct_ops_tcp_congestion_ops';
const TABLE = 'tcp_congestion_ops';
const MEMBERS = ['ssthresh', 'cong_avoid', 'undo_cwnd'];

let kernel: SimulatedKernel;
const answer = (err: number): string | number => (err < 0 ? errnoName(-err) : err);

beforeEach(() => {
  kernel = createKernel();
});

const btfOf = () => kernel.state.types.btf;
const memberIndex = (name: string): number => {
  const names = btfOf().members(kernel.state.types.structId(TABLE) ?? 0);
  return names.findIndex((member) => member.name === name);
};
/** Offset of a table's member in the value. */
const at = (member: string): number =>
  kernel.state.types.resolve(`${VALUE}.data`).off + kernel.state.types.resolve(`${TABLE}.${member}`).off;

/** BTF that holds nothing: user space's own. */
function userBtf(): number {
  const btf = new Uint8Array(24 + 16 + 5);
  const view = new DataView(btf.buffer);
  view.setUint16(0, 0xeb9f, true);
  btf[2] = 1;
  for (const [i, word] of [24, 0, 16, 16, 5].entries()) view.setUint32(4 + 4 * i, word, true);
  // INT "int"
  view.setUint32(24, 1, true);
  view.setUint32(28, 0x01000000, true);
  view.setUint32(32, 4, true);
  view.setUint32(36, 0x01000020, true);
  btf.set(new TextEncoder().encode('\0int\0'), 40);
  return kernel.bpf(BPF_BTF_LOAD, { btf });
}

const createAttr = (): MapCreateAttr => ({
  map_type: BPF_MAP_TYPE_STRUCT_OPS,
  key_size: 4,
  value_size: kernel.state.types.sizeOf(VALUE),
  max_entries: 1,
  map_name: 'mine',
  btf_fd: userBtf(),
  btf_vmlinux_value_type_id: kernel.state.types.structId(VALUE),
});
const create = (over: Partial<MapCreateAttr> = {}): number => kernel.bpf(BPF_MAP_CREATE, { ...createAttr(), ...over });

function loadMember(name: string, over: { structName?: string; index?: number; type?: number } = {}): number {
  const { structName = TABLE, index = memberIndex(name), type = BPF_PROG_TYPE_STRUCT_OPS } = over;
  const structOps = type === BPF_PROG_TYPE_STRUCT_OPS;
  return kernel.bpf(BPF_PROG_LOAD, {
    prog_type: type,
    insns: encodeInsns(assembleSource('r0 = 7\nexit\n').insns),
    license: 'MIT',
    ...(structOps ? { attach_btf_id: kernel.state.types.structId(structName), expected_attach_type: index } : {}),
  });
}

/** A value as user space fills it: programs for the members named, and a name. */
function valueOf(progs: Readonly<Record<string, number>>, name = 'mine'): Uint8Array {
  const value = new Uint8Array(kernel.state.types.sizeOf(VALUE));
  const view = new DataView(value.buffer);
  for (const [member, fd] of Object.entries(progs)) view.setBigUint64(at(member), BigInt(fd), true);
  value.set(new TextEncoder().encode(name).subarray(0, 16), at('name'));
  return value;
}
const mandatory = (): Record<string, number> => Object.fromEntries(MEMBERS.map((name) => [name, loadMember(name)]));
const KEY = new Uint8Array(4);
const update = (fd: number, value: Uint8Array, flags = 0n, key = KEY): number =>
  kernel.bpf(BPF_MAP_UPDATE_ELEM, { map_fd: fd, key, value, flags });
const remove = (fd: number): number => kernel.bpf(BPF_MAP_DELETE_ELEM, { map_fd: fd, key: KEY });
function read(fd: number): DataView {
  const value = new Uint8Array(kernel.state.types.sizeOf(VALUE));
  expect(kernel.bpf(BPF_MAP_LOOKUP_ELEM, { map_fd: fd, key: KEY, value })).toBe(0);
  return new DataView(value.buffer);
}
const stateOf = (fd: number) => ({ refcnt: read(fd).getUint32(0, true), state: read(fd).getUint32(4, true) });
const progId = (fd: number): bigint => {
  const info = {};
  kernel.bpf(BPF_OBJ_GET_INFO_BY_FD, { bpf_fd: fd, info });
  return BigInt((info as { id: number }).id);
};

describe('creation', () => {
  it('answers an fd, and says which type of the kernel its value is', () => {
    const fd = create();
    expect(fd).toBeGreaterThan(0);
    const info: Record<string, unknown> = {};
    kernel.bpf(BPF_OBJ_GET_INFO_BY_FD, { bpf_fd: fd, info });
    expect(info).toMatchObject({ type: 26, name: 'mine', value_size: 256, max_entries: 1, btf_value_type_id: 0 });
    expect(info.btf_vmlinux_value_type_id).toBe(kernel.state.types.structId(VALUE));
  });

  it.each<[string, Partial<MapCreateAttr>, string]>([
    ['a key of another size', { key_size: 8 }, 'EINVAL'],
    ['more entries', { max_entries: 2 }, 'EINVAL'],
    ['flags', { map_flags: 1 }, 'EINVAL'],
    ['no type of the kernel', { btf_vmlinux_value_type_id: 0 }, 'EINVAL'],
    ['a type of user space, too', { btf_value_type_id: 1 }, 'EINVAL'],
    ['another type of the kernel', { btf_vmlinux_value_type_id: 1 }, 'ENOTSUPP'],
    ['a type that does not exist', { btf_vmlinux_value_type_id: 0xfffff }, 'ENOTSUPP'],
    ['a value of another size', { value_size: 255 }, 'EINVAL'],
    ['a name with a blank', { map_name: 'a b' }, 'EINVAL'],
    ['no BTF of user space', { btf_fd: 999 }, 'EBADF'],
  ])('%s', (_what, over, errno) => {
    expect(answer(create(over))).toBe(errno);
  });

  it('the table itself is no value', () => {
    expect(answer(create({ btf_vmlinux_value_type_id: kernel.state.types.structId(TABLE) }))).toBe('ENOTSUPP');
  });

  it('without CAP_SYS_ADMIN', () => {
    const attr = createAttr();
    kernel.state.env.current = { ...kernel.state.env.current, caps: new Set() };
    expect(answer(kernel.bpf(BPF_MAP_CREATE, attr))).toBe('EPERM');
    expect(answer(kernel.bpf(BPF_MAP_CREATE, { ...attr, value_size: 1 }))).toBe('EPERM');
    expect(answer(kernel.bpf(BPF_MAP_CREATE, { ...attr, key_size: 1 }))).toBe('EINVAL');
  });

  it('other types of map take no type of the kernel', () => {
    expect(answer(create({ map_type: 2, value_size: 4 }))).toBe('EINVAL');
  });

  it('is neither frozen nor an inner map', () => {
    const fd = create();
    expect(answer(kernel.bpf(BPF_MAP_FREEZE, { map_fd: fd }))).toBe('ENOTSUPP');
    const outer = {
      map_type: BPF_MAP_TYPE_ARRAY_OF_MAPS,
      key_size: 4,
      value_size: 4,
      max_entries: 1,
      inner_map_fd: fd,
    };
    expect(answer(kernel.bpf(BPF_MAP_CREATE, outer))).toBe('ENOTSUPP');
  });
});

describe('life', () => {
  it('is read as zeroes before it is registered', () => {
    expect(new Uint8Array(read(create()).buffer).every((byte) => byte === 0)).toBe(true);
  });

  it('registers, is read with program ids, unregisters, and is of no more use', () => {
    const fd = create();
    const progs = mandatory();
    expect(answer(remove(fd))).toBe('ENOENT');
    expect(update(fd, valueOf(progs))).toBe(0);
    expect(kernel.tcp.congestion.names).toEqual(['cubic', 'reno', 'mine']);
    expect(stateOf(fd)).toEqual({ refcnt: 1, state: 1 });
    for (const name of MEMBERS) expect(read(fd).getBigUint64(at(name), true)).toBe(progId(progs[name]));
    expect(read(fd).getBigUint64(at('init'), true)).toBe(0n);
    expect(answer(update(fd, valueOf(progs)))).toBe('EBUSY');

    expect(remove(fd)).toBe(0);
    expect(kernel.tcp.congestion.names).toEqual(['cubic', 'reno']);
    expect(stateOf(fd)).toEqual({ refcnt: 0, state: 2 });
    expect(read(fd).getBigUint64(at('ssthresh'), true)).toBe(progId(progs.ssthresh));
    expect(answer(remove(fd))).toBe('EINPROGRESS');
    expect(answer(update(fd, valueOf(progs)))).toBe('EBUSY');

    const again = create();
    expect(update(again, valueOf(progs))).toBe(0);
    expect(stateOf(again)).toEqual({ refcnt: 1, state: 1 });
  });

  it('stays registered when its fd is closed, and goes when it is unregistered by another', () => {
    const fd = create();
    const progs = mandatory();
    update(fd, valueOf(progs));
    const [map] = [...kernel.state.maps.values()];
    kernel.close(fd);
    for (const prog of Object.values(progs)) kernel.close(prog);
    expect(kernel.tcp.congestion.names).toContain('mine');
    expect([...kernel.state.progs.values()]).toHaveLength(3);
    const id = map.id;
    const reopened = kernel.bpf(14, { map_id: id });
    expect(remove(reopened)).toBe(0);
    kernel.close(reopened);
    expect([...kernel.state.maps.values()]).toEqual([]);
    expect([...kernel.state.progs.values()]).toEqual([]);
  });

  it('has the one key 0', () => {
    const fd = create();
    const next = new Uint8Array([9, 9, 9, 9]);
    const value = new Uint8Array(256);
    expect(kernel.bpf(BPF_MAP_GET_NEXT_KEY, { map_fd: fd, next_key: next })).toBe(0);
    expect(next).toEqual(KEY);
    expect(answer(kernel.bpf(BPF_MAP_GET_NEXT_KEY, { map_fd: fd, key: KEY, next_key: next }))).toBe('ENOENT');
    expect(kernel.bpf(BPF_MAP_GET_NEXT_KEY, { map_fd: fd, key: new Uint8Array([1, 0, 0, 0]), next_key: next })).toBe(0);
    const other = new Uint8Array([1, 0, 0, 0]);
    expect(answer(kernel.bpf(BPF_MAP_LOOKUP_ELEM, { map_fd: fd, key: other, value }))).toBe('ENOENT');
    expect(answer(update(fd, value, 0n, other))).toBe('E2BIG');
  });

  it('is held by the sockets that use it', () => {
    const fd = create();
    update(fd, valueOf(mandatory()));
    const sim = kernel.tcp.simulate({ links: [{ rateBps: 10e6, delayNs: 1e6 }] });
    sim.addFlow({ cc: 'mine', bytes: 100_000 });
    sim.addFlow({ cc: 'mine' });
    sim.runUntil(5e6);
    expect(stateOf(fd)).toEqual({ refcnt: 5, state: 1 });
    expect(remove(fd)).toBe(0);
    expect(stateOf(fd)).toEqual({ refcnt: 4, state: 2 });
    expect(() => sim.addFlow({ cc: 'mine', startNs: 1e9 })).toThrow('no congestion control "mine" is registered');
    sim.runUntil(1e9);
    expect(stateOf(fd)).toEqual({ refcnt: 2, state: 2 });
    const programs = () => [...kernel.state.progs.values()].filter(({ refs }) => refs > 1);
    expect(programs()).toHaveLength(3);
    kernel.close(fd);
    sim.close();
    expect([...kernel.state.maps.values()]).toEqual([]);
  });
});

describe('what is refused', () => {
  const word = (member: string, value: bigint) => (bytes: Uint8Array) =>
    new DataView(bytes.buffer).setBigUint64(at(member), value, true);

  it.each<[string, (value: Uint8Array) => void, string]>([
    ['a state', (value) => value.fill(1, 4, 5), 'EINVAL'],
    ['a reference count', (value) => value.fill(1, 0, 1), 'EINVAL'],
    ['a byte before the table', (value) => value.fill(1, 8, 9), 'EINVAL'],
    ['a byte behind the table', (value) => value.fill(1, 255, 256), 'EINVAL'],
    ['list', word('list', 1n), 'EINVAL'],
    ['key', (value) => value.fill(1, at('key'), at('key') + 1), 'EINVAL'],
    ['a flag that TCP has not', (value) => value.fill(4, at('flags'), at('flags') + 1), 'EINVAL'],
    ['no ssthresh', word('ssthresh', 0n), 'EINVAL'],
    ['no cong_avoid', word('cong_avoid', 0n), 'EINVAL'],
    ['no undo_cwnd', word('undo_cwnd', 0n), 'EINVAL'],
    ['an fd that is not open', word('init', 777n), 'EBADF'],
    ['get_info', (value) => value.copyWithin(at('get_info'), at('ssthresh'), at('ssthresh') + 8), 'EINVAL'],
    [
      'the program of another member',
      (value) => value.copyWithin(at('init'), at('ssthresh'), at('ssthresh') + 8),
      'EINVAL',
    ],
    ['no name', (value) => value.fill(0, at('name'), at('name') + 16), 'EINVAL'],
    ['a name of 16 bytes', (value) => value.fill(97, at('name'), at('name') + 16), 'EINVAL'],
    ['a name with a blank', (value) => value.fill(32, at('name') + 1, at('name') + 2), 'EINVAL'],
    ['the name of another', (value) => value.set(new TextEncoder().encode('cubic\0'), at('name')), 'EEXIST'],
  ])('%s', (_what, spoil, errno) => {
    const fd = create();
    const value = valueOf(mandatory());
    spoil(value);
    expect(answer(update(fd, value))).toBe(errno);
    expect(stateOf(fd)).toEqual({ refcnt: 0, state: 0 });
    expect([...kernel.state.progs.values()].every(({ refs }) => refs === 1)).toBe(true);
    expect(kernel.tcp.congestion.names).toEqual(['cubic', 'reno']);
    expect(update(fd, valueOf(mandatory()))).toBe(0);
  });

  it('flags of the update', () => {
    expect(answer(update(create(), valueOf(mandatory()), 1n))).toBe('EINVAL');
  });

  it('a program of another type, and a map', () => {
    const fd = create();
    const filter = loadMember('init', { type: BPF_PROG_TYPE_SOCKET_FILTER });
    expect(answer(update(fd, valueOf({ ...mandatory(), init: filter })))).toBe('EINVAL');
    expect(answer(update(fd, valueOf({ ...mandatory(), init: fd })))).toBe('EINVAL');
  });

  it('an owner: nothing is registered, and v5.6 answers with 1', () => {
    const fd = create();
    const value = valueOf(mandatory());
    value[at('owner')] = 1;
    expect(update(fd, value)).toBe(1);
    expect(stateOf(fd)).toEqual({ refcnt: 0, state: 0 });
    expect(kernel.tcp.congestion.names).toEqual(['cubic', 'reno']);
  });

  it('names take letters, digits, _ and .', () => {
    expect(update(create(), valueOf(mandatory(), 'A_z.09'))).toBe(0);
    expect(kernel.tcp.congestion.names).toContain('A_z.09');
  });

  it('a program that uses the map', () => {
    const fd = create();
    const log = new Uint8Array(4096);
    const [load, ...rest] = assembleSource(`r1 = ${fd} ll\nr0 = 0\nexit\n`).insns;
    const insns = encodeInsns([{ ...load, src: 1 }, ...rest]);
    const loaded = kernel.bpf(BPF_PROG_LOAD, {
      prog_type: BPF_PROG_TYPE_SOCKET_FILTER,
      insns,
      license: 'MIT',
      log_level: 1,
      log_buf: log,
    });
    expect(answer(loaded)).toBe('EINVAL');
    expect(new TextDecoder().decode(log)).toContain('bpf_struct_ops map cannot be used in prog');
  });
});
