// SPDX-License-Identifier: MIT
// What a loader needs besides bpf(2), and the raw form. Needs root; network tests run in a network namespace of
// their own.
import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import {
  BPF_MAP_CREATE,
  BPF_MAP_LOOKUP_BATCH,
  BPF_MAP_LOOKUP_ELEM,
  BPF_MAP_UPDATE_ELEM,
  BPF_OBJ_GET_INFO_BY_FD,
  BPF_PROG_LOAD,
  BPF_PROG_TEST_RUN,
  BPF_TASK_FD_QUERY,
  E2BIG,
  EBADF,
  EEXIST,
  EFAULT,
  EINVAL,
  ENODEV,
  ENOENT,
} from '@tsbpf/uapi';
import type { TaskFdQueryAttr, UserMemory } from '@tsbpf/uapi';
import { createHost } from './host.ts';
import type { Host } from './host.ts';
import { u32, u64, words } from '../test/bytes.ts';

const isRoot = process.platform === 'linux' && process.getuid?.() === 0;
if (!isRoot) console.log('skipped: needs root on Linux');

/** User memory at 0x10000, `size` bytes of it. */
function userMemory(size: number): UserMemory & { bytes: Uint8Array } {
  const base = 0x10000n;
  const bytes = new Uint8Array(size);
  const inside = (addr: bigint, len: number): boolean => addr >= base && addr + BigInt(len) <= base + BigInt(size);
  return {
    bytes,
    read: (addr, len) => (inside(addr, len) ? bytes.slice(Number(addr - base), Number(addr - base) + len) : undefined),
    write(addr, data) {
      if (!inside(addr, data.length)) return false;
      bytes.set(data, Number(addr - base));
      return true;
    },
  };
}

