// SPDX-License-Identifier: MIT
// What every map type of Linux v5.6 owes its users, whichever package has it: one suite over all rows of the registry.
import { describe, expect, it } from 'vitest';
import { createBtfBuilder } from '@tsbpf/btf';
import { encodeInsns, exit, mov64Imm, program } from '@tsbpf/insn';
import { installSocket } from '@tsbpf/net';
import { TestMap, answerText, u32s } from '@tsbpf/testkit';
import {
  BPF_BTF_LOAD,
  BPF_F_RDONLY,
  BPF_F_WRONLY,
  BPF_MAP_CREATE,
  BPF_MAP_FREEZE,
  BPF_MAP_GET_FD_BY_ID,
  BPF_MAP_GET_NEXT_ID,
  BPF_MAP_TYPE_NAMES,
  BPF_OBJ_GET_INFO_BY_FD,
  BPF_OBJ_PIN,
  BPF_PROG_LOAD,
  CAP_NET_ADMIN,
  CAP_SYS_ADMIN,
  createKernel,
  defaultRegistries,
  type MapCreateAttr,
  type MapInfo,
  type SimulatedKernel,
} from './index.ts';

interface Element {
  readonly keys: readonly Uint8Array[];
  readonly value: Uint8Array;
}

interface Row {
  readonly type: string;
  readonly attr: Partial<MapCreateAttr>;
  /** Attributes that need something made first. */
  readonly more?: (kernel: SimulatedKernel) => Partial<MapCreateAttr>;
  /** The capability without which v5.6 makes none. */
  readonly cap?: number;
  /** What updates take; absent where elements come otherwise. */
  readonly elements?: (kernel: SimulatedKernel, map: TestMap) => Element;
  /** A lookup of what was put: `value` the same, `own` something of the kernel's, or an errno. */
  readonly lookup: string;
  /** A lookup, a deletion and an update of flags 8 where there is nothing. */
  readonly absent: readonly [lookup: string, remove: string, badFlags: string];
  /** Keys are all indices, those put in, or there is an errno. */
  readonly iterates: string;
  /** A second update with NOEXIST. */
  readonly again: string;
  readonly removable: boolean;
  /** A key that nothing is at, where it is not that of all ones. */
  readonly nowhere?: Uint8Array;
  /** What is said beyond RLIMIT_MEMLOCK; `nothing` where v5.6 does not charge for the map. */
  readonly beyondLimit?: 'EINVAL' | 'nothing';
}

const FD_SIZED = { key_size: 4, value_size: 4, max_entries: 4 };
const plain = { key_size: 4, value_size: 8, max_entries: 4 };
const bytes = (_kernel: SimulatedKernel, map: TestMap): Element => ({
  keys: [u32s(2), u32s(0)],
  value: new Uint8Array(map.valueSize).fill(7),
});
const ofFd =
  (make: (kernel: SimulatedKernel) => number) =>
  (kernel: SimulatedKernel): Element => ({ keys: [u32s(2), u32s(0)], value: u32s(make(kernel)) });
const makeHash = (kernel: SimulatedKernel): number =>
  kernel.bpf(BPF_MAP_CREATE, { map_type: 1, key_size: 4, value_size: 4, max_entries: 2 });
const makeProg = (kernel: SimulatedKernel): number =>
  kernel.bpf(BPF_PROG_LOAD, { prog_type: 6, insns: encodeInsns(program(mov64Imm(0, 1), exit())), license: 'GPL' });
function makeSocket(kernel: SimulatedKernel): number {
  const sock = kernel.net.addSocket({
    protocol: 'tcp',
    local: { port: 80 },
    remote: { ip: '127.0.0.1', port: 7 },
  });
  return installSocket(kernel.state, sock, () => kernel.net.removeSocket(sock));
}
function intBtf(kernel: SimulatedKernel): Partial<MapCreateAttr> {
  const btf = createBtfBuilder();
  const int = btf.int('int', 4, { encoding: 1 });
  const btf_fd = kernel.bpf(BPF_BTF_LOAD, { btf: btf.bytes() });
  return { btf_fd, btf_key_type_id: int, btf_value_type_id: int };
}

const hashLike = { absent: ['ENOENT', 'ENOENT', 'EINVAL'], iterates: 'put', again: 'EEXIST', removable: true } as const;
const slots = { iterates: 'indices', again: 'EINVAL', removable: true } as const;
const SYS = CAP_SYS_ADMIN;
const NET = CAP_NET_ADMIN;

