// SPDX-License-Identifier: MIT
// bpf(2) on the running Linux. Needs root.
import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import {
  BPF_BTF_LOAD,
  BPF_MAP_CREATE,
  BPF_MAP_DELETE_ELEM,
  BPF_MAP_GET_FD_BY_ID,
  BPF_MAP_GET_NEXT_ID,
  BPF_MAP_GET_NEXT_KEY,
  BPF_MAP_LOOKUP_AND_DELETE_BATCH,
  BPF_MAP_LOOKUP_BATCH,
  BPF_MAP_LOOKUP_ELEM,
  BPF_MAP_UPDATE_BATCH,
  BPF_MAP_UPDATE_ELEM,
  BPF_OBJ_GET,
  BPF_OBJ_GET_INFO_BY_FD,
  BPF_OBJ_PIN,
  BPF_PROG_GET_FD_BY_ID,
  BPF_PROG_LOAD,
  BPF_PROG_QUERY,
  BPF_PROG_TEST_RUN,
  EACCES,
  EBADF,
  EEXIST,
  EFAULT,
  EINVAL,
  ENOENT,
  ENOSPC,
  ENOTDIR,
} from '@tsbpf/uapi';
import type { BatchAttr, BtfInfo, GetNextIdAttr, MapInfo, ProgInfo, ProgLoadAttr, TestRunAttr } from '@tsbpf/uapi';
import { pinToCpu } from './cpu.ts';
import { createHost } from './host.ts';
import type { Host } from './host.ts';
import { u32, u64, words } from '../test/bytes.ts';

const isRoot = process.platform === 'linux' && process.getuid?.() === 0;
if (!isRoot) console.log('skipped: bpf(2) needs root on Linux');

const HASH = 1;
const ARRAY = 2;
const PERCPU_ARRAY = 6;
const XDP = 6;
const insn = (code: number, dst = 0, src = 0, off = 0, imm = 0): number[] => {
  const bytes = new DataView(new ArrayBuffer(8));
  bytes.setUint8(0, code);
  bytes.setUint8(1, (src << 4) | dst);
  bytes.setInt16(2, off, true);
  bytes.setInt32(4, imm, true);
  return [...new Uint8Array(bytes.buffer)];
};
const prog = (...insns: number[][]): Uint8Array => new Uint8Array(insns.flat());
const EXIT = insn(0x95);
const mov = (dst: number, imm: number): number[] => insn(0xb7, dst, 0, 0, imm);
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0)));

