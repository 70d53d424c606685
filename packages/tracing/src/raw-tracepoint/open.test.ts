// SPDX-License-Identifier: MIT
import {
  BPF_PROG_TYPE_EXT,
  BPF_PROG_TYPE_KPROBE,
  BPF_PROG_TYPE_RAW_TRACEPOINT,
  BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE,
  BPF_PROG_TYPE_TRACING,
  BPF_RAW_TRACEPOINT_OPEN,
  BPF_TASK_FD_QUERY,
  BPF_TRACE_RAW_TP,
  EBADF,
  EEXIST,
  EFAULT,
  EINVAL,
  ENOENT,
} from '@tsbpf/uapi';
import { createTestSys, installFakeProg, type FakeProgOptions } from '@tsbpf/testkit';
import { describe, expect, test } from 'vitest';
import { tracingRegistries } from '../registries.ts';
import { tracingOf } from '../tracing.ts';

function setUp() {
  const sys = createTestSys({ rows: tracingRegistries() });
  const log: string[] = [];
  const words = (ctx: number, n: number): string =>
    Array.from({ length: n }, (_, i) => sys.state.mem.read64(ctx + 8 * i).toString(16)).join(' ');
  const prog = (name: string, options: Partial<FakeProgOptions> = {}) =>
    installFakeProg(sys, {
      type: BPF_PROG_TYPE_RAW_TRACEPOINT,
      run: (ctx) => (log.push(`${name}: ${words(ctx, 3)}`), 0),
      ...options,
    });
  const open = (fd: number, name?: string): number => sys.bpf(BPF_RAW_TRACEPOINT_OPEN, { name, prog_fd: fd });
  return { sys, tracing: tracingOf(sys.state), log, prog, open };
}

describe('raw tracepoints', () => {
  test('the kernel’s BTF says which there are', () => {
    const { sys } = setUp();
    expect(sys.state.tracepoints.find('sched_switch')).toEqual({ name: 'sched_switch', numArgs: 3, writableSize: 0 });
    expect(sys.state.tracepoints.find('nbd_send_request')?.writableSize).toBe(28);
    expect(sys.state.tracepoints.find('bpf_test_finish')?.writableSize).toBe(4);
  });

  test('programs run in the order they came, over 64-bit arguments, until their fd is closed', () => {
    const { sys, tracing, log, prog, open } = setUp();
    const first = open(prog('a').fd, 'sched_switch');
    const second = open(prog('b').fd, 'sched_switch');
    expect(Math.min(first, second)).toBeGreaterThan(0);
    tracing.fireTracepoint('sched_switch', [-1, { off: 0x20000 }, 1n << 63n]);
    const seen = 'ffffffff ffff888000020000 8000000000000000';
    expect(log.splice(0)).toEqual([`a: ${seen}`, `b: ${seen}`]);
    sys.close(first);
    tracing.fireTracepoint('sched_switch', [0, 0, 0]);
    expect(log).toEqual(['b: 0 0 0']);
  });

  test('the fd holds the program, and only while it is open', () => {
    const { sys, prog, open } = setUp();
    const { prog: p, fd } = prog('a');
    const link = open(fd, 'kfree_skb');
    sys.close(fd);
    expect(p.refs).toBe(1);
    sys.close(link);
    expect(p.refs).toBe(0);
  });

  const refused: [why: string, options: Partial<FakeProgOptions>, name: string | undefined, errno: number][] = [
    ['no name', {}, undefined, EFAULT],
    ['an unknown tracepoint', {}, 'no_such', ENOENT],
    ['an argument too many', { verified: { maxCtxOffset: 32 } }, 'sched_switch', EINVAL],
    [
      'a buffer where there is none',
      { type: BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE, verified: { maxTpAccess: 1 } },
      'sched_switch',
      EINVAL,
    ],
    [
      'a byte behind the buffer',
      { type: BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE, verified: { maxTpAccess: 29 } },
      'nbd_send_request',
      EINVAL,
    ],
    ['another type', { type: BPF_PROG_TYPE_KPROBE }, 'sched_switch', EINVAL],
    ['a name for TRACING', { type: BPF_PROG_TYPE_TRACING, expectedAttachType: BPF_TRACE_RAW_TP }, 'kfree_skb', EINVAL],
    ['a name for EXT', { type: BPF_PROG_TYPE_EXT }, 'x', EINVAL],
  ];

  test.each(refused)('%s', (_why, options, name, errno) => {
    const { prog, open } = setUp();
    expect(open(prog('p', options).fd, name)).toBe(-errno);
  });

  test('just what there is may be read, and written', () => {
    const { prog, open } = setUp();
    expect(open(prog('p', { verified: { maxCtxOffset: 24 } }).fd, 'sched_switch')).toBeGreaterThan(0);
    const type = BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE;
    expect(open(prog('p', { type, verified: { maxTpAccess: 28 } }).fd, 'nbd_send_request')).toBeGreaterThan(0);
    expect(open(prog('p', { type }).fd, 'sched_switch')).toBeGreaterThan(0);
    expect(open(99, 'sched_switch')).toBe(-EBADF);
  });

  test('a program is at a tracepoint once, and may be at several', () => {
    const { sys, prog, open } = setUp();
    const { fd } = prog('a');
    const link = open(fd, 'sched_switch');
    expect(open(fd, 'sched_switch')).toBe(-EEXIST);
    expect(open(fd, 'kfree_skb')).toBeGreaterThan(0);
    sys.close(link);
    expect(open(fd, 'sched_switch')).toBeGreaterThan(0);
  });

  test('a TRACING program goes where it was loaded for', () => {
    const { tracing, log, prog, open } = setUp();
    const tp = { type: BPF_PROG_TYPE_TRACING, expectedAttachType: BPF_TRACE_RAW_TP, attach: { name: 'kfree_skb' } };
    expect(open(prog('t', tp).fd)).toBeGreaterThan(0);
    tracing.fireTracepoint('kfree_skb', [{ off: 0x30000 }, 7n]);
    expect(log).toEqual(['t: ffff888000030000 7 0']);
  });

  test('BPF_TASK_FD_QUERY names the tracepoint', () => {
    const { sys, prog, open } = setUp();
    const attr = { pid: sys.state.env.current.pid, fd: open(prog('a', { id: 77 }).fd, 'sys_enter'), flags: 0 };
    const query: typeof attr & { prog_id?: number; fd_type?: number; buf?: Uint8Array } = {
      ...attr,
      buf: new Uint8Array(16),
    };
    expect(sys.bpf(BPF_TASK_FD_QUERY, query)).toBe(0);
    expect([query.prog_id, query.fd_type]).toEqual([77, 0]);
    expect(new TextDecoder().decode(query.buf)).toBe('sys_enter'.padEnd(16, '\0'));
  });
});
