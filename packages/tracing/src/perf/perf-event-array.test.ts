// SPDX-License-Identifier: MIT
import {
  BPF_MAP_CREATE,
  BPF_MAP_DELETE_ELEM,
  BPF_MAP_GET_FD_BY_ID,
  BPF_MAP_LOOKUP_ELEM,
  BPF_MAP_TYPE_PERF_EVENT_ARRAY,
  BPF_MAP_UPDATE_ELEM,
  E2BIG,
  EBADF,
  EINVAL,
  ENOENT,
  ENOSPC,
  ENOTSUPP,
  EOPNOTSUPP,
} from '@tsbpf/uapi';
import { callHelper, createTestSys, signed } from '@tsbpf/testkit';
import { describe, expect, test } from 'vitest';
import { perfHelpers as rows } from '../helpers/perf.ts';
import { tracingRegistries } from '../registries.ts';
import { tracingOf } from '../tracing.ts';
import { PERF_COUNT_SW_BPF_OUTPUT, PERF_TYPE_HARDWARE, PERF_TYPE_SOFTWARE } from './perf-event.ts';

const CURRENT_CPU = 0xffffffffn;
const u32 = (n: number): Uint8Array => new Uint8Array(Uint32Array.of(n).buffer);

function setUp(options: { cpus?: number; entries?: number } = {}) {
  const sys = createTestSys({ rows: tracingRegistries(), env: { cpus: options.cpus ?? 2, tickNs: 0n } });
  const mapFd = sys.bpf(BPF_MAP_CREATE, {
    map_type: BPF_MAP_TYPE_PERF_EVENT_ARRAY,
    key_size: 4,
    value_size: 4,
    max_entries: options.entries ?? 4,
  });
  const file = sys.state.fds.get(mapFd, 'map');
  if (typeof file === 'number') expect.unreachable(`map: ${file}`);
  const openEvent = (cpu: number, type = PERF_TYPE_SOFTWARE, config = PERF_COUNT_SW_BPF_OUTPUT): number =>
    sys.perfEventOpen({ type, config, pid: -1, cpu });
  const update = (index: number, fd: number, flags = 0n, map = mapFd): number =>
    sys.bpf(BPF_MAP_UPDATE_ELEM, { map_fd: map, key: u32(index), value: u32(fd), flags });
  const { mem } = sys.state;
  const data = mem.alloc(64);
  const call = (variant: string, ...args: (bigint | number)[]): number =>
    signed(callHelper(sys.state, { rows, variant }, { args }));
  const output = (flags: bigint, bytes: Uint8Array): number => {
    mem.writeBytes(data, bytes);
    return call('bpf_perf_event_output', 0, file.map.addr, flags, mem.toAddr(data), bytes.length);
  };
  const event = (fd: number) => tracingOf(sys.state).perfEvent(fd);
  return { sys, mem, data, mapFd, map: file.map, openEvent, update, call, output, event };
}

