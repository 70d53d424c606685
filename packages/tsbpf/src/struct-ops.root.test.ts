// SPDX-License-Identifier: MIT
// Tables of functions: the running kernel's answers and ours, as far as nothing is registered. No value here names a
// program, so that no kernel takes one.
import { existsSync, readFileSync } from 'node:fs';
import { createBtfBuilder } from '@tsbpf/btf';
import { createHost } from '@tsbpf/host';
import { afterAll, describe, expect, it } from 'vitest';
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
  BpfError,
  createKernel,
  errnoName,
  parseBtf,
  type MapCreateAttr,
  type Sys,
} from './index.ts';

const VMLINUX = '/sys/kernel/btf/vmlinux';
const VALUE = 'bpf_struct_ops_tcp_congestion_ops';

function open(): { real: Sys; vmlinux: Uint8Array } | string {
  if (!existsSync(VMLINUX)) return `there is no ${VMLINUX}`;
  const vmlinux = readFileSync(VMLINUX);
  if (parseBtf(vmlinux).findByName(VALUE) === undefined) return `the running kernel has no ${VALUE}`;
  try {
    const real = createHost();
    const probe = real.bpf(BPF_MAP_CREATE, { map_type: 1, key_size: 4, value_size: 4, max_entries: 1 });
    if (probe < 0) return `bpf(2) answers ${errnoName(-probe)}`;
    real.close(probe);
    return { real, vmlinux };
  } catch (error) {
    if (error instanceof BpfError) return error.message;
    throw error;
  }
}

const opened = open();
if (typeof opened === 'string') console.log(`tests of struct_ops beside a real kernel skipped: ${opened}`);
const answer = (err: number): string => (err < 0 ? errnoName(-err) : 'fine');

describe.skipIf(typeof opened === 'string')('the running kernel and ours', () => {
  const { real, vmlinux } = opened as Exclude<typeof opened, string>;
  const kernel = createKernel({ vmlinux });
  const { types } = kernel.state;
  const systems: readonly Sys[] = [real, kernel];
  const fds: [Sys, number][] = [];
  afterAll(() => {
    for (const [sys, fd] of fds) sys.close(fd);
  });
  const keep = (sys: Sys, fd: number): number => {
    if (fd >= 0) fds.push([sys, fd]);
    return fd;
  };
  const sizeBytes = types.sizeOf(VALUE);
  function create(sys: Sys, over: Partial<MapCreateAttr> = {}): number {
    const b = createBtfBuilder();
    b.int('int', 4, { encoding: 1 });
    const attr: MapCreateAttr = {
      map_type: BPF_MAP_TYPE_STRUCT_OPS,
      key_size: 4,
      value_size: sizeBytes,
      max_entries: 1,
      map_name: 'tsbpf_table',
      btf_fd: keep(sys, sys.bpf(BPF_BTF_LOAD, { btf: b.bytes() })),
      btf_vmlinux_value_type_id: types.structId(VALUE),
    };
    return keep(sys, sys.bpf(BPF_MAP_CREATE, { ...attr, ...over }));
  }
  const both = (ask: (sys: Sys) => number): string[] => systems.map((sys) => answer(ask(sys)));

  it.each<[string, () => Partial<MapCreateAttr>]>([
    ['as it should be', () => ({})],
    ['another key', () => ({ key_size: 8 })],
    ['two entries', () => ({ max_entries: 2 })],
    ['a flag', () => ({ map_flags: 1 })],
    ['no type of the kernel', () => ({ btf_vmlinux_value_type_id: 0 })],
    ['the table itself', () => ({ btf_vmlinux_value_type_id: types.structId('tcp_congestion_ops') })],
    ['a type that is none', () => ({ btf_vmlinux_value_type_id: 1 })],
    ['a type of user space', () => ({ btf_value_type_id: 1 })],
    ['another size', () => ({ value_size: sizeBytes - 1 })],
    ['a bad name', () => ({ map_name: 'a b' })],
    ['no BTF', () => ({ btf_fd: 9999 })],
    ['another type of map', () => ({ map_type: 2 })],
  ])('create: %s', (_what, over) => {
    const [theirs, ours] = both((sys) => create(sys, over()));
    expect(ours).toBe(theirs);
  });

  it('read, walked, frozen, deleted and put into another before it is registered', () => {
    const made = new Map(systems.map((sys) => [sys, create(sys)]));
    const fdOf = (sys: Sys): number => made.get(sys) ?? -1;
    const key = (first: number): Uint8Array => Uint8Array.of(first, 0, 0, 0);
    const asks: ((sys: Sys) => number)[] = [
      (sys) => sys.bpf(BPF_MAP_LOOKUP_ELEM, { map_fd: fdOf(sys), key: key(0), value: new Uint8Array(sizeBytes) }),
      (sys) => sys.bpf(BPF_MAP_LOOKUP_ELEM, { map_fd: fdOf(sys), key: key(1), value: new Uint8Array(sizeBytes) }),
      (sys) => sys.bpf(BPF_MAP_GET_NEXT_KEY, { map_fd: fdOf(sys), next_key: key(7) }),
      (sys) => sys.bpf(BPF_MAP_GET_NEXT_KEY, { map_fd: fdOf(sys), key: key(0), next_key: key(7) }),
      (sys) => sys.bpf(BPF_MAP_GET_NEXT_KEY, { map_fd: fdOf(sys), key: key(1), next_key: key(7) }),
      (sys) => sys.bpf(BPF_MAP_FREEZE, { map_fd: fdOf(sys) }),
      (sys) => sys.bpf(BPF_MAP_DELETE_ELEM, { map_fd: fdOf(sys), key: key(0) }),
      (sys) => sys.bpf(BPF_MAP_DELETE_ELEM, { map_fd: fdOf(sys), key: key(1) }),
      (sys) =>
        sys.bpf(BPF_MAP_CREATE, {
          map_type: BPF_MAP_TYPE_ARRAY_OF_MAPS,
          key_size: 4,
          value_size: 4,
          max_entries: 1,
          inner_map_fd: fdOf(sys),
        }),
    ];
    for (const [i, ask] of asks.entries()) {
      const [theirs, ours] = both(ask);
      expect(`${i} ${ours}`).toBe(`${i} ${theirs}`);
    }
  });

  it.each<[string, bigint, number, number, number]>([
    ['nothing at all', 0n, 0, 0, 0],
    ['flags', 1n, 0, 0, 0],
    ['another key', 0n, 1, 0, 0],
    ['a reference count', 0n, 0, types.tryResolve(`${VALUE}.common.refcnt`)?.off ?? 0, 1],
    ['a state', 0n, 0, types.tryResolve(`${VALUE}.common.state`)?.off ?? 4, 1],
    ['a byte before the table', 0n, 0, types.resolve(`${VALUE}.data`).off - 1, 1],
  ])('update that no kernel takes: %s', (_what, flags, key, at, byte) => {
    const [theirs, ours] = both((sys) => {
      const value = new Uint8Array(sizeBytes);
      value[at] = byte;
      return sys.bpf(BPF_MAP_UPDATE_ELEM, { map_fd: create(sys), key: Uint8Array.of(key, 0, 0, 0), value, flags });
    });
    expect(theirs).not.toBe('fine');
    expect(ours).toBe(theirs);
  });
});
