// SPDX-License-Identifier: MIT
// What BPF_OBJ_GET_INFO_BY_FD says of functions and lines of a program, and which bytes of a caller it writes.
import { describe, expect, it } from 'vitest';
import { createBtfBuilder } from '@tsbpf/btf';
import {
  BPF_BTF_LOAD,
  BPF_MAP_CREATE,
  BPF_OBJ_GET_INFO_BY_FD,
  BPF_PROG_LOAD,
  BPF_PROG_TYPE_SOCKET_FILTER,
  EFAULT,
  EINVAL,
  assembleSource,
  createKernel,
  encodeInsns,
  type ProgInfo,
  type SimulatedKernel,
  type UserMemory,
} from './index.ts';
import { BPF_ATTR_GROUPS, BPF_INFO_LAYOUTS } from '@tsbpf/uapi';

const TWO_FUNCTIONS = `
  call f
  r0 = 1
  exit
f:
  r0 = 2
  r0 = 3
  exit
`;
const FIRST_OF_F = 3;

function lineRecords(...places: readonly number[]): Uint8Array {
  return new Uint8Array(new Uint32Array(places.flatMap((at, i) => [at, 0, 0, (i + 1) << 10])).buffer);
}

function load(kernel: SimulatedKernel, source: string, lines?: Uint8Array): number {
  const insns = encodeInsns(assembleSource(source).insns);
  if (lines === undefined) return kernel.bpf(BPF_PROG_LOAD, { prog_type: 1, insns, license: 'GPL' });
  const builder = createBtfBuilder();
  builder.int('int', 4);
  const prog_btf_fd = kernel.bpf(BPF_BTF_LOAD, { btf: builder.bytes() });
  expect(prog_btf_fd).toBeGreaterThan(0);
  return kernel.bpf(BPF_PROG_LOAD, {
    prog_type: BPF_PROG_TYPE_SOCKET_FILTER,
    insns,
    license: 'GPL',
    prog_btf_fd,
    line_info: lines,
    line_info_rec_size: 16,
  });
}

function infoOf(kernel: SimulatedKernel, fd: number, info: ProgInfo = {}): ProgInfo {
  expect(kernel.bpf(BPF_OBJ_GET_INFO_BY_FD, { bpf_fd: fd, info })).toBe(0);
  return info;
}

const quadsOf = (bytes: Uint8Array): bigint[] => [...new BigUint64Array(bytes.buffer)];
const wordsOf = (bytes: Uint8Array): number[] => [...new Uint32Array(bytes.buffer)];

describe.each(['interpreter', 'jit'] as const)('program info with the engine %s', (engine) => {
  it('has the address of each line, which begin with those of the functions', () => {
    const kernel = createKernel({ engine });
    const fd = load(kernel, TWO_FUNCTIONS, lineRecords(0, 1, 2, FIRST_OF_F, FIRST_OF_F + 1));
    const info = infoOf(kernel, fd, {
      jited_ksyms: new Uint8Array(16),
      jited_func_lens: new Uint8Array(8),
      jited_line_info: new Uint8Array(40),
    });
    expect([info.nr_line_info, info.nr_jited_line_info, info.nr_jited_ksyms, info.nr_jited_func_lens]).toEqual([
      5, 5, 2, 2,
    ]);
    const [main = 0n, f = 0n] = quadsOf(info.jited_ksyms ?? new Uint8Array());
    const lens = wordsOf(info.jited_func_lens ?? new Uint8Array());
    const lines = quadsOf(info.jited_line_info ?? new Uint8Array());
    expect(main).not.toBe(f);
    expect(lens[0]).toBeGreaterThan(0);
    expect((lens[0] ?? 0) + (lens[1] ?? 0)).toBe(info.jited_prog_len);
    expect([lines[0], lines[3]]).toEqual([main, f]);
    for (const [i, line] of lines.entries()) {
      const [start, len] = i < 3 ? [main, lens[0]] : [f, lens[1]];
      expect(line - start).toBeLessThan(BigInt(len ?? 0));
      if (i !== 0 && i !== 3) expect(line).toBeGreaterThan(lines[i - 1] ?? 0n);
    }
  });

  it('has no lines of machine code for a program without line info', () => {
    const kernel = createKernel({ engine });
    const { nr_line_info, nr_jited_line_info } = infoOf(kernel, load(kernel, TWO_FUNCTIONS));
    expect([nr_line_info, nr_jited_line_info]).toEqual([0, 0]);
  });

  it('has a tag for each function, and the own one for a program of one', () => {
    const kernel = createKernel({ engine });
    const one = infoOf(kernel, load(kernel, 'r0 = 2\nr0 = 3\nexit'), { prog_tags: new Uint8Array(8) });
    expect(one.nr_prog_tags).toBe(1);
    expect(one.prog_tags).toEqual(one.tag);
    const two = infoOf(kernel, load(kernel, TWO_FUNCTIONS), { prog_tags: new Uint8Array(16) });
    expect(two.nr_prog_tags).toBe(2);
    // The second function has the same instructions as the program above.
    expect(two.prog_tags?.subarray(8)).toEqual(one.tag);
    expect(two.prog_tags?.subarray(0, 8)).not.toEqual(two.tag);
  });
});

