// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { createBtfBuilder } from '@tsbpf/btf';
import { formatInsnLine } from '@tsbpf/insn';
import { TestMap, createTestSys, u32s } from '@tsbpf/testkit';
import {
  BPF_BTF_LOAD,
  BPF_F_MMAPABLE,
  BPF_F_RDONLY_PROG,
  BPF_MAP_CREATE,
  BPF_MAP_TYPE_ARRAY,
  BPF_MAP_TYPE_PERCPU_ARRAY,
  EBUSY,
  EINVAL,
  ENOTSUPP,
  EPERM,
  InternalError,
  errnoName,
} from '@tsbpf/uapi';
import { ArrayMap, mapTypes } from '../index.ts';

type Sys = ReturnType<typeof createTestSys>;

function arrayOf(sys: Sys, attr: { value_size: number; max_entries: number; map_flags?: number; map_type?: number }) {
  const full = { map_type: BPF_MAP_TYPE_ARRAY, key_size: 4, ...attr };
  const handle = new TestMap(sys, full);
  const file = sys.state.fds.get(handle.fd, 'map');
  if (typeof file === 'number' || !(file.map instanceof ArrayMap)) throw new InternalError('no array');
  return { handle, map: file.map };
}

describe('arrays in kernel memory', () => {
  it('have their values right behind struct bpf_array, where the BTF says', () => {
    const sys = createTestSys({ rows: { mapTypes } });
    const { handle, map } = arrayOf(sys, { value_size: 5, max_entries: 10 });
    const { types, mem } = sys.state;
    expect(map.dataOff).toBe(map.off + types.resolve('bpf_array.value').off);
    expect(mem.read32(map.off + types.resolve('bpf_array.elem_size').off)).toBe(8);
    expect(mem.read32(map.off + types.resolve('bpf_array.index_mask').off)).toBe(15);
    expect(mem.read32(map.off + types.resolve('bpf_map.max_entries').off)).toBe(10);
    expect(mem.read32(map.off + types.resolve('bpf_map.id').off)).toBe(map.id);
    handle.update(u32s(3), Uint8Array.of(1, 2, 3, 4, 5));
    expect([...mem.readBytes(map.dataOff + 24, 8)]).toEqual([1, 2, 3, 4, 5, 0, 0, 0]);
  });

  it('answer the address of a byte of the only element', () => {
    const sys = createTestSys({ rows: { mapTypes } });
    const { map } = arrayOf(sys, { value_size: 6, max_entries: 1 });
    expect(map.def.directValue?.(map, 5)).toBe(sys.state.mem.toAddr(map.dataOff + 5));
    expect(map.def.directValue?.(map, 6)).toBe(-EINVAL);
    const many = arrayOf(sys, { value_size: 6, max_entries: 2 }).map;
    expect(many.def.directValue?.(many, 0)).toBe(-ENOTSUPP);
  });

  it('are mapped where they may be', () => {
    const sys = createTestSys({ rows: { mapTypes } });
    const plain = arrayOf(sys, { value_size: 8, max_entries: 2 }).map;
    expect(plain.def.ops.mmap?.(plain)).toBe(-EINVAL);
    const { handle, map } = arrayOf(sys, { value_size: 8, max_entries: 513, map_flags: BPF_F_MMAPABLE });
    expect(map.def.ops.mmap?.(map)).toEqual({ off: map.dataOff, lenBytes: 8192 });
    expect(map.dataOff % 4096).toBe(0);
    const bytes = sys.mmap(handle.fd, { lenBytes: 8192, offset: 0, writable: true });
    if (typeof bytes === 'number') throw new InternalError(errnoName(-bytes));
    bytes[8] = 77;
    expect(handle.lookup(u32s(1))).toEqual(Uint8Array.of(77, 0, 0, 0, 0, 0, 0, 0));
    expect(handle.freeze()).toBe(-EBUSY);
    sys.munmap(handle.fd, bytes);
    expect(handle.freeze()).toBe(0);
    expect(handle.update(u32s(1), new Uint8Array(8))).toBe(-EPERM);
    handle.close();
    expect([...sys.state.mem.regions()].filter(({ kind }) => kind === 'map').length).toBe(1);
  });

  it('keep programs from writing read-only values, as far as checked mode looks', () => {
    const sys = createTestSys({ rows: { mapTypes } });
    const { map } = arrayOf(sys, { value_size: 8, max_entries: 1, map_flags: BPF_F_RDONLY_PROG });
    expect(sys.state.mem.regionOf(map.dataOff)?.writable).toBe(false);
  });

  it('give each CPU a value of its own', () => {
    const sys = createTestSys({ rows: { mapTypes }, env: { cpus: 3 } });
    const { handle, map } = arrayOf(sys, { value_size: 4, max_entries: 2, map_type: BPF_MAP_TYPE_PERCPU_ARRAY });
    const { mem, env } = sys.state;
    const key = mem.alloc(8);
    const value = mem.alloc(8);
    mem.write32(key, 1);
    const { ops } = map.def;
    for (const cpu of [0, 2]) {
      env.cpu = cpu;
      mem.write32(value, 100 + cpu);
      expect(ops.update?.(map, key, value, 0)).toBe(0);
      expect(mem.read32(ops.lookup?.(map, key) ?? 0)).toBe(100 + cpu);
    }
    expect(handle.lookup(u32s(1))).toEqual(u32s(100, 0, 0, 0, 102, 0));
    mem.write32(key, 2);
    expect(ops.lookup?.(map, key)).toBe(0);
  });

  it('mask indices for programs of unprivileged users', () => {
    const sys = createTestSys({ rows: { mapTypes }, env: { task: { uid: 1000 } } });
    const { map } = arrayOf(sys, { value_size: 20, max_entries: 5 });
    const insns = map.def.genLookup?.(map, sys.state.types)?.insns ?? [];
    const valueOff = sys.state.types.resolve('bpf_array.value').off;
    expect(insns.map((_, i) => formatInsnLine(insns, i))).toEqual(
      [
        `(07) r1 += ${valueOff}`,
        '(61) r0 = *(u32 *)(r2 +0)',
        '(35) if r0 >= 0x5 goto pc+4',
        '(54) w0 &= 7',
        '(27) r0 *= 24',
        '(0f) r0 += r1',
        '(05) goto pc+1',
        '(b7) r0 = 0',
      ].map((text, i) => (formatInsnLine(insns, 0).startsWith('0: ') ? `${i}: ${text}` : text)),
    );
    // Every masked index has a slot.
    expect(sys.state.mem.regionOf(map.dataOff + 7 * 24 + 23)?.kind).toBe('map');
  });
});