const rows: readonly Row[] = [
  { type: 'HASH', attr: plain, elements: bytes, lookup: 'value', ...hashLike },
  {
    type: 'ARRAY',
    attr: plain,
    elements: bytes,
    lookup: 'value',
    absent: ['ENOENT', 'EINVAL', 'EINVAL'],
    iterates: 'indices',
    again: 'EEXIST',
    removable: false,
  },
  {
    type: 'PROG_ARRAY',
    attr: FD_SIZED,
    elements: ofFd(makeProg),
    lookup: 'own',
    absent: ['ENOENT', 'ENOENT', 'EINVAL'],
    ...slots,
  },
  {
    type: 'PERF_EVENT_ARRAY',
    attr: FD_SIZED,
    elements: ofFd((kernel) => kernel.perfEventOpen({ type: 1, config: 10n, pid: -1, cpu: 0 })),
    lookup: 'ENOTSUPP',
    absent: ['ENOTSUPP', 'ENOENT', 'EINVAL'],
    ...slots,
  },
  { type: 'PERCPU_HASH', attr: plain, elements: bytes, lookup: 'value', ...hashLike },
  {
    type: 'PERCPU_ARRAY',
    attr: plain,
    elements: bytes,
    lookup: 'value',
    absent: ['ENOENT', 'EINVAL', 'EINVAL'],
    iterates: 'indices',
    again: 'EEXIST',
    removable: false,
  },
  {
    type: 'STACK_TRACE',
    nowhere: u32s(3),
    attr: { ...plain, value_size: 40 },
    cap: SYS,
    lookup: '',
    absent: ['ENOENT', 'ENOENT', 'EINVAL'],
    iterates: 'put',
    again: '',
    removable: true,
  },
  {
    type: 'CGROUP_ARRAY',
    attr: FD_SIZED,
    elements: ofFd((kernel) => kernel.open('/sys/fs/cgroup', 0)),
    lookup: 'ENOTSUPP',
    absent: ['ENOTSUPP', 'ENOENT', 'EINVAL'],
    ...slots,
  },
  { type: 'LRU_HASH', attr: { ...plain, max_entries: 40 }, cap: SYS, elements: bytes, lookup: 'value', ...hashLike },
  {
    type: 'LRU_PERCPU_HASH',
    attr: { ...plain, max_entries: 40 },
    cap: SYS,
    elements: bytes,
    lookup: 'value',
    ...hashLike,
  },
  {
    type: 'LPM_TRIE',
    nowhere: u32s(32, 99),
    attr: { ...plain, key_size: 8, map_flags: 1 },
    cap: SYS,
    elements: (_k, map) => ({ keys: [u32s(8, 1), u32s(32, 2)], value: new Uint8Array(map.valueSize).fill(7) }),
    lookup: 'value',
    absent: ['ENOENT', 'ENOENT', 'EINVAL'],
    iterates: 'put',
    again: '0',
    removable: true,
  },
  {
    type: 'ARRAY_OF_MAPS',
    attr: FD_SIZED,
    more: (kernel) => ({ inner_map_fd: makeHash(kernel) }),
    elements: ofFd(makeHash),
    lookup: 'own',
    absent: ['ENOENT', 'ENOENT', 'EINVAL'],
    ...slots,
  },
  {
    type: 'HASH_OF_MAPS',
    attr: FD_SIZED,
    more: (kernel) => ({ inner_map_fd: makeHash(kernel) }),
    elements: ofFd(makeHash),
    lookup: 'own',
    ...hashLike,
  },
  {
    type: 'DEVMAP',
    beyondLimit: 'EINVAL',
    attr: FD_SIZED,
    cap: NET,
    elements: () => ({ keys: [u32s(2), u32s(0)], value: u32s(1) }),
    lookup: 'value',
    absent: ['ENOENT', '0', 'EINVAL'],
    iterates: 'indices',
    again: 'EEXIST',
    removable: true,
  },
  {
    type: 'SOCKMAP',
    attr: FD_SIZED,
    cap: NET,
    elements: (kernel) => ({ keys: [u32s(2)], value: u32s(makeSocket(kernel)) }),
    lookup: 'EOPNOTSUPP',
    absent: ['EOPNOTSUPP', 'EINVAL', 'ENOTSOCK'],
    iterates: 'indices',
    again: 'EEXIST',
    removable: true,
  },
  {
    type: 'CPUMAP',
    attr: FD_SIZED,
    cap: SYS,
    elements: () => ({ keys: [u32s(1), u32s(0)], value: u32s(64) }),
    lookup: 'value',
    absent: ['ENOENT', '0', 'EINVAL'],
    iterates: 'indices',
    again: 'EEXIST',
    removable: true,
  },
  {
    type: 'XSKMAP',
    attr: FD_SIZED,
    cap: NET,
    lookup: 'EOPNOTSUPP',
    absent: ['EOPNOTSUPP', '0', 'EINVAL'],
    iterates: 'indices',
    again: '',
    removable: true,
  },
  {
    type: 'SOCKHASH',
    beyondLimit: 'nothing',
    attr: FD_SIZED,
    cap: NET,
    elements: (kernel) => ({ keys: [u32s(2)], value: u32s(makeSocket(kernel)) }),
    lookup: 'EOPNOTSUPP',
    absent: ['EOPNOTSUPP', 'ENOENT', 'ENOTSOCK'],
    iterates: 'put',
    again: 'EEXIST',
    removable: true,
  },
  {
    type: 'CGROUP_STORAGE',
    attr: { key_size: 16, value_size: 8, max_entries: 0 },
    lookup: '',
    absent: ['ENOENT', 'EINVAL', 'EINVAL'],
    iterates: 'put',
    again: '',
    removable: false,
  },
  {
    type: 'REUSEPORT_SOCKARRAY',
    attr: { ...FD_SIZED, value_size: 8 },
    cap: SYS,
    lookup: 'ENOENT',
    absent: ['ENOENT', 'ENOENT', 'EINVAL'],
    iterates: 'indices',
    again: '',
    removable: true,
  },
  {
    type: 'PERCPU_CGROUP_STORAGE',
    attr: { key_size: 16, value_size: 8, max_entries: 0 },
    lookup: '',
    absent: ['ENOENT', 'EINVAL', 'EINVAL'],
    iterates: 'put',
    again: '',
    removable: false,
  },
  {
    type: 'QUEUE',
    attr: { value_size: 8, max_entries: 4 },
    cap: SYS,
    lookup: '',
    absent: ['ENOENT', 'EINVAL', 'EINVAL'],
    iterates: 'EINVAL',
    again: '',
    removable: false,
  },
  {
    type: 'STACK',
    attr: { value_size: 8, max_entries: 4 },
    cap: SYS,
    lookup: '',
    absent: ['ENOENT', 'EINVAL', 'EINVAL'],
    iterates: 'EINVAL',
    again: '',
    removable: false,
  },
  {
    type: 'SK_STORAGE',
    attr: { key_size: 4, value_size: 4, max_entries: 0, map_flags: 1 },
    more: intBtf,
    cap: SYS,
    elements: (kernel) => ({ keys: [u32s(makeSocket(kernel))], value: u32s(5) }),
    lookup: 'value',
    absent: ['EBADF', 'EBADF', 'EBADF'],
    iterates: 'ENOTSUPP',
    again: 'EEXIST',
    removable: true,
  },
  {
    type: 'DEVMAP_HASH',
    beyondLimit: 'EINVAL',
    attr: FD_SIZED,
    cap: NET,
    elements: () => ({ keys: [u32s(7), u32s(3)], value: u32s(1) }),
    lookup: 'value',
    absent: ['ENOENT', 'ENOENT', 'EINVAL'],
    iterates: 'put',
    again: 'EEXIST',
    removable: true,
  },
];
/** Made by registering with a subsystem of the kernel: `@tsbpf/struct-ops` tests it. */
const ELSEWHERE = ['STRUCT_OPS'];

