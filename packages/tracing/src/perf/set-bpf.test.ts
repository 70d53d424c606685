// SPDX-License-Identifier: MIT
import {
  BPF_PROG_TYPE_KPROBE,
  BPF_PROG_TYPE_PERF_EVENT,
  BPF_PROG_TYPE_TRACEPOINT,
  BPF_TASK_FD_QUERY,
  E2BIG,
  EACCES,
  EBADF,
  EEXIST,
  EINVAL,
  ENOENT,
  EOPNOTSUPP,
  ESRCH,
} from '@tsbpf/uapi';
import { callHelper, createTestSys, installFakeProg, type FakeProgOptions } from '@tsbpf/testkit';
import { describe, expect, test } from 'vitest';
import { overrideReturnHelpers } from '../helpers/override-return.ts';
import { registerOff } from '../probe/registers.ts';
import { tracingRegistries } from '../registries.ts';
import { tracingOf } from '../tracing.ts';
import { PERF_TYPE_KPROBE, PERF_TYPE_SOFTWARE, PERF_TYPE_TRACEPOINT, PERF_TYPE_UPROBE } from './perf-event.ts';

const read = (bytes: Uint8Array | number): string =>
  typeof bytes === 'number' ? String(bytes) : new TextDecoder().decode(bytes);

function setUp() {
  const sys = createTestSys({ rows: tracingRegistries() });
  const tracing = tracingOf(sys.state);
  const eventId = (name: string): bigint =>
    BigInt(read(sys.readFile(`/sys/kernel/debug/tracing/events/${name.replace(':', '/')}/id`)));
  const open = (type: number, over: object): number =>
    sys.perfEventOpen({ type, config: 0n, pid: -1, cpu: 0, ...over });
  const attach = (perfFd: number, options: FakeProgOptions): number =>
    sys.perfEventSetBpf(perfFd, installFakeProg(sys, options).fd);
  const tracepoint = (name: string, over: Partial<FakeProgOptions> = {}): number =>
    attach(open(PERF_TYPE_TRACEPOINT, { config: eventId(name) }), { type: BPF_PROG_TYPE_TRACEPOINT, ...over });
  const kprobe = (path: string, over: Partial<FakeProgOptions> = {}, attr: object = {}): number =>
    attach(open(PERF_TYPE_KPROBE, { path, ...attr }), { type: BPF_PROG_TYPE_KPROBE, ...over });
  return { sys, tracing, open, attach, tracepoint, kprobe, eventId };
}

describe('trace events', () => {
  test('programs see the record behind the first word; all run, one 0 drops the record', () => {
    const { sys, tracing, tracepoint } = setUp();
    const { mem } = sys.state;
    const seen: unknown[] = [];
    const run =
      (r0: number) =>
      (ctx: number): number => {
        seen.push([mem.toOff(mem.read64(ctx)) > 0, mem.readS32(ctx + 24), mem.read64(ctx + 32), mem.readS32(ctx + 56)]);
        return r0;
      };
    expect(tracepoint('sched:sched_switch', { run: run(0), verified: { maxCtxOffset: 64 } })).toBe(0);
    expect(tracepoint('sched:sched_switch', { run: run(1) })).toBe(0);
    const kept = tracing.fireEvent('sched:sched_switch', {
      prev_comm: 'bash',
      prev_pid: 7,
      prev_state: 2n,
      next_pid: -9,
    });
    expect(kept).toBe(false);
    expect(seen).toEqual([
      [true, 7, 2n, -9],
      [true, 7, 2n, -9],
    ]);
  });

  test('without programs records are kept', () => {
    const { tracing } = setUp();
    expect(tracing.fireEvent('sched:sched_process_exit', { pid: 1 })).toBe(true);
    expect(() => tracing.fireEvent('sched:none')).toThrow('no trace event sched:none');
    expect(() => tracing.fireEvent('sched:sched_process_exit', { cpu: 1 })).toThrow('takes no such cpu');
  });

  test('a script may declare its own', () => {
    const { sys, tracing, tracepoint } = setUp();
    tracing.declareEvent('mine:my_event', [
      { name: '__syscall_nr', type: 'int', size: 4 },
      { name: 'dfd', type: 'int', size: 8 },
      { name: 'filename', type: 'const char *', size: 8 },
    ]);
    const format = read(sys.readFile('/sys/kernel/tracing/events/syscalls/sys_enter_openat/format'));
    expect(format).toContain('\tfield:const char * filename;\toffset:24;\tsize:8;\tsigned:0;');
    let filename = 0n;
    const run = (ctx: number): number => ((filename = sys.state.mem.read64(ctx + 24)), 1);
    expect(tracepoint('mine:my_event', { run })).toBe(0);
    tracing.fireEvent('mine:my_event', { filename: 0x7f00_0000_1000n });
    expect(filename).toBe(0x7f00_0000_1000n);
    expect(() => tracing.declareEvent('mine:my_event', [])).toThrow('is there');
  });

  test('refused: another type, bytes behind the record, twice, more than 64', () => {
    const { sys, open, attach, tracepoint, eventId } = setUp();
    expect(tracepoint('sched:sched_switch', { type: BPF_PROG_TYPE_KPROBE })).toBe(-EINVAL);
    expect(tracepoint('sched:sched_switch', { verified: { maxCtxOffset: 65 } })).toBe(-EACCES);
    const type = BPF_PROG_TYPE_TRACEPOINT;
    const config = eventId('sched:sched_switch');
    const { fd } = installFakeProg(sys, { type });
    const perf = open(PERF_TYPE_TRACEPOINT, { config });
    expect(sys.perfEventSetBpf(perf, fd)).toBe(0);
    expect(attach(perf, { type })).toBe(-EEXIST);
    expect(sys.perfEventSetBpf(open(PERF_TYPE_TRACEPOINT, { config }), fd)).toBe(-EEXIST);
    for (let i = 1; i < 64; i++) expect(tracepoint('sched:sched_switch')).toBe(0);
    expect(tracepoint('sched:sched_switch')).toBe(-E2BIG);
    expect(sys.perfEventSetBpf(9999, fd)).toBe(-EBADF);
    expect(sys.perfEventSetBpf(perf, 9999)).toBe(-EBADF);
    expect(sys.perfEventSetBpf(fd, fd)).toBe(-EINVAL);
  });
});