describe.skipIf(!isRoot)('the raw form', () => {
  const host = isRoot ? createHost() : (undefined as unknown as Host);
  const attrOf = (size: number, fields: readonly [number, number | bigint][]): Uint8Array => {
    const view = new DataView(new ArrayBuffer(size));
    for (const [off, value] of fields)
      if (typeof value === 'bigint') view.setBigUint64(off, value, true);
      else view.setUint32(off, value, true);
    return new Uint8Array(view.buffer);
  };

  it('creates a map, and updates and reads an element behind pointers', () => {
    const user = userMemory(64);
    const create = attrOf(16, [
      [0, 1],
      [4, 4],
      [8, 8],
      [12, 2],
    ]);
    const fd = host.bpfRaw(BPF_MAP_CREATE, create, 16, user);
    expect(fd).toBeGreaterThan(0);
    user.write(0x10000n, u32(5));
    user.write(0x10008n, u64(99n));
    const elem = (value: bigint): Uint8Array =>
      attrOf(32, [
        [0, fd],
        [8, 0x10000n],
        [16, value],
      ]);
    expect(host.bpfRaw(BPF_MAP_UPDATE_ELEM, elem(0x10008n), 32, user)).toBe(0);
    const lookup = elem(0x10010n);
    expect(host.bpfRaw(BPF_MAP_LOOKUP_ELEM, lookup, 32, user)).toBe(0);
    expect(user.bytes.slice(16, 24)).toEqual(u64(99n));
    expect(lookup).toEqual(elem(0x10010n));
    // 0x1003c has 4 bytes only.
    expect(host.bpfRaw(BPF_MAP_LOOKUP_ELEM, elem(0x1003cn), 32, user)).toBe(-EFAULT);
    user.write(0x10000n, u32(6));
    expect(host.bpfRaw(BPF_MAP_LOOKUP_ELEM, elem(0x10010n), 32, user)).toBe(-ENOENT);
    host.close(fd);
  });

  it('looks up a batch behind pointers, with a cursor longer than the key', () => {
    const user = userMemory(64);
    const fd = host.bpf(BPF_MAP_CREATE, { map_type: 1, key_size: 1, value_size: 2, max_entries: 4 });
    host.bpf(BPF_MAP_UPDATE_ELEM, { map_fd: fd, key: new Uint8Array([9]), value: new Uint8Array([1, 2]) });
    user.bytes.fill(0xee);
    const batch = attrOf(56, [
      [8, 0x10000n],
      [16, 0x10008n],
      [24, 0x10010n],
      [32, 4],
      [36, fd],
    ]);
    expect(host.bpfRaw(BPF_MAP_LOOKUP_BATCH, batch, 56, user)).toBe(-ENOENT);
    expect(new DataView(batch.buffer).getUint32(32, true)).toBe(1);
    expect([...user.bytes.slice(8, 12)]).toEqual([9, 0xee, 0xee, 0xee]);
    expect([...user.bytes.slice(16, 20)]).toEqual([1, 2, 0xee, 0xee]);
    expect(user.bytes.slice(0, 4)).not.toEqual(new Uint8Array(4).fill(0xee));
    expect([...user.bytes.slice(4, 8)]).toEqual([0xee, 0xee, 0xee, 0xee]);
    host.close(fd);
  });

  it('passes the size through the kernel’s checks', () => {
    const user = userMemory(8);
    const valid: [number, number][] = [
      [0, 2],
      [4, 4],
      [8, 8],
      [12, 1],
    ];
    const fd = host.bpfRaw(BPF_MAP_CREATE, attrOf(4096, valid), 4096, user);
    expect(fd).toBeGreaterThan(0);
    host.close(fd);
    expect(host.bpfRaw(BPF_MAP_CREATE, attrOf(8192, valid), 8192, user)).toBe(-E2BIG);
    // The size says more than there is.
    expect(host.bpfRaw(BPF_MAP_CREATE, attrOf(16, valid), 24, user)).toBe(-EFAULT);
    expect(() => host.bpfRaw(BPF_MAP_CREATE, attrOf(128, [...valid, [120, 1]]), 128, user)).toThrow(/v5\.6/);
  });

  it('loads, runs and describes a program', () => {
    const user = userMemory(1024);
    user.write(0x10000n, new Uint8Array([0xb7, 0, 0, 0, 1, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0]));
    user.write(0x10100n, new TextEncoder().encode('GPL\0'));
    const attr = attrOf(48, [
      [0, 6],
      [4, 2],
      [8, 0x10000n],
      [16, 0x10100n],
    ]);
    const fd = host.bpfRaw(BPF_PROG_LOAD, attr, 48, user);
    expect(fd).toBeGreaterThan(0);
    const run = attrOf(64, [
      [0, fd],
      [8, 64],
      [12, 64],
      [16, 0x10200n],
      [24, 0x10280n],
      [32, 1],
    ]);
    user.bytes.fill(0xaa, 0x200, 0x240);
    expect(host.bpfRaw(BPF_PROG_TEST_RUN, run, 64, user)).toBe(0);
    expect(new DataView(run.buffer).getUint32(4, true)).toBe(1);
    expect(user.bytes.slice(0x280, 0x2c0)).toEqual(new Uint8Array(64).fill(0xaa));
    // bpf_prog_info at 0x10300, room for the instructions at 0x10000.
    user.bytes.fill(0, 0, 16);
    user.write(0x10300n + 20n, u32(16));
    user.write(0x10300n + 32n, u64(0x10000n));
    const info = attrOf(16, [
      [0, fd],
      [4, 208],
      [8, 0x10300n],
    ]);
    expect(host.bpfRaw(BPF_OBJ_GET_INFO_BY_FD, info, 16, user)).toBe(0);
    expect([...user.bytes.slice(0, 9)]).toEqual([0xb7, 0, 0, 0, 1, 0, 0, 0, 0x95]);
    expect(user.bytes.slice(0x300, 0x304)).toEqual(u32(6));
    expect(user.bytes.slice(0x320, 0x328)).toEqual(u64(0x10000n));
    host.close(fd);
  });
});