describe('BTF of arrays', () => {
  const builder = createBtfBuilder();
  const int = builder.int('int', 4);
  const short = builder.int('short', 2);
  const pair = builder.struct('pair', 4, [
    { name: 'a', typeId: short, bitOffset: 0 },
    { name: 'b', typeId: short, bitOffset: 16 },
  ]);
  const bits = builder.int('bits', 4, { bits: 31 });
  const blob = builder.bytes();
  const cases: readonly (readonly [title: string, attr: Record<string, number>, answer: string])[] = [
    ['an int key', { btf_key_type_id: int, btf_value_type_id: int }, 'ok'],
    ['a struct key', { btf_key_type_id: pair, btf_value_type_id: int }, 'EINVAL'],
    ['a key of 31 bits', { btf_key_type_id: bits, btf_value_type_id: int }, 'EINVAL'],
    ['a key of the wrong size', { btf_key_type_id: short, btf_value_type_id: int }, 'EINVAL'],
    ['a value of the wrong size', { btf_key_type_id: int, btf_value_type_id: short }, 'EINVAL'],
    ['no key, and a value that is no section', { btf_value_type_id: int, max_entries: 1 }, 'EINVAL'],
    ['no value', { btf_key_type_id: int }, 'EINVAL'],
  ];
  it.each(cases)('%s', (_title, attr, answer) => {
    const sys = createTestSys({ rows: { mapTypes } });
    const btf_fd = sys.bpf(BPF_BTF_LOAD, { btf: blob });
    expect(btf_fd).toBeGreaterThan(0);
    const base = { map_type: BPF_MAP_TYPE_ARRAY, key_size: 4, value_size: 4, max_entries: 2, btf_fd };
    const fd = sys.bpf(BPF_MAP_CREATE, { ...base, ...attr });
    expect(fd < 0 ? errnoName(-fd) : 'ok').toBe(answer);
  });
});