describe('probes', () => {
  test('kprobes see arguments in registers, kretprobes the result; the newest runs first', () => {
    const { sys, tracing, kprobe } = setUp();
    const log: string[] = [];
    const reg =
      (name: 'di' | 'si' | 'ax') =>
      (ctx: number): number => (log.push(`${name} ${sys.state.mem.read64(ctx + registerOff(name))}`), 1);
    kprobe('vfs_read', { run: reg('di') });
    kprobe('vfs_read', { run: reg('si') });
    kprobe('vfs_read', { run: reg('ax') }, { retprobe: true });
    expect(tracing.fireKprobe('vfs_read', { args: [3n, 4n] })).toEqual({ recorded: true, overridden: undefined });
    expect(log.splice(0)).toEqual(['si 4', 'di 3']);
    tracing.fireKretprobe('vfs_read', 512n);
    expect(log).toEqual(['ax 512']);
    tracing.fireKprobe('vfs_write', { args: [1n] });
    expect(log).toHaveLength(1);
  });

  test('an offset is another place; uprobes have a path', () => {
    const { tracing, kprobe, open, attach } = setUp();
    let hits = 0;
    const run = (): number => (hits++, 0);
    kprobe('vfs_read', { run }, { probeOffset: 5n });
    tracing.fireKprobe('vfs_read');
    expect(hits).toBe(0);
    expect(tracing.fireKprobe('vfs_read', { offset: 5n }).recorded).toBe(false);
    attach(open(PERF_TYPE_UPROBE, { path: '/bin/bash', probeOffset: 0x100n }), { type: BPF_PROG_TYPE_KPROBE, run });
    tracing.fireUprobe('/bin/bash', 0x100n, { args: [1n] });
    tracing.fireUprobe('/bin/bash', 0x100n, { ret: 1n });
    expect(hits).toBe(2);
  });

  test('programs of these kinds do not nest: the inner one is skipped', () => {
    const { tracing, kprobe } = setUp();
    const results: unknown[] = [];
    kprobe('vfs_write', { run: () => expect.unreachable('runs inside of another') });
    kprobe('vfs_read', { run: () => (results.push(tracing.fireKprobe('vfs_write').recorded), 1) });
    expect(tracing.fireKprobe('vfs_read').recorded).toBe(true);
    expect(results).toEqual([false]);
  });

  test('override_return needs a function that allows it, and makes it return', () => {
    const { sys, tracing, kprobe } = setUp();
    const run = (ctx: number): number => {
      const args = [ctx, -12n];
      callHelper(sys.state, { rows: overrideReturnHelpers, variant: 'bpf_override_return' }, { args });
      return 0;
    };
    const verified = { overridesReturn: true };
    expect(kprobe('vfs_open', { run, verified })).toBe(-EINVAL);
    tracing.allowOverride('vfs_open');
    expect(kprobe('vfs_open', { run, verified }, { retprobe: true })).toBe(-EINVAL);
    expect(kprobe('vfs_open', { run, verified }, { probeOffset: 4n })).toBe(-EINVAL);
    expect(kprobe('vfs_open', { run, verified })).toBe(0);
    expect(tracing.fireKprobe('vfs_open').overridden).toBe(BigInt.asUintN(64, -12n));
  });

  test('closing the event detaches', () => {
    const { sys, tracing, open } = setUp();
    let hits = 0;
    const { fd, prog } = installFakeProg(sys, { type: BPF_PROG_TYPE_KPROBE, run: () => ++hits });
    const perf = open(PERF_TYPE_KPROBE, { path: 'vfs_read' });
    sys.perfEventSetBpf(perf, fd);
    expect(prog.refs).toBe(2);
    sys.close(perf);
    tracing.fireKprobe('vfs_read');
    expect([hits, prog.refs]).toEqual([0, 1]);
  });
});

