// SPDX-License-Identifier: MIT
// A table of functions of one's own: a row, and a caller.
import { BTF_KIND_UNKN, createBtfBuilder, typesOf, type Btf } from '@tsbpf/btf';
import type { StructOpsInstance, StructOpsRow } from '@tsbpf/core';
import { structOpsRegistries } from '@tsbpf/struct-ops';
import { vmlinuxBtf } from '@tsbpf/vmlinux';
import { describe, expect, it } from 'vitest';
import {
  BPF_BTF_LOAD,
  BPF_MAP_CREATE,
  BPF_MAP_DELETE_ELEM,
  BPF_MAP_TYPE_STRUCT_OPS,
  BPF_MAP_UPDATE_ELEM,
  BPF_PROG_LOAD,
  BPF_PROG_TYPE_STRUCT_OPS,
  EINVAL,
  ENOTSUPP,
  assembleSource,
  createKernel,
  defaultRegistries,
  encodeInsns,
  parseBtf,
} from './index.ts';

/** The kernel's BTF with `struct door_ops { int (*open)(int, u64); void (*bell)(void); int floor; }` and its value. */
function withDoors(kernel: Btf): Uint8Array {
  const b = createBtfBuilder();
  for (const type of typesOf(kernel)) if (type.kind !== BTF_KIND_UNKN) b.add(type);
  const find = (name: string): number => kernel.findByName(name) ?? 0;
  const [int, u64] = [find('int'), find('u64')];
  const param = (typeId: number) => ({ name: '', typeId });
  const open = b.ptr(b.funcProto(int, [param(int), param(u64)]));
  const bell = b.ptr(b.funcProto(0, []));
  const doors = b.struct('door_ops', 24, [
    { name: 'open', typeId: open, bitOffset: 0 },
    { name: 'bell', typeId: bell, bitOffset: 64 },
    { name: 'floor', typeId: int, bitOffset: 128 },
  ]);
  b.struct('bpf_struct_ops_door_ops', 64, [
    { name: 'refcnt', typeId: find('refcount_t'), bitOffset: 0 },
    { name: 'state', typeId: find('bpf_struct_ops_state'), bitOffset: 32 },
    { name: 'data', typeId: doors, bitOffset: 128 },
  ]);
  return b.bytes();
}

/** The subsystem that calls doors: at most one at a time. */
function building() {
  let door: StructOpsInstance | undefined;
  const row: StructOpsRow = {
    name: 'door_ops',
    mandatory: ['open'],
    optional: [],
    unsupported: ['bell'],
    getFuncProto: (id) => (id === 5 ? 'bpf_ktime_get_ns' : undefined),
    btfStructWrite: () => 'doors are read only\n',
    initMember(kernel, { name, value, dst }) {
      if (name !== 'floor') return name === 'open' && value.every((byte) => byte === 0) ? -EINVAL : 0;
      if (value[0] > 9) return -EINVAL;
      kernel.mem.writeBytes(dst, value);
      return 1;
    },
    register(_kernel, instance) {
      if (door !== undefined) return -16;
      door = instance;
      return 0;
    },
    unregister: () => (door = undefined),
  };
  const open = (who: number, key: bigint): number | undefined => {
    const regs = { lo: new Int32Array(7), hi: new Int32Array(7) };
    regs.lo[1] = who;
    regs.lo[2] = Number(BigInt.asIntN(32, key));
    regs.hi[2] = Number(BigInt.asIntN(32, key >> 32n));
    door?.member('open')?.(regs);
    return door === undefined ? undefined : regs.lo[0];
  };
  return { row, open, door: () => door };
}

describe.each(['interpreter', 'jit'] as const)('a table of one’s own on the %s', (engine) => {
  const { row, open, door } = building();
  const vmlinux = withDoors(parseBtf(vmlinuxBtf()));
  const base = defaultRegistries();
  const own = structOpsRegistries([...base.structOps, row]);
  const kernel = createKernel({
    engine,
    vmlinux,
    registries: {
      ...base,
      structOps: own.structOps,
      progTypes: base.progTypes.map((type) => own.progTypes.find((other) => other.type === type.type) ?? type),
    },
  });
  const { types } = kernel.state;
  const load = (source: string, member: number, log = new Uint8Array(4096)) => ({
    fd: kernel.bpf(BPF_PROG_LOAD, {
      prog_type: BPF_PROG_TYPE_STRUCT_OPS,
      insns: encodeInsns(assembleSource(source).insns),
      license: 'GPL',
      attach_btf_id: types.structId('door_ops'),
      expected_attach_type: member,
      log_level: 1,
      log_buf: log,
    }),
    log: () => new TextDecoder().decode(log).replace(/\0.*/s, ''),
  });
  // Opens for who knows the key that is their number times 2^33, plus one.
  const OPEN =
    'r2 = *(u64 *)(r1 + 0)\nr3 = *(u64 *)(r1 + 8)\nr2 <<= 33\nr2 += 1\nr0 = 0\nif r2 != r3 goto +1\nr0 = 1\nexit\n';
  const create = (): number => {
    const btf = createBtfBuilder();
    btf.int('int', 4, { encoding: 1 });
    return kernel.bpf(BPF_MAP_CREATE, {
      map_type: BPF_MAP_TYPE_STRUCT_OPS,
      key_size: 4,
      value_size: types.sizeOf('bpf_struct_ops_door_ops'),
      max_entries: 1,
      btf_fd: kernel.bpf(BPF_BTF_LOAD, { btf: btf.bytes() }),
      btf_vmlinux_value_type_id: types.structId('bpf_struct_ops_door_ops'),
    });
  };
  const update = (fd: number, prog: number, floor = 3): number => {
    const value = new Uint8Array(64);
    new DataView(value.buffer).setUint32(16, prog, true);
    value[32] = floor;
    return kernel.bpf(BPF_MAP_UPDATE_ELEM, { map_fd: fd, key: new Uint8Array(4), value });
  };

  it('loads members by its rules', () => {
    expect(load('r0 = 0\nexit\n', 1).fd).toBe(-ENOTSUPP);
    expect(load('r0 = 0\nexit\n', 2).fd).toBe(-EINVAL);
    const send = load('call 116\nr0 = 0\nexit\n', 0);
    expect([send.fd, send.log()]).toEqual([-EINVAL, expect.stringContaining('unknown func bpf_tcp_send_ack#116')]);
    expect(load('call 5\nr0 = 0\nexit\n', 0).fd).toBeGreaterThan(0);
  });

  it('registers, is called with its arguments, and goes', () => {
    const prog = load(OPEN, 0);
    expect([prog.fd > 0, prog.log()]).toEqual([true, expect.anything()]);
    const [fd, other] = [create(), create()];
    expect(update(fd, 0)).toBe(-EINVAL);
    expect(update(fd, prog.fd, 10)).toBe(-EINVAL);
    expect(open(5, (5n << 33n) + 1n)).toBeUndefined();
    expect(update(fd, prog.fd)).toBe(0);
    expect(update(other, prog.fd)).toBe(-16);
    expect(open(5, (5n << 33n) + 1n)).toBe(1);
    expect(open(5, (5n << 33n) + 2n)).toBe(0);
    expect(open(6, (5n << 33n) + 1n)).toBe(0);
    expect(kernel.state.mem.read32((door()?.off ?? 0) + 16)).toBe(3);
    expect(kernel.bpf(BPF_MAP_DELETE_ELEM, { map_fd: fd, key: new Uint8Array(4) })).toBe(0);
    expect(open(5, 0n)).toBeUndefined();
    expect(update(other, prog.fd)).toBe(0);
  });
});