const typeOf = (name: string): number =>
  Number(Object.entries(BPF_MAP_TYPE_NAMES).find(([, one]) => one === `BPF_MAP_TYPE_${name}`)?.[0]);

function attrOf(kernel: SimulatedKernel, row: Row): MapCreateAttr {
  return { map_type: typeOf(row.type), ...row.attr, ...row.more?.(kernel) };
}
/** Live regions but for the system call layer's own buffers. */
const ownRegions = (kernel: SimulatedKernel): number =>
  [...kernel.state.mem.regions()].filter(({ kind }) => kind !== 'syscall').length;
const infoOf = (kernel: SimulatedKernel, fd: number): MapInfo => {
  const info: MapInfo = {};
  expect(kernel.bpf(BPF_OBJ_GET_INFO_BY_FD, { bpf_fd: fd, info })).toBe(0);
  return info;
};

it('covers the map types of v5.6, each of which has a row in the registry', () => {
  const names = defaultRegistries().mapTypes.map(({ type }) => BPF_MAP_TYPE_NAMES[type]?.replace('BPF_MAP_TYPE_', ''));
  const covered = [...rows.map(({ type }) => type), ...ELSEWHERE];
  expect(covered.map(typeOf).sort((a, b) => a - b)).toEqual(Array.from({ length: 26 }, (_, i) => i + 1));
  for (const name of names) expect(covered).toContain(name);
  for (const { type } of rows) expect(names).toContain(type);
});