describe('samples', () => {
  test('perf_event programs see registers, period and address through pointers; 0 drops the sample', () => {
    const { sys, tracing, open, attach } = setUp();
    const { mem, types } = sys.state;
    const at = (path: string): number => types.resolve(path).off;
    const perf = open(PERF_TYPE_SOFTWARE, { samplePeriod: 100n });
    const run = (ctx: number): number => {
      const follow = (pointer: string): number =>
        mem.toOff(mem.read64(ctx + at(`bpf_perf_event_data_kern.${pointer}`)));
      expect(mem.read64(follow('regs') + registerOff('ip'))).toBe(0xabcn);
      expect(mem.read64(follow('data') + at('perf_sample_data.period'))).toBe(100n);
      expect(mem.read64(follow('data') + at('perf_sample_data.addr'))).toBe(0x5000n);
      return 0;
    };
    expect(tracing.fireSample(tracing.perfEvent(perf))).toBe(true);
    expect(attach(perf, { type: BPF_PROG_TYPE_KPROBE })).toBe(-EINVAL);
    expect(attach(perf, { type: BPF_PROG_TYPE_PERF_EVENT, run })).toBe(0);
    expect(attach(perf, { type: BPF_PROG_TYPE_PERF_EVENT })).toBe(-EEXIST);
    expect(tracing.fireSample(tracing.perfEvent(perf), { regs: { ip: 0xabcn }, addr: 0x5000n })).toBe(false);
  });
});

describe('perf_event_open', () => {
  test.each([
    ['no task and no CPU', { pid: -1, cpu: -1 }, EINVAL],
    ['a CPU that is not there', { cpu: 2 }, EINVAL],
    ['another task', { pid: 31337 }, ESRCH],
    ['an unknown type', { type: 99 }, ENOENT],
    ['an unknown trace event', { type: PERF_TYPE_TRACEPOINT, config: 9999n }, EINVAL],
    ['an unknown function', { type: PERF_TYPE_KPROBE, path: 'no_such_function' }, ENOENT],
    ['a probe without a place', { type: PERF_TYPE_KPROBE }, EINVAL],
    [
      'a return probe inside of a function',
      { type: PERF_TYPE_KPROBE, path: 'vfs_read', retprobe: true, probeOffset: 1n },
      EINVAL,
    ],
  ])('%s', (_what, attr, errno) => {
    const { open } = setUp();
    expect(open(PERF_TYPE_SOFTWARE, attr)).toBe(-errno);
  });

  test('needs CAP_SYS_ADMIN', () => {
    const sys = createTestSys({ rows: tracingRegistries(), env: { task: { uid: 1000 } } });
    expect(sys.perfEventOpen({ type: PERF_TYPE_SOFTWARE, config: 10n, pid: -1, cpu: 0 })).toBe(-EACCES);
  });

  test('BPF_TASK_FD_QUERY tells what a program is attached to', () => {
    const { sys, open, attach } = setUp();
    const perf = open(PERF_TYPE_KPROBE, { path: 'vfs_read', probeOffset: 8n });
    const query = (): object => {
      const attr = { pid: sys.state.env.current.pid, fd: perf, flags: 0, buf: new Uint8Array(16) };
      const result = sys.bpf(BPF_TASK_FD_QUERY, attr);
      return { ...attr, result, buf: new TextDecoder().decode(attr.buf).replaceAll('\0', '') };
    };
    expect(query()).toMatchObject({ result: -ENOENT });
    attach(perf, { type: BPF_PROG_TYPE_KPROBE, id: 5 });
    expect(query()).toMatchObject({ result: 0, prog_id: 5, fd_type: 2, buf: 'vfs_read', probe_offset: 8n });
    const sampling = open(PERF_TYPE_SOFTWARE, {});
    attach(sampling, { type: BPF_PROG_TYPE_PERF_EVENT });
    expect(sys.bpf(BPF_TASK_FD_QUERY, { pid: sys.state.env.current.pid, fd: sampling, flags: 0 })).toBe(-EOPNOTSUPP);
  });
});