describe.skipIf(!isRoot)('neighbours of bpf(2)', () => {
  const host = isRoot ? createHost() : (undefined as unknown as Host);

  it('reads files', () => {
    expect(host.readFile('/proc/sys/kernel/osrelease')).toEqual(new TextEncoder().encode(`${host.uname().release}\n`));
    expect(host.readFile('/nowhere')).toBe(-ENOENT);
    expect(host.open('/nowhere', 0)).toBe(-ENOENT);
    const fd = host.open('/', 0);
    expect(fd).toBeGreaterThan(0);
    host.close(fd);
  });

  it('knows devices', () => {
    expect(host.ifNameToIndex('lo')).toBe(1);
    expect(host.ifNameToIndex('none')).toBe(-ENODEV);
    expect(host.possibleCpus()).toBeGreaterThan(0);
  });

  it('polls', () => {
    const fd = host.open('/dev/null', 2);
    expect(host.poll([fd], { timeoutMs: 0 })).toEqual([fd]);
    host.close(fd);
    expect(host.poll([], { timeoutMs: 0 })).toEqual([]);
    expect(host.setsockopt(9999, 1, 50, words(0))).toBe(-EBADF);
  });

  it('gives a software perf event a program', () => {
    const insns = new Uint8Array([0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0]);
    const progFd = host.bpf(BPF_PROG_LOAD, { prog_type: 7, insns, license: 'GPL' });
    // PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK
    const fd = host.perfEventOpen({ type: 1, config: 0n, samplePeriod: 1000000n, pid: -1, cpu: 0 });
    expect(fd).toBeGreaterThan(0);
    expect(host.perfEventSetBpf(fd, progFd)).toBe(0);
    expect(host.perfEventSetBpf(fd, progFd)).toBe(-EEXIST);
    expect(host.perfEventOpen({ type: 9999, config: 0n, pid: -1, cpu: 0 })).toBe(-ENOENT);
    host.close(fd);
    host.close(progFd);
  });

  it('attaches a kprobe that task_fd_query sees', (ctx) => {
    const type = host.readFile('/sys/bus/event_source/devices/kprobe/type');
    if (typeof type === 'number') return ctx.skip('this kernel has no kprobe PMU');
    const insns = new Uint8Array([0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0]);
    const progFd = host.bpf(BPF_PROG_LOAD, { prog_type: 2, insns, license: 'GPL' });
    expect(progFd).toBeGreaterThan(0);
    const fd = host.perfEventOpen({
      type: Number(new TextDecoder().decode(type)),
      config: 0n,
      path: 'do_nanosleep',
      probeOffset: 0n,
      pid: -1,
      cpu: 0,
    });
    expect(fd).toBeGreaterThan(0);
    expect(host.perfEventSetBpf(fd, progFd)).toBe(0);
    const query: TaskFdQueryAttr = { pid: process.pid, fd, buf: new Uint8Array(64) };
    expect(host.bpf(BPF_TASK_FD_QUERY, query)).toBe(0);
    expect(query.fd_type).toBe(2);
    expect(query.buf_len).toBe('do_nanosleep'.length);
    expect(new TextDecoder().decode(query.buf!.subarray(0, query.buf_len))).toBe('do_nanosleep');
    expect(host.perfEventSetBpf(fd, 9999)).toBeOneOf([-EBADF, -EINVAL]);
    host.close(fd);
    host.close(progFd);
  });

  it('attaches XDP and tc in a network namespace', (ctx) => {
    const script = `
      const { createHost } = await import(${JSON.stringify(new URL('./host.ts', import.meta.url).href)});
      const host = createHost();
      const insns = new Uint8Array([0xb7, 0, 0, 0, 2, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0]);
      const load = (prog_type) => host.bpf(5, { prog_type, insns, license: 'GPL' });
      const lo = host.ifNameToIndex('lo');
      const [xdp, cls] = [load(6), load(3)];
      const out = { xdp: host.setLinkXdp(lo, xdp, 2), busy: host.setLinkXdp(lo, xdp, 2 | 1) };
      out.detached = host.setLinkXdp(lo, -1, 2);
      out.noDevice = host.setLinkXdp(999, xdp, 0);
      out.first = host.attachTc(lo, cls, { direction: 'ingress', directAction: true });
      out.second = host.attachTc(lo, cls, { direction: 'ingress', priority: 5 });
      out.egress = host.attachTc(lo, cls, { direction: 'egress', handle: 7 });
      out.taken = host.attachTc(lo, cls, { direction: 'egress', handle: 7 });
      out.wrongType = host.attachTc(lo, xdp, { direction: 'egress' });
      out.off = [host.detachTc(lo, { direction: 'ingress', handle: out.first }),
        host.detachTc(lo, { direction: 'ingress', handle: out.second }),
        host.detachTc(lo, { direction: 'egress', handle: 7 }),
        host.detachTc(lo, { direction: 'egress', handle: 7 })];
      console.log(JSON.stringify(out));`;
    const args = ['-n', 'node', '--import', 'tsx', '--conditions=@tsbpf/source', '--input-type=module', '-e', script];
    let out: string;
    try {
      out = execFileSync('unshare', args, { encoding: 'utf8', stdio: 'pipe' });
    } catch (error) {
      return ctx.skip(`no network namespace here: ${String(error)}`);
    }
    const answer = JSON.parse(out) as { off: number[] };
    expect(answer).toMatchObject({
      xdp: 0,
      busy: -16,
      detached: 0,
      noDevice: -19,
      first: 1,
      second: 2,
      egress: 7,
      taken: -17,
      wrongType: -22,
    });
    expect(answer.off.slice(0, 3)).toEqual([0, 0, 0]);
    expect(answer.off[3]).toBeLessThan(0);
  });
});
