// SPDX-License-Identifier: MIT
// What runs out: elements, memory, locked memory, ids, fds. Errno as Linux's, and afterwards everything is back where it was.
import { describe, expect, it } from 'vitest';
import { TestMap, answerText, u32s } from '@tsbpf/testkit';
import {
  BPF_BTF_LOAD,
  BPF_MAP_CREATE,
  BPF_MAP_GET_FD_BY_ID,
  BPF_MAP_GET_NEXT_ID,
  BPF_OBJ_GET_INFO_BY_FD,
  BPF_PROG_GET_NEXT_ID,
  BPF_PROG_LOAD,
  BPF_PROG_TEST_RUN,
  BPF_PROG_TYPE_XDP,
  CAP_SYS_ADMIN,
  E2BIG,
  EMFILE,
  ENOENT,
  ENOMEM,
  EPERM,
  assembleSource,
  createKernel,
  encodeInsns,
  type CreateKernelOptions,
  type MapCreateAttr,
  type MapInfo,
  type SimulatedKernel,
} from './index.ts';

/** What must be back where it was. The system call layer keeps its buffers. */
function census(kernel: SimulatedKernel) {
  const { state } = kernel;
  const ids = (cmd: typeof BPF_MAP_GET_NEXT_ID | typeof BPF_PROG_GET_NEXT_ID): number[] => {
    const found: number[] = [];
    const attr: { start_id: number; next_id?: number } = { start_id: 0 };
    while (kernel.bpf(cmd, attr) === 0) found.push((attr.start_id = attr.next_id ?? 0));
    return found;
  };
  return {
    maps: ids(BPF_MAP_GET_NEXT_ID),
    progs: ids(BPF_PROG_GET_NEXT_ID),
    fds: state.fds.fds(),
    charged: state.memlock.chargedBytes,
    regions: [...state.mem.regions()].filter(({ kind }) => kind !== 'syscall').length,
  };
}

/** A kernel that has run a program: what engines and test runs make once is there. */
function warmKernel(options: CreateKernelOptions = {}): SimulatedKernel {
  const kernel = createKernel(options);
  const prog = load(kernel, 'r0 = 1\nexit');
  run(kernel, prog);
  kernel.close(prog);
  return kernel;
}

const hash = (more: Partial<MapCreateAttr> = {}): MapCreateAttr => ({
  map_type: 1,
  key_size: 4,
  value_size: 8,
  max_entries: 16,
  ...more,
});
const idOf = (kernel: SimulatedKernel, fd: number): number => {
  const info: MapInfo = {};
  kernel.bpf(BPF_OBJ_GET_INFO_BY_FD, { bpf_fd: fd, info });
  return info.id ?? 0;
};
function load(kernel: SimulatedKernel, source: string, maps: Record<string, number> = {}): number {
  const insns = encodeInsns(assembleSource(source, { maps }).insns);
  return kernel.bpf(BPF_PROG_LOAD, { prog_type: BPF_PROG_TYPE_XDP, insns, license: 'GPL' });
}
const run = (kernel: SimulatedKernel, prog_fd: number): number => {
  const attr = { prog_fd, data_in: new Uint8Array(64), retval: 0 };
  expect(kernel.bpf(BPF_PROG_TEST_RUN, attr)).toBe(0);
  return attr.retval | 0;
};
/** bpf_map_update_elem(m, &(u32)prandom, &0, 0) */
const INSERT = `
  call 7
  *(u32 *)(r10 - 4) = r0
  *(u64 *)(r10 - 16) = 0
  r1 = m ll
  r2 = r10
  r2 += -4
  r3 = r10
  r3 += -16
  r4 = 0
  call 2
  exit
`;