describe.skipIf(!isRoot)('maps', () => {
  const host = isRoot ? createHost() : (undefined as unknown as Host);
  const hash = (max_entries = 4): number => {
    const fd = host.bpf(BPF_MAP_CREATE, { map_type: HASH, key_size: 4, value_size: 8, max_entries, map_name: 'h' });
    expect(fd).toBeGreaterThan(0);
    return fd;
  };

  it('creates, updates, looks up, walks and deletes', () => {
    const map_fd = hash();
    const value = new Uint8Array(8);
    expect(host.bpf(BPF_MAP_LOOKUP_ELEM, { map_fd, key: u32(7), value })).toBe(-ENOENT);
    expect(host.bpf(BPF_MAP_UPDATE_ELEM, { map_fd, key: u32(7), value: u64(0x1122334455667788n) })).toBe(0);
    expect(host.bpf(BPF_MAP_UPDATE_ELEM, { map_fd, key: u32(7), value: u64(1n), flags: 1n })).toBe(-EEXIST);
    expect(host.bpf(BPF_MAP_LOOKUP_ELEM, { map_fd, key: u32(7), value })).toBe(0);
    expect(value).toEqual(u64(0x1122334455667788n));
    const next_key = new Uint8Array(4);
    expect(host.bpf(BPF_MAP_GET_NEXT_KEY, { map_fd, next_key })).toBe(0);
    expect(next_key).toEqual(u32(7));
    expect(host.bpf(BPF_MAP_GET_NEXT_KEY, { map_fd, key: u32(7), next_key })).toBe(-ENOENT);
    expect(host.bpf(BPF_MAP_DELETE_ELEM, { map_fd, key: u32(7) })).toBe(0);
    expect(host.bpf(BPF_MAP_DELETE_ELEM, { map_fd, key: u32(7) })).toBe(-ENOENT);
    expect(host.close(map_fd)).toBe(0);
    expect(host.close(map_fd)).toBe(-EBADF);
    expect(host.close(-1)).toBe(-EBADF);
  });

  it('answers EFAULT for a buffer shorter than the key or value', () => {
    const map_fd = hash();
    expect(host.bpf(BPF_MAP_UPDATE_ELEM, { map_fd, key: new Uint8Array(3), value: u64(1n) })).toBe(-EFAULT);
    expect(host.bpf(BPF_MAP_UPDATE_ELEM, { map_fd, key: u32(1), value: new Uint8Array(7) })).toBe(-EFAULT);
    expect(host.bpf(BPF_MAP_UPDATE_ELEM, { map_fd, key: u32(1), value: new Uint8Array(0) })).toBe(-EFAULT);
    expect(host.bpf(BPF_MAP_UPDATE_ELEM, { map_fd, key: u32(1), value: u64(1n) })).toBe(0);
    expect(host.bpf(BPF_MAP_LOOKUP_ELEM, { map_fd, key: u32(1), value: new Uint8Array(4) })).toBe(-EFAULT);
    host.close(map_fd);
  });

  it('reports what the kernel refuses', () => {
    expect(host.bpf(BPF_MAP_CREATE, { map_type: HASH, key_size: 0, value_size: 8, max_entries: 1 })).toBe(-EINVAL);
    expect(
      host.bpf(BPF_MAP_CREATE, { map_type: HASH, key_size: 4, value_size: 8, max_entries: 1, map_name: 'a-b' }),
    ).toBe(-EINVAL);
    expect(host.bpf(BPF_MAP_LOOKUP_ELEM, { map_fd: 9999, key: u32(0), value: u64(0n) })).toBe(-EBADF);
  });

  it('moves batches, with a cursor', () => {
    const map_fd = hash(8);
    const update: BatchAttr = { map_fd, keys: words(1, 2, 3), values: words(1, 0, 2, 0, 3, 0), count: 3 };
    expect(host.bpf(BPF_MAP_UPDATE_BATCH, update)).toBe(0);
    expect(update.count).toBe(3);
    const lookup: BatchAttr = {
      map_fd,
      out_batch: new Uint8Array(4),
      keys: new Uint8Array(32),
      values: new Uint8Array(64),
      count: 8,
    };
    expect(host.bpf(BPF_MAP_LOOKUP_BATCH, lookup)).toBe(-ENOENT);
    expect(lookup.count).toBe(3);
    const keys = new Uint32Array(lookup.keys!.slice(0, 12).buffer);
    const values = new BigUint64Array(lookup.values!.slice(0, 24).buffer);
    expect([...keys].sort()).toEqual([1, 2, 3]);
    expect([...values]).toEqual([...keys].map(BigInt));
    lookup.count = 8;
    expect(host.bpf(BPF_MAP_LOOKUP_AND_DELETE_BATCH, lookup)).toBe(-ENOENT);
    expect(host.bpf(BPF_MAP_GET_NEXT_KEY, { map_fd, next_key: new Uint8Array(4) })).toBe(-ENOENT);
    host.close(map_fd);
  });

  it('has a slot for each possible CPU', () => {
    const map_fd = host.bpf(BPF_MAP_CREATE, { map_type: PERCPU_ARRAY, key_size: 4, value_size: 4, max_entries: 1 });
    const lenBytes = 8 * host.possibleCpus();
    const value = new Uint8Array(lenBytes).fill(0xff);
    expect(host.bpf(BPF_MAP_LOOKUP_ELEM, { map_fd, key: u32(0), value: value.subarray(1) })).toBe(-EFAULT);
    expect(host.bpf(BPF_MAP_LOOKUP_ELEM, { map_fd, key: u32(0), value })).toBe(0);
    expect(value).toEqual(new Uint8Array(lenBytes));
    host.close(map_fd);
  });

  it('maps an array live, and cuts the bytes off when unmapped', () => {
    const map_fd = host.bpf(BPF_MAP_CREATE, {
      map_type: ARRAY,
      key_size: 4,
      value_size: 8,
      max_entries: 2,
      map_flags: 1 << 10,
    });
    const bytes = host.mmap(map_fd, { lenBytes: 4096, offset: 0, writable: true });
    if (typeof bytes === 'number') throw new TypeError(`mmap ${bytes}`);
    bytes.set(u64(42n), 8);
    const value = new Uint8Array(8);
    expect(host.bpf(BPF_MAP_LOOKUP_ELEM, { map_fd, key: u32(1), value })).toBe(0);
    expect(value).toEqual(u64(42n));
    host.bpf(BPF_MAP_UPDATE_ELEM, { map_fd, key: u32(0), value: u64(7n) });
    expect(bytes.slice(0, 8)).toEqual(u64(7n));
    expect(host.munmap(map_fd, bytes)).toBe(0);
    // No crash, and no way to the map any more.
    expect(bytes.slice(0, 16)).toEqual(new Uint8Array(16));
    expect(host.munmap(map_fd, bytes)).toBe(-EINVAL);
    expect(host.mmap(9999, { lenBytes: 4096, offset: 0, writable: false })).toBe(-EBADF);
    host.close(map_fd);
  });

  it('gives ids, and fds by id', () => {
    const map_fd = hash();
    const info: MapInfo = {};
    expect(host.bpf(BPF_OBJ_GET_INFO_BY_FD, { bpf_fd: map_fd, info })).toBe(0);
    expect(info).toMatchObject({ type: HASH, key_size: 4, value_size: 8, max_entries: 4, name: 'h', netns_ino: 0n });
    const byId = host.bpf(BPF_MAP_GET_FD_BY_ID, { map_id: info.id! });
    expect(byId).toBeGreaterThan(0);
    const next: GetNextIdAttr = { start_id: info.id! - 1 };
    expect(host.bpf(BPF_MAP_GET_NEXT_ID, next)).toBe(0);
    expect(next.next_id).toBe(info.id);
    host.close(byId);
    host.close(map_fd);
  });

  it('pins and gets in a bpf file system', (ctx) => {
    const script = `
      const { createHost } = await import(${JSON.stringify(new URL('./host.ts', import.meta.url).href)});
      const host = createHost();
      const fd = host.bpf(0, { map_type: 1, key_size: 4, value_size: 8, max_entries: 1 });
      const pin = host.bpf(6, { pathname: process.argv[1] + '/m', bpf_fd: fd });
      const got = host.bpf(7, { pathname: process.argv[1] + '/m' });
      const absent = host.bpf(7, { pathname: process.argv[1] + '/none' });
      console.log(JSON.stringify({ pin, got: got > 0, absent }));`;
    const shell = `d=$(mktemp -d) && mount -t bpf bpf $d && node --import tsx --conditions=@tsbpf/source --input-type=module -e "$0" $d; s=$?; umount $d; rmdir $d; exit $s`;
    let out: string;
    try {
      out = execFileSync('unshare', ['-m', 'sh', '-c', shell, script], { encoding: 'utf8', stdio: 'pipe' });
    } catch (error) {
      return ctx.skip(`no private bpf file system here: ${String(error)}`);
    }
    expect(JSON.parse(out)).toEqual({ pin: 0, got: true, absent: -ENOENT });
    expect(host.bpf(BPF_OBJ_GET, { pathname: '/nowhere/at/all' })).toBe(-ENOENT);
    expect(host.bpf(BPF_OBJ_PIN, { pathname: '/proc/version/x', bpf_fd: 0 })).toBeOneOf([-ENOTDIR, -EINVAL, -EBADF]);
  });
});

