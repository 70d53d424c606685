// SPDX-License-Identifier: MIT
// What reading a pin gives: the elements of a map with BTF, and EIO for all else.
import { describe, expect, it } from 'vitest';
import { BTF_INT_SIGNED, BTF_KIND_ENUM, createBtfBuilder } from '@tsbpf/btf';
import {
  BPF_BTF_LOAD,
  BPF_MAP_CREATE,
  BPF_MAP_UPDATE_ELEM,
  BPF_OBJ_PIN,
  BPF_PROG_LOAD,
  EIO,
  ENOENT,
  assembleSource,
  createKernel,
  encodeInsns,
  type SimulatedKernel,
} from './index.ts';

const HASH = 1;
const ARRAY = 2;
const PERCPU_HASH = 5;
const PERCPU_ARRAY = 6;
const QUEUE = 22;
const PATH = '/sys/fs/bpf/m';
const HEAD = '# WARNING!! The output is for debug purpose only\n# WARNING!! The output format will change\n';

/** struct v { int a; unsigned int lo : 4, hi : 28; unsigned char c[2][2]; union { short s; enum e {} }; void *p; } */
const VALUE_BYTES = 24;

function types(): { blob: Uint8Array; int: number; value: number } {
  const b = createBtfBuilder();
  const int = b.int('int', 4, { encoding: BTF_INT_SIGNED });
  const u32 = b.int('unsigned int', 4);
  const u8 = b.int('unsigned char', 1);
  const short = b.int('short', 2, { encoding: BTF_INT_SIGNED });
  const row = b.array(u8, u32, 2);
  const rows = b.array(row, u32, 2);
  const values = [{ name: 'SEVEN', value: 7 }];
  const sevens = b.add({ kind: BTF_KIND_ENUM, name: 'e', size: 4, signed: false, values });
  const either = b.union('', 4, [
    { name: 's', typeId: short, bitOffset: 0 },
    { name: 'e', typeId: sevens, bitOffset: 0 },
  ]);
  const value = b.struct('v', VALUE_BYTES, [
    { name: 'a', typeId: int, bitOffset: 0 },
    { name: 'lo', typeId: u32, bitOffset: 32, bitSize: 4 },
    { name: 'hi', typeId: u32, bitOffset: 36, bitSize: 28 },
    { name: 'c', typeId: rows, bitOffset: 64 },
    { name: '', typeId: either, bitOffset: 96 },
    { name: 'p', typeId: b.ptr(0), bitOffset: 128 },
  ]);
  return { blob: b.bytes(), int, value };
}

function element(a: number, or: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(VALUE_BYTES));
  view.setInt32(0, a, true);
  view.setUint32(4, 0xabcdef5, true);
  for (let i = 0; i < 4; i++) view.setUint8(8 + i, i + 253);
  view.setInt32(12, or, true);
  return new Uint8Array(view.buffer);
}
const shown = (a: number, or: string): string => `{${a},0x5,0xabcdef,[[253,254],[255,0]],{${or}},(____ptrval____)}`;

function pinned(kernel: SimulatedKernel, map_type: number): number {
  const { blob, int, value } = types();
  const btf_fd = kernel.bpf(BPF_BTF_LOAD, { btf: blob });
  const map_fd = kernel.bpf(BPF_MAP_CREATE, {
    map_type,
    key_size: 4,
    value_size: VALUE_BYTES,
    max_entries: 2,
    btf_fd,
    btf_key_type_id: int,
    btf_value_type_id: value,
  });
  expect(map_fd).toBeGreaterThan(0);
  expect(kernel.bpf(BPF_OBJ_PIN, { bpf_fd: map_fd, pathname: PATH })).toBe(0);
  return map_fd;
}

function read(kernel: SimulatedKernel): string | number {
  const bytes = kernel.readFile(PATH);
  return typeof bytes === 'number' ? bytes : new TextDecoder().decode(bytes);
}

const key = (n: number): Uint8Array => new Uint8Array(new Int32Array([n]).buffer);

describe('a pinned map that is read', () => {
  it('prints an array by index', () => {
    const kernel = createKernel();
    const map_fd = pinned(kernel, ARRAY);
    kernel.bpf(BPF_MAP_UPDATE_ELEM, { map_fd, key: key(1), value: element(-5, 7) });
    kernel.bpf(BPF_MAP_UPDATE_ELEM, { map_fd, key: key(0), value: element(1, -2) });
    expect(read(kernel)).toBe(`${HEAD}0: ${shown(1, '-2|-2')}\n1: ${shown(-5, '7|SEVEN')}\n`);
  });

  it('prints a hash table by the type of the key', () => {
    const kernel = createKernel();
    const map_fd = pinned(kernel, HASH);
    expect(read(kernel)).toBe(HEAD);
    kernel.bpf(BPF_MAP_UPDATE_ELEM, { map_fd, key: key(-1), value: element(3, 7) });
    expect(read(kernel)).toBe(`${HEAD}-1: ${shown(3, '7|SEVEN')}\n`);
  });

  it.each([PERCPU_HASH, PERCPU_ARRAY])('prints the values of all CPUs, type %i', (type) => {
    const kernel = createKernel({ cpus: 2 });
    const map_fd = pinned(kernel, type);
    const value = new Uint8Array([...element(1, 7), ...element(2, 1)]);
    expect(kernel.bpf(BPF_MAP_UPDATE_ELEM, { map_fd, key: key(1), value })).toBe(0);
    const lines = `1: {\n\tcpu0: ${shown(1, '7|SEVEN')}\n\tcpu1: ${shown(2, '1|1')}\n}\n`;
    expect(String(read(kernel)).endsWith(lines)).toBe(true);
  });

  it('is EIO where the map has no BTF, or is of a type that is not printed, and for programs', () => {
    const kernel = createKernel();
    const attr = { key_size: 4, value_size: 4, max_entries: 1 };
    const array = kernel.bpf(BPF_MAP_CREATE, { map_type: ARRAY, ...attr });
    const queue = kernel.bpf(BPF_MAP_CREATE, { map_type: QUEUE, ...attr, key_size: 0 });
    const { insns } = assembleSource('r0 = 0\nexit');
    const prog = kernel.bpf(BPF_PROG_LOAD, { prog_type: 1, insns: encodeInsns(insns), license: 'GPL' });
    for (const bpf_fd of [array, queue, prog]) {
      expect(kernel.bpf(BPF_OBJ_PIN, { bpf_fd, pathname: PATH })).toBe(0);
      expect(read(kernel)).toBe(-EIO);
      kernel.unlink?.(PATH);
    }
    expect(read(kernel)).toBe(-ENOENT);
  });
});