describe('a full map', () => {
  const rows: readonly (readonly [string, MapCreateAttr, syscall: string, prog: string])[] = [
    ['hash', hash(), 'E2BIG', 'E2BIG'],
    ['hash on demand', hash({ map_flags: 1 }), 'E2BIG', 'E2BIG'],
    ['percpu_hash', hash({ map_type: 5 }), 'E2BIG', 'E2BIG'],
    ['lru_hash', hash({ map_type: 9, max_entries: 600 }), '0', '0'],
    ['lru_percpu_hash', hash({ map_type: 10, max_entries: 600 }), '0', '0'],
  ];
  it.each(rows)('%s: system calls and programs of both engines', (_name, attr, bySyscall, byProg) => {
    for (const engine of ['interpreter', 'jit'] as const) {
      const kernel = warmKernel({ engine });
      const before = census(kernel);
      const map = new TestMap(kernel, attr);
      const prog = load(kernel, INSERT, { m: map.fd });
      const max = attr.max_entries ?? 0;
      for (let i = 0; i < max; i++) map.update(u32s(i), new Uint8Array(map.valueSize));
      expect(answerText(map.update(u32s(max + 1), new Uint8Array(map.valueSize)))).toBe(bySyscall);
      expect(answerText(run(kernel, prog))).toBe(byProg);
      // What is there can still be replaced and removed.
      if (bySyscall !== '0') {
        expect(answerText(map.update(u32s(3), new Uint8Array(map.valueSize)))).toBe('0');
        expect(answerText(map.delete(u32s(3)))).toBe('0');
        expect(answerText(run(kernel, prog))).toBe('0');
        expect(answerText(run(kernel, prog))).toBe(byProg);
      }
      kernel.close(prog);
      map.close();
      expect(census(kernel)).toEqual(before);
    }
  });

  it('array, queue, stack, trie', () => {
    const kernel = warmKernel();
    const before = census(kernel);
    const array = new TestMap(kernel, hash({ map_type: 2, max_entries: 2 }));
    expect(answerText(array.update(u32s(2), new Uint8Array(8)))).toBe('E2BIG');
    for (const map_type of [22, 23]) {
      const queue = new TestMap(kernel, { map_type, value_size: 8, max_entries: 2 });
      for (const want of ['0', '0', 'E2BIG']) expect(answerText(queue.update(undefined, new Uint8Array(8)))).toBe(want);
      queue.close();
    }
    const trie = new TestMap(kernel, hash({ map_type: 11, key_size: 8, max_entries: 1, map_flags: 1 }));
    expect(answerText(trie.update(u32s(8, 1), new Uint8Array(8)))).toBe('0');
    expect(answerText(trie.update(u32s(8, 2), new Uint8Array(8)))).toBe('ENOSPC');
    array.close();
    trie.close();
    expect(census(kernel)).toEqual(before);
  });
});

describe('no memory', () => {
  const small: CreateKernelOptions = { memory: { initialPages: 64, maximumPages: 256 } };
  it.each([1, 2, 3, 5, 6, 9, 10, 22, 25])(
    'a map of type %i that is too large is ENOMEM, and leaves nothing',
    (map_type) => {
      const kernel = createKernel(small);
      const before = census(kernel);
      const attr = hash({ map_type, max_entries: 3_000_000, value_size: map_type === 3 || map_type === 25 ? 4 : 8 });
      if (map_type === 22) attr.key_size = 0;
      for (let i = 0; i < 3; i++) expect(kernel.bpf(BPF_MAP_CREATE, attr)).toBe(-ENOMEM);
      expect(census(kernel)).toEqual(before);
      const fd = kernel.bpf(BPF_MAP_CREATE, { ...attr, max_entries: 4 });
      expect(fd).toBeGreaterThan(2);
      kernel.close(fd);
    },
  );

  it.each(['interpreter', 'jit'] as const)(
    'elements on demand: ENOMEM for system calls and programs, on the %s',
    (engine) => {
      const kernel = warmKernel({ ...small, engine });
      const before = census(kernel);
      const map = new TestMap(kernel, hash({ map_flags: 1, max_entries: 400_000, value_size: 4096 }));
      const prog = load(kernel, INSERT.replace('r10 - 16) = 0', 'r10 - 16) = 0'), {
        m: new TestMap(kernel, hash()).fd,
      });
      let done = 0;
      let err: number;
      const value = new Uint8Array(4096);
      while ((err = map.update(u32s(done), value)) === 0) done++;
      expect(err).toBe(-ENOMEM);
      expect(done).toBeGreaterThan(100);
      expect(map.keys()).toHaveLength(done);
      // Memory that is given back serves again.
      expect(map.delete(u32s(0))).toBe(0);
      expect(map.update(u32s(done), value)).toBe(0);
      expect(map.update(u32s(done + 1), value)).toBe(-ENOMEM);
      expect(run(kernel, prog)).toBe(0);
      for (const fd of kernel.state.fds.fds().filter((fd) => !before.fds.includes(fd))) kernel.close(fd);
      expect(census(kernel)).toEqual(before);
    },
  );

  it('locked memory: EPERM for maps, programs and BTF, until there is room', () => {
    const kernel = warmKernel();
    const before = census(kernel);
    const limit = (pages: number): void => {
      kernel.state.env.memlockLimitBytes = before.charged + pages * 4096;
    };
    limit(0);
    expect(kernel.bpf(BPF_MAP_CREATE, hash())).toBe(-EPERM);
    expect(load(kernel, 'r0 = 1\nexit')).toBe(-EPERM);
    expect(census(kernel)).toEqual(before);
    limit(1);
    const prog = load(kernel, 'r0 = 1\nexit');
    expect(prog).toBeGreaterThan(2);
    expect(load(kernel, 'r0 = 1\nexit')).toBe(-EPERM);
    kernel.close(prog);
    const again = load(kernel, 'r0 = 1\nexit');
    expect(again).toBeGreaterThan(2);
    kernel.close(again);
    expect(census(kernel)).toEqual(before);
  });
});