describe.each(rows)('$type', (row) => {
  it('is made, described, found by id, and leaves nothing behind', () => {
    const kernel = createKernel();
    const attr = attrOf(kernel, row);
    const charged = kernel.state.memlock.chargedBytes;
    const regions = ownRegions(kernel);
    const fd = kernel.bpf(BPF_MAP_CREATE, { ...attr, map_name: 'a_name.5' });
    expect(fd).toBeGreaterThan(2);
    const info = infoOf(kernel, fd);
    const { max_entries = 0, key_size = 0, value_size = 0, map_type } = attr;
    expect(info).toMatchObject({ type: map_type, key_size, value_size, max_entries, name: 'a_name.5' });
    expect(kernel.state.memlock.chargedBytes > charged).toBe(row.beyondLimit !== 'nothing');
    const again = kernel.bpf(BPF_MAP_GET_FD_BY_ID, { map_id: info.id });
    expect(infoOf(kernel, again).id).toBe(info.id);
    expect(kernel.close(fd)).toBe(0);
    expect(infoOf(kernel, again).id).toBe(info.id);
    expect(kernel.close(again)).toBe(0);
    expect(kernel.bpf(BPF_MAP_GET_FD_BY_ID, { map_id: info.id })).toBe(-2);
    expect(kernel.bpf(BPF_MAP_GET_NEXT_ID, { start_id: (info.id ?? 0) - 1 })).toBe(-2);
    expect(kernel.state.memlock.chargedBytes).toBe(charged);
    expect(ownRegions(kernel)).toBe(regions);
  });

  it('refuses what no map takes', () => {
    const kernel = createKernel();
    const attr = attrOf(kernel, row);
    const ask = (change: Partial<MapCreateAttr>): string =>
      answerText(kernel.bpf(BPF_MAP_CREATE, { ...attr, ...change }));
    const before = kernel.state.fds.fds().length;
    const flags = attr.map_flags ?? 0;
    expect(ask({ map_flags: flags | BPF_F_RDONLY | BPF_F_WRONLY })).toBe('EINVAL');
    expect(ask({ map_flags: flags | (1 << 20) })).toBe('EINVAL');
    expect(ask({ map_name: 'no spaces' })).toBe('EINVAL');
    expect(ask({ map_name: 'a_name_of_16_car' })).toBe('EINVAL');
    expect(ask({ numa_node: 99, map_flags: flags | 4 })).toBe('EINVAL');
    expect(ask({ key_size: (attr.key_size ?? 0) === 0 ? 4 : 0 })).toBe('EINVAL');
    expect(ask({ btf_fd: 999, btf_key_type_id: 1, btf_value_type_id: 1 })).toMatch(/EBADF|EINVAL/);
    expect(kernel.state.fds.fds()).toHaveLength(before);
  });

  it('asks for the capability that v5.6 asks for', () => {
    for (const [cap, more] of [
      [SYS, NET],
      [NET, SYS],
    ] as const) {
      const kernel = createKernel();
      const attr = attrOf(kernel, row);
      kernel.state.env.current = { ...kernel.state.env.current, caps: new Set([more]) };
      const fd = kernel.bpf(BPF_MAP_CREATE, attr);
      expect([cap, fd < 0 ? answerText(fd) : 'fd']).toEqual([cap, row.cap === cap ? 'EPERM' : 'fd']);
    }
    const kernel = createKernel();
    const attr = attrOf(kernel, row);
    kernel.state.env.current = { ...kernel.state.env.current, caps: new Set() };
    const fd = kernel.bpf(BPF_MAP_CREATE, attr);
    expect(fd < 0 ? answerText(fd) : 'fd').toBe(row.cap === undefined ? 'fd' : 'EPERM');
  });

  it('keeps to the limit on locked memory', () => {
    const kernel = createKernel();
    const attr = attrOf(kernel, row);
    kernel.state.env.memlockLimitBytes = kernel.state.memlock.chargedBytes + 4095;
    if (row.beyondLimit === 'nothing') return;
    expect(answerText(kernel.bpf(BPF_MAP_CREATE, attr))).toBe(row.beyondLimit ?? 'EPERM');
    kernel.state.env.memlockLimitBytes = Infinity;
    expect(kernel.bpf(BPF_MAP_CREATE, attr)).toBeGreaterThan(2);
  });

  it('keeps elements as long as they are there', () => {
    const kernel = createKernel();
    const map = new TestMap(kernel, attrOf(kernel, row));
    const keyless = map.keySize === 0;
    const key = keyless ? undefined : new Uint8Array(map.keySize).fill(0xff);
    const absentKey = row.nowhere ?? (row.iterates === 'indices' ? u32s(3) : key);
    const value = new Uint8Array(map.valueSize);
    // The elements of an array are always there.
    if (row.again !== 'EEXIST' || row.removable) {
      expect(answerText(map.lookup(absentKey))).toBe(row.absent[0]);
    }
    expect(answerText(map.delete(absentKey))).toBe(row.absent[1]);
    expect(answerText(map.update(absentKey, value, 8))).toBe(row.absent[2]);
    const { keys = [], value: put = value } = row.elements?.(kernel, map) ?? {};
    for (const one of keys) expect(answerText(map.update(one, put))).toBe('0');
    for (const one of keys) {
      const found = map.lookup(one);
      if (row.lookup === 'value') expect(answerText(found)).toBe(answerText(put));
      else if (row.lookup === 'own') expect(found).toBeInstanceOf(Uint8Array);
      else expect(answerText(found)).toBe(row.lookup);
      expect(answerText(map.update(one, put, 1))).toBe(row.again);
    }
    if (row.iterates === 'put') expect(map.keys().map(answerText).sort()).toEqual(keys.map(answerText).sort());
    else if (row.iterates === 'indices') {
      expect(map.keys().map(answerText)).toEqual(
        Array.from({ length: row.attr.max_entries ?? 0 }, (_, i) => answerText(u32s(i))),
      );
    } else expect(answerText(map.next(undefined))).toBe(row.iterates);
    for (const one of keys) {
      expect(answerText(map.delete(one))).toBe(row.removable ? '0' : 'EINVAL');
      if (row.removable) expect(answerText(map.lookup(one))).toBe(row.type === 'SK_STORAGE' ? 'ENOENT' : row.absent[0]);
    }
    const before = [...kernel.state.mem.regions()].filter(({ kind }) => kind === 'map').length;
    map.close();
    expect([...kernel.state.mem.regions()].filter(({ kind }) => kind === 'map').length).toBeLessThan(before);
  });

  it('heeds how its fd may be used, and freezing', () => {
    const kernel = createKernel();
    const map = new TestMap(kernel, attrOf(kernel, row));
    const { id } = infoOf(kernel, map.fd);
    const open = (open_flags: number): TestMap =>
      new TestMap(kernel, attrOf(kernel, row), kernel.bpf(BPF_MAP_GET_FD_BY_ID, { map_id: id, open_flags }));
    const key = map.keySize === 0 ? undefined : new Uint8Array(map.keySize);
    const value = new Uint8Array(map.valueSize);
    const readOnly = open(BPF_F_RDONLY);
    expect([readOnly.update(key, value), readOnly.delete(key)].map(answerText)).toEqual(['EPERM', 'EPERM']);
    const writeOnly = open(BPF_F_WRONLY);
    expect([writeOnly.lookup(key), writeOnly.next(undefined)].map(answerText)).toEqual(['EPERM', 'EPERM']);
    expect(kernel.bpf(BPF_MAP_FREEZE, { map_fd: map.fd })).toBe(0);
    expect([map.update(key, value), map.delete(key)].map(answerText)).toEqual(['EPERM', 'EPERM']);
    expect(answerText(kernel.bpf(BPF_MAP_FREEZE, { map_fd: map.fd }))).toBe('EBUSY');
  });

  it('lives on in a bpf file system', () => {
    const kernel = createKernel();
    const map = new TestMap(kernel, attrOf(kernel, row));
    const { id } = infoOf(kernel, map.fd);
    expect(kernel.bpf(BPF_OBJ_PIN, { pathname: '/sys/fs/bpf/pinned', bpf_fd: map.fd })).toBe(0);
    map.close();
    const again = kernel.bpf(BPF_MAP_GET_FD_BY_ID, { map_id: id });
    expect(infoOf(kernel, again).id).toBe(id);
    kernel.close(again);
    expect(kernel.unlink?.('/sys/fs/bpf/pinned')).toBe(0);
    expect(kernel.bpf(BPF_MAP_GET_FD_BY_ID, { map_id: id })).toBe(-2);
  });
});