describe.skipIf(!isRoot)('programs', () => {
  const host = isRoot ? createHost() : (undefined as unknown as Host);
  const load = (insns: Uint8Array, more: Partial<ProgLoadAttr> = {}): number =>
    host.bpf(BPF_PROG_LOAD, { prog_type: XDP, insns, license: 'GPL', ...more });

  it('loads with a log at level 1 and 2', () => {
    for (const log_level of [1, 2]) {
      const log_buf = new Uint8Array(65536);
      const fd = load(prog(mov(0, 2), EXIT), { log_level, log_buf, prog_name: 'pass' });
      expect(fd).toBeGreaterThan(0);
      expect(text(log_buf)).toContain('processed 2 insns (limit 1000000)');
      if (log_level === 2) expect(text(log_buf)).toContain('0: (b7) r0 = 2');
      host.close(fd);
    }
  });

  it('gives errno and text of a rejection', () => {
    const log_buf = new Uint8Array(65536);
    expect(load(prog(EXIT), { log_level: 1, log_buf })).toBe(-EACCES);
    expect(text(log_buf)).toContain('R0 !read_ok');
    const short = new Uint8Array(128);
    const ids = Array.from({ length: 40 }, (_, i) => mov(0, i));
    expect(load(prog(...ids, EXIT), { log_level: 2, log_buf: short })).toBe(-ENOSPC);
  });

  it('runs xdp with data out, and reports a buffer too small', () => {
    const prog_fd = load(prog(mov(0, 2), EXIT));
    const data_in = Uint8Array.from({ length: 64 }, (_, i) => i);
    const run: TestRunAttr = { prog_fd, data_in, data_out: new Uint8Array(256), repeat: 3 };
    expect(host.bpf(BPF_PROG_TEST_RUN, run)).toBe(0);
    expect(run.retval).toBe(2);
    expect(run.data_size_out).toBe(64);
    expect(run.data_out!.subarray(0, 64)).toEqual(data_in);
    expect(run.data_out!.subarray(64)).toEqual(new Uint8Array(192));
    const small: TestRunAttr = { prog_fd, data_in, data_out: new Uint8Array(16).fill(9) };
    expect(host.bpf(BPF_PROG_TEST_RUN, small)).toBe(-ENOSPC);
    expect(small.data_size_out).toBe(64);
    expect(small.data_out).toEqual(data_in.subarray(0, 16));
    host.close(prog_fd);
  });

  it('gives info with instructions and maps', () => {
    const map_fd = host.bpf(BPF_MAP_CREATE, { map_type: ARRAY, key_size: 4, value_size: 4, max_entries: 1 });
    const insns = prog(insn(0x18, 1, 1, 0, map_fd), insn(0), mov(0, 2), EXIT);
    const bpf_fd = load(insns, { prog_name: 'with_map' });
    const info: ProgInfo = {};
    expect(host.bpf(BPF_OBJ_GET_INFO_BY_FD, { bpf_fd, info })).toBe(0);
    expect(info).toMatchObject({ type: XDP, name: 'with_map', nr_map_ids: 1, gpl_compatible: 1, xlated_prog_len: 32 });
    expect(info.tag).toHaveLength(8);
    const full: ProgInfo = {
      xlated_prog_len: info.xlated_prog_len,
      xlated_prog_insns: new Uint8Array(info.xlated_prog_len!),
      nr_map_ids: 1,
      map_ids: new Uint8Array(4),
    };
    expect(host.bpf(BPF_OBJ_GET_INFO_BY_FD, { bpf_fd, info: full })).toBe(0);
    expect(full.xlated_prog_insns!.subarray(16)).toEqual(insns.subarray(16));
    const map: MapInfo = {};
    host.bpf(BPF_OBJ_GET_INFO_BY_FD, { bpf_fd: map_fd, info: map });
    expect(full.map_ids).toEqual(u32(map.id!));
    const tooMany: ProgInfo = { nr_map_ids: 2, map_ids: new Uint8Array(4) };
    expect(host.bpf(BPF_OBJ_GET_INFO_BY_FD, { bpf_fd, info: tooMany })).toBe(-EFAULT);
    const again = host.bpf(BPF_PROG_GET_FD_BY_ID, { prog_id: info.id! });
    expect(again).toBeGreaterThan(0);
    host.close(again);
    host.close(bpf_fd);
    host.close(map_fd);
  });

  it('loads BTF and reads it back', () => {
    // One type: int, signed, 32 bits, named "int".
    const types = words(1, 0x01000000, 4, 0x01000020);
    const strings = new TextEncoder().encode('\0int\0');
    const btf = new Uint8Array([...words(0x0001eb9f, 24, 0, 16, 16, strings.length), ...types, ...strings]);
    const btf_log_buf = new Uint8Array(4096);
    const bpf_fd = host.bpf(BPF_BTF_LOAD, { btf, btf_log_buf, btf_log_level: 1 });
    expect(bpf_fd).toBeGreaterThan(0);
    expect(text(btf_log_buf)).toContain('[1] INT int size=4 bits_offset=0 nr_bits=32 encoding=SIGNED');
    const info: BtfInfo = { btf: new Uint8Array(256) };
    expect(host.bpf(BPF_OBJ_GET_INFO_BY_FD, { bpf_fd, info })).toBe(0);
    expect(info.btf_size).toBe(btf.length);
    expect(info.btf!.subarray(0, btf.length)).toEqual(btf);
    host.close(bpf_fd);
    const bad = btf.slice();
    bad[0] = 0;
    expect(host.bpf(BPF_BTF_LOAD, { btf: bad })).toBe(-EINVAL);
  });

  it('stays on a CPU', () => {
    pinToCpu(0);
    // r0 = bpf_get_smp_processor_id()
    const prog_fd = load(prog(insn(0x85, 0, 0, 0, 8), EXIT));
    const run: TestRunAttr = { prog_fd, data_in: new Uint8Array(64), repeat: 1 };
    expect(host.bpf(BPF_PROG_TEST_RUN, run)).toBe(0);
    expect(run.retval).toBe(0);
    expect(() => pinToCpu(1023)).toThrow(/CPU 1023/);
    host.close(prog_fd);
  });

  it('queries an fd that is no cgroup', () => {
    expect(host.bpf(BPF_PROG_QUERY, { target_fd: 9999, attach_type: 0, prog_ids: new Uint8Array(16) })).toBe(-EBADF);
  });
});