describe('sizes of records', () => {
  const ask = (info: ProgInfo): number => {
    const kernel = createKernel();
    return kernel.bpf(BPF_OBJ_GET_INFO_BY_FD, { bpf_fd: load(kernel, 'r0 = 0\nexit'), info });
  };

  it.each([
    [{ func_info_rec_size: 8 }, 0],
    [{ func_info_rec_size: 0, line_info_rec_size: 0, jited_line_info_rec_size: 0 }, 0],
    [{ func_info_rec_size: 12 }, -EINVAL],
    [{ line_info_rec_size: 8 }, -EINVAL],
    [{ jited_line_info_rec_size: 4 }, -EINVAL],
    [{ nr_func_info: 1, func_info_rec_size: 0 }, -EINVAL],
    [{ nr_line_info: 1, line_info_rec_size: 0 }, -EINVAL],
    [{ nr_line_info: 1, line_info_rec_size: 16 }, 0],
  ] satisfies [ProgInfo, number][])('%o is %i', (info, result) => {
    expect(ask({ ...info })).toBe(result);
  });
});

describe('the raw form', () => {
  const layout = BPF_INFO_LAYOUTS.bpf_prog_info;
  const fieldAt = (name: string): number => layout.fields.find((field) => field.name === name)?.off ?? -1;
  const INFO = 0x1000;
  const IDS = 0x2000;

  /** Asks for map ids with room for two, of a program that uses one map. */
  function ask(idsAddr: number): { result: number; memory: Uint8Array } {
    const kernel = createKernel();
    const map = kernel.bpf(BPF_MAP_CREATE, { map_type: 2, key_size: 4, value_size: 4, max_entries: 1 });
    const source = 'r1 = m ll\nr0 = 0\nexit';
    const insns = encodeInsns(assembleSource(source, { maps: { m: map } }).insns);
    const fd = kernel.bpf(BPF_PROG_LOAD, { prog_type: 1, insns, license: 'GPL' });
    expect(fd).toBeGreaterThan(0);

    const memory = new Uint8Array(0x3000).fill(0xaa);
    const user: UserMemory = {
      read: (addr, len) => (addr < INFO ? undefined : memory.slice(Number(addr), Number(addr) + len)),
      write: (addr, bytes) => {
        if (addr < INFO) return false;
        memory.set(bytes, Number(addr));
        return true;
      },
    };
    const view = new DataView(memory.buffer);
    memory.fill(0, INFO, INFO + layout.size);
    view.setUint32(INFO + fieldAt('nr_map_ids'), 2, true);
    view.setBigUint64(INFO + fieldAt('map_ids'), BigInt(idsAddr), true);
    const attr = new Uint8Array(120);
    const attrView = new DataView(attr.buffer);
    for (const { name, off } of BPF_ATTR_GROUPS.info.fields) {
      if (name === 'bpf_fd') attrView.setUint32(off, fd, true);
      if (name === 'info_len') attrView.setUint32(off, layout.size, true);
      if (name === 'info') attrView.setBigUint64(off, BigInt(INFO), true);
    }
    return { result: kernel.bpfRaw?.(BPF_OBJ_GET_INFO_BY_FD, attr, attr.length, user) ?? 0, memory };
  }

  it('writes as many elements as there are, and leaves the rest of the room', () => {
    const { result, memory } = ask(IDS);
    expect(result).toBe(0);
    const view = new DataView(memory.buffer);
    expect(view.getUint32(INFO + fieldAt('nr_map_ids'), true)).toBe(1);
    expect(view.getUint32(IDS, true)).toBeLessThan(0xaaaa);
    expect(view.getUint32(IDS + 4, true)).toBe(0xaaaaaaaa);
  });

  it('is EFAULT where elements are asked for and nothing is there to hold them', () => {
    expect(ask(0).result).toBe(-EFAULT);
  });
});
