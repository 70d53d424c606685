// SPDX-License-Identifier: MIT
import {
  BPF_PROG_TYPE_EXT,
  BPF_PROG_TYPE_KPROBE,
  BPF_PROG_TYPE_TRACING,
  BPF_RAW_TRACEPOINT_OPEN,
  BPF_TRACE_FENTRY,
  EBUSY,
  EINVAL,
  EMFILE,
} from '@tsbpf/uapi';
import { BTF_KIND_FUNC } from '@tsbpf/btf';
import { createTestSys, installFakeProg } from '@tsbpf/testkit';
import { expect, test } from 'vitest';
import { PERF_TYPE_KPROBE } from '../perf/perf-event.ts';
import { tracingRegistries } from '../registries.ts';
import { tracingOf } from '../tracing.ts';
import { TRACING_PROG_FILE } from './attach.ts';

function setUp() {
  const sys = createTestSys({ rows: tracingRegistries() });
  const { btf } = sys.state.vmlinux;
  const btfId = btf.findByName('vfs_fsync', BTF_KIND_FUNC) ?? 0;
  const { addr } = sys.state.text.define('vfs_fsync', ({ lo, hi }) => void (lo[0] = hi[0] = 0));
  const attach = { prog: undefined, btfId, name: 'vfs_fsync', protoId: btf.sizeOrType(btfId), btf, subprog: -1, addr };
  const type = { type: BPF_PROG_TYPE_TRACING, expectedAttachType: BPF_TRACE_FENTRY };
  const fentry = installFakeProg(sys, { ...type, attach, run: () => 5 });
  const open = (prog_fd: number, name?: string): number => sys.bpf(BPF_RAW_TRACEPOINT_OPEN, { prog_fd, name });
  const ran = (): number => tracingOf(sys.state).call('vfs_fsync', null, 0).runs.length;
  return { sys, fentry, open, ran };
}

test('the fd holds the program, and its last close detaches', () => {
  const { sys, fentry, open, ran } = setUp();
  const fd = open(fentry.fd);
  expect(sys.state.fds.file(fd)).toMatchObject({ kind: TRACING_PROG_FILE, name: 'bpf-tracing-prog' });
  expect(fentry.prog.refs).toBe(2);
  sys.close(fentry.fd);
  expect([fentry.prog.refs, ran()]).toEqual([1, 1]);
  sys.close(fd);
  expect([fentry.prog.refs, ran()]).toEqual([0, 0]);
});

test('kprobes run before fentry, kretprobes behind it, and the log tells what each returned', () => {
  const { sys, fentry, open } = setUp();
  for (const retprobe of [true, false]) {
    const at = { config: 0n, path: 'vfs_fsync', probeOffset: 0n, pid: -1, cpu: 0 };
    const perf = sys.perfEventOpen({ type: PERF_TYPE_KPROBE, ...at, retprobe });
    const prog = installFakeProg(sys, { type: BPF_PROG_TYPE_KPROBE, run: () => (retprobe ? 1 : 0) });
    expect(sys.perfEventSetBpf(perf, prog.fd)).toBe(0);
  }
  open(fentry.fd);
  const { runs } = tracingOf(sys.state).call('vfs_fsync', null, 0);
  expect(runs.map(({ kind, r0 }) => [kind, r0])).toEqual([
    ['kprobe', 0],
    ['fentry', 5],
    ['kretprobe', 1],
  ]);
});

test('without an fd nothing stays attached', () => {
  const { sys, fentry, open, ran } = setUp();
  sys.state.fds.limit = sys.state.fds.fds().length;
  expect(open(fentry.fd)).toBe(-EMFILE);
  expect([fentry.prog.refs, ran()]).toEqual([1, 0]);
  sys.state.fds.limit++;
  expect(open(fentry.fd)).toBeGreaterThan(0);
});

test('a name is refused before anything else, and twice is once too often', () => {
  const { sys, fentry, open } = setUp();
  expect(open(fentry.fd)).toBeGreaterThan(0);
  expect(open(fentry.fd, 'vfs_fsync')).toBe(-EINVAL);
  expect(open(fentry.fd)).toBe(-EBUSY);
  expect(fentry.prog.refs).toBe(2);
  // Loaded for nothing.
  expect(open(installFakeProg(sys, { type: BPF_PROG_TYPE_EXT }).fd)).toBe(-EINVAL);
});