describe('perf event arrays', () => {
  test('take perf events, and tell programs of the current CPU’s', () => {
    const { sys, openEvent, update, output, event } = setUp();
    const [fd0, fd1] = [openEvent(0), openEvent(1)];
    expect([update(0, fd0), update(1, fd1)]).toEqual([0, 0]);
    sys.state.env.cpu = 1;
    expect(output(CURRENT_CPU, Uint8Array.of(1, 2, 3))).toBe(0);
    expect(event(fd0).read()).toEqual([]);
    expect(sys.poll([fd0, fd1], { timeoutMs: 0 })).toEqual([fd1]);
    expect(event(fd1).read()).toEqual([{ type: 'sample', data: Uint8Array.of(1, 2, 3, 0) }]);
    expect(sys.poll([fd0, fd1], { timeoutMs: 0 })).toEqual([]);
  });

  test.each([
    [0, 4],
    [4, 4],
    [5, 12],
    [12, 12],
    [13, 20],
  ])('a sample of %i bytes comes as %i', (size, stored) => {
    const { openEvent, update, output, event } = setUp();
    const fd = openEvent(0);
    update(0, fd);
    expect(output(0n, new Uint8Array(size).fill(7))).toBe(0);
    const [record] = event(fd).read();
    expect(record).toEqual({ type: 'sample', data: Uint8Array.from({ length: stored }, (_, i) => (i < size ? 7 : 0)) });
  });

  test('errors of output', () => {
    const { sys, openEvent, update, output } = setUp();
    update(0, openEvent(0));
    update(1, openEvent(1));
    update(2, openEvent(0, PERF_TYPE_HARDWARE, 0n));
    const byte = Uint8Array.of(1);
    expect(output(1n << 32n, byte)).toBe(-EINVAL);
    expect(output(4n, byte)).toBe(-E2BIG);
    expect(output(3n, byte)).toBe(-ENOENT);
    expect(output(2n, byte)).toBe(-EINVAL);
    expect(output(1n, byte)).toBe(-EOPNOTSUPP);
    sys.state.env.cpu = 1;
    expect(output(1n, byte)).toBe(0);
  });

  test('a full ring says so, and tells its reader what it lost', () => {
    const { openEvent, update, output, event } = setUp();
    const fd = openEvent(0);
    update(0, fd);
    const bytes = new Uint8Array(60);
    event(fd).ringBytes = 2 * 72;
    expect([0, 1, 2, 3].map(() => output(0n, bytes))).toEqual([0, 0, -ENOSPC, -ENOSPC]);
    expect(
      event(fd)
        .read()
        .map((r) => r.type),
    ).toEqual(['sample', 'sample']);
    expect(output(0n, bytes)).toBe(0);
    expect(
      event(fd)
        .read()
        .map((r) => (r.type === 'lost' ? r.count : r.type)),
    ).toEqual([2, 'sample']);
  });

  test('system calls', () => {
    const { sys, mapFd, openEvent, update } = setUp();
    const fd = openEvent(0);
    expect(update(0, mapFd)).toBe(-EBADF);
    expect(update(0, 99)).toBe(-EBADF);
    expect(update(4, fd)).toBe(-E2BIG);
    expect(update(0, fd, 1n)).toBe(-EINVAL);
    expect(update(0, fd)).toBe(0);
    expect(sys.bpf(BPF_MAP_LOOKUP_ELEM, { map_fd: mapFd, key: u32(0), value: new Uint8Array(4) })).toBe(-ENOTSUPP);
    expect(sys.bpf(BPF_MAP_DELETE_ELEM, { map_fd: mapFd, key: u32(1) })).toBe(-ENOENT);
    expect(sys.bpf(BPF_MAP_DELETE_ELEM, { map_fd: mapFd, key: u32(4) })).toBe(-E2BIG);
    expect(sys.bpf(BPF_MAP_DELETE_ELEM, { map_fd: mapFd, key: u32(0) })).toBe(0);
  });

  test('an event lives as long as its fd or a slot; closing a map’s fd empties what was filled through it', () => {
    const { sys, mapFd, map, openEvent, update, output } = setUp();
    const second = sys.bpf(BPF_MAP_GET_FD_BY_ID, { map_id: map.id });
    const [fd0, fd1] = [openEvent(0), openEvent(0)];
    update(0, fd0);
    update(1, fd1, 0n, second);
    sys.close(fd0);
    sys.close(fd1);
    const count = (): number => [...tracingOf(sys.state).perfEvents].length;
    expect(count()).toBe(2);
    sys.close(second);
    expect(count()).toBe(1);
    expect(output(1n, Uint8Array.of(1))).toBe(-ENOENT);
    expect(output(0n, Uint8Array.of(1))).toBe(0);
    sys.close(mapFd);
    expect(count()).toBe(0);
  });
});

describe('counters', () => {
  test('perf_event_read answers the counter, or an errno in the same 64 bits', () => {
    const { map, sys, openEvent, update, call, event } = setUp();
    const fd = openEvent(0, PERF_TYPE_HARDWARE, 1n);
    update(0, fd);
    event(fd).counter = 0x1_0000_0002n;
    const read = (flags: bigint): bigint =>
      callHelper(sys.state, { rows, variant: 'bpf_perf_event_read' }, { args: [map.addr, flags] });
    expect(read(CURRENT_CPU)).toBe(0x1_0000_0002n);
    expect(signed(read(1n))).toBe(-ENOENT);
    expect(signed(read(9n))).toBe(-E2BIG);
    expect(signed(read(1n << 32n))).toBe(-EINVAL);
    sys.state.env.cpu = 1;
    expect(call('bpf_perf_event_read', map.addr, 0)).toBe(-EINVAL);
  });

  test('perf_event_read_value fills 24 bytes, zeroed where it fails', () => {
    const { sys, mem, data, map, openEvent, update, call, event } = setUp();
    const fd = openEvent(0, PERF_TYPE_HARDWARE, 1n);
    update(0, fd);
    event(fd).counter = 5n;
    sys.state.env.advanceNs(700n);
    const value = (flags: number, size: number): number => {
      mem.fill(data, 32, 0xaa);
      return call('bpf_perf_event_read_value', map.addr, flags, mem.toAddr(data), size);
    };
    expect(value(0, 24)).toBe(0);
    expect([0, 8, 16].map((at) => mem.read64(data + at))).toEqual([5n, 700n, 700n]);
    expect(value(1, 24)).toBe(-ENOENT);
    expect(mem.readBytes(data, 25)).toEqual(Uint8Array.from({ length: 25 }, (_, i) => (i === 24 ? 0xaa : 0)));
    expect(value(0, 16)).toBe(-EINVAL);
    expect(mem.read64(data + 8)).toBe(0n);
  });
});