describe('a map deleted while in use', () => {
  it.each(['interpreter', 'jit'] as const)('lives as long as a program that uses it, on the %s', (engine) => {
    const kernel = warmKernel({ engine });
    const before = census(kernel);
    const map = new TestMap(kernel, hash());
    const map_id = idOf(kernel, map.fd);
    const prog = load(kernel, INSERT, { m: map.fd });
    map.close();
    for (let i = 0; i < 16; i++) expect(run(kernel, prog)).toBe(0);
    expect(run(kernel, prog)).toBe(-E2BIG);
    // Found by its id as long as the program is there.
    const again = kernel.bpf(BPF_MAP_GET_FD_BY_ID, { map_id });
    expect(new TestMap(kernel, hash(), again).keys()).toHaveLength(16);
    kernel.close(prog);
    expect(kernel.bpf(BPF_MAP_GET_FD_BY_ID, { map_id })).toBeGreaterThan(2);
    for (const fd of kernel.state.fds.fds().filter((fd) => !before.fds.includes(fd))) kernel.close(fd);
    expect(kernel.bpf(BPF_MAP_GET_FD_BY_ID, { map_id })).toBe(-ENOENT);
    expect(census(kernel)).toEqual(before);
  });

  it('goes when the program that runs is the last to hold it: after the run', () => {
    const kernel = warmKernel();
    const before = census(kernel);
    const map = new TestMap(kernel, hash());
    const map_id = idOf(kernel, map.fd);
    const prog = load(kernel, `call 5\n${INSERT}`, { m: map.fd });
    map.close();
    const undo = kernel.overrideHelper('bpf_ktime_get_ns', (original) => (call, ...args) => {
      // The program's own fd goes while it runs; the run holds it.
      expect(kernel.close(prog)).toBe(0);
      return original?.(call, ...args) ?? 0;
    });
    expect(run(kernel, prog)).toBe(0);
    undo();
    expect(kernel.bpf(BPF_MAP_GET_FD_BY_ID, { map_id })).toBe(-ENOENT);
    expect(census(kernel)).toEqual(before);
  });
});

describe('fds and ids', () => {
  it('a million fds of one map, then EMFILE; and back', () => {
    const kernel = warmKernel();
    const before = census(kernel);
    const map = new TestMap(kernel, hash());
    const map_id = idOf(kernel, map.fd);
    const { limit } = kernel.state.fds;
    expect(limit).toBe(1_048_576);
    let last = 0;
    let fd: number;
    while ((fd = kernel.bpf(BPF_MAP_GET_FD_BY_ID, { map_id })) >= 0) last = fd;
    expect(fd).toBe(-EMFILE);
    expect(last).toBe(limit - 1);
    // Nothing else can be opened, and nothing is left of what was tried.
    const full = { maps: census(kernel).maps, charged: kernel.state.memlock.chargedBytes };
    expect(kernel.bpf(BPF_MAP_CREATE, hash())).toBe(-EMFILE);
    expect(load(kernel, 'r0 = 1\nexit')).toBe(-EMFILE);
    expect(kernel.bpf(BPF_BTF_LOAD, { btf: new Uint8Array(3) })).toBeLessThan(0);
    expect({ maps: census(kernel).maps, charged: kernel.state.memlock.chargedBytes }).toEqual(full);
    // A closed one is the next to be used.
    kernel.close(500_000);
    expect(kernel.bpf(BPF_MAP_GET_FD_BY_ID, { map_id })).toBe(500_000);
    for (let i = map.fd; i < limit; i++) kernel.close(i);
    expect(kernel.bpf(BPF_MAP_GET_FD_BY_ID, { map_id })).toBe(-ENOENT);
    expect(census(kernel)).toEqual(before);
  });

  it('ids are not used again while others are left', () => {
    const kernel = warmKernel();
    const ids = Array.from({ length: 50 }, () => {
      const fd = kernel.bpf(BPF_MAP_CREATE, hash());
      const id = idOf(kernel, fd);
      kernel.close(fd);
      return id;
    });
    expect(ids).toEqual(Array.from({ length: 50 }, (_, i) => (ids[0] ?? 0) + i));
    kernel.state.env.current = { ...kernel.state.env.current, caps: new Set([12]) };
    expect(kernel.bpf(BPF_MAP_GET_NEXT_ID, { start_id: 0 })).toBe(-EPERM);
    expect(kernel.state.env.capable(CAP_SYS_ADMIN)).toBe(false);
  });
});
