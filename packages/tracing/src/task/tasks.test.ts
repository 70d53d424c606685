// SPDX-License-Identifier: MIT
import {
  BPF_PROG_TYPE_TRACEPOINT,
  BPF_RAW_TRACEPOINT_OPEN,
  BPF_PROG_TYPE_RAW_TRACEPOINT,
  UsageError,
} from '@tsbpf/uapi';
import { createTestSys, installFakeProg } from '@tsbpf/testkit';
import { describe, expect, test } from 'vitest';
import { tracingRegistries } from '../registries.ts';
import { tracingOf } from '../tracing.ts';

const PERF_TYPE_TRACEPOINT = 2;

function setUp() {
  const sys = createTestSys({ rows: tracingRegistries() });
  const tracing = tracingOf(sys.state);
  const { mem, env } = sys.state;
  const log: unknown[] = [];
  /** Notes the values of some fields whenever a trace event occurs. */
  const watch = (fullName: string, ...fields: string[]): void => {
    const event = tracing.findEvent(fullName);
    const fd = sys.perfEventOpen({ type: PERF_TYPE_TRACEPOINT, config: BigInt(event?.id ?? 0), pid: -1, cpu: 0 });
    const read = (ctx: number, name: string): number | string => {
      const field = event?.fields.find((f) => f.name === name);
      const { off = 0, size = 0, type = '' } = field ?? {};
      const loc = type.startsWith('__data_loc') ? mem.read32(ctx + off) : undefined;
      if (loc === undefined && !type.startsWith('char'))
        return size === 8 ? Number(mem.read64(ctx + off)) : mem.read32(ctx + off) | 0;
      const bytes =
        loc === undefined ? mem.readBytes(ctx + off, size) : mem.readBytes(ctx + (loc & 0xffff), loc >>> 16);
      return new TextDecoder().decode(bytes).replace(/\0.*$/s, '');
    };
    const run = (ctx: number): number => (log.push([event?.name, ...fields.map((name) => read(ctx, name))]), 1);
    expect(sys.perfEventSetBpf(fd, installFakeProg(sys, { type: BPF_PROG_TYPE_TRACEPOINT, run }).fd)).toBe(0);
  };
  return { sys, tracing, tasks: tracing.tasks, env, mem, log, watch };
}

describe('tasks', () => {
  test('have a task_struct, which follows what the script changes', () => {
    const { tasks, tracing } = setUp();
    const parent = tasks.create({ pid: 1, comm: 'init' });
    const task = tasks.create({ pid: 12, tgid: 10, comm: 'a-name-longer-than-15', uid: 1000, parent });
    expect([task.get('pid'), task.get('tgid'), task.get('comm'), task.get('cred.uid.val')]).toEqual([
      12,
      10,
      'a-name-longer-t',
      1000,
    ]);
    expect([task.get('real_parent.pid'), task.get('group_leader.pid'), task.get('prio')]).toEqual([1, 12, 120]);
    expect(task.get('nsproxy.pid_ns_for_children.ns.inum')).toBe(0xeffffffc);
    task.comm = 'new';
    task.uid = 7;
    tracing.emit('sched_wakeup', task);
    expect([task.get('comm'), task.get('real_cred.euid.val')]).toEqual(['new', 7]);
    expect(() => tasks.create({ pid: 1, fields: { no_such: 1 } })).toThrow(UsageError);
    expect(tasks.create({ pid: 2, fields: { exit_code: 256, 'mm.arg_start': 0x7000n } }).get('mm.arg_start')).toBe(
      0x7000n,
    );
  });

  test('run: for a while, and on other CPUs', () => {
    const { tasks, env } = setUp();
    const [a, b] = [tasks.create({ pid: 5, comm: 'a' }), tasks.create({ pid: 6, comm: 'b' })];
    expect(tasks.as(a, () => env.current.pid)).toBe(5);
    expect(env.current.pid).toBe(1000);
    tasks.switchTo(a);
    tasks.onCpu(1);
    expect([env.cpu, env.current.pid, env.current.comm]).toEqual([1, 0, 'swapper/1']);
    tasks.switchTo(b);
    tasks.onCpu(0);
    expect(tasks.current).toBe(a);
    tasks.onCpu(1);
    expect(tasks.current).toBe(b);
    expect(() => tasks.onCpu(2)).toThrow('there is no CPU 2: this kernel has 2');
  });

  test('what the scheduler does are trace events, with what v5.6 records', () => {
    const { tasks, log, watch } = setUp();
    watch('sched:sched_switch', 'prev_comm', 'prev_pid', 'prev_state', 'next_comm', 'next_pid', 'next_prio');
    watch('sched:sched_waking', 'comm', 'pid', 'success');
    watch('sched:sched_wakeup', 'comm', 'pid', 'target_cpu');
    watch('sched:sched_wakeup_new', 'pid');
    const [a, b] = [tasks.create({ pid: 5, comm: 'a' }), tasks.create({ pid: 6, comm: 'b' })];
    tasks.switchTo(a);
    tasks.switchTo(b, { leaves: 'interruptible' });
    tasks.switchTo(a, { leaves: 'uninterruptible' });
    tasks.wakeUp(b);
    tasks.switchTo(b, { preempt: true });
    tasks.wakeUp(tasks.create({ pid: 7, comm: 'c' }), { fresh: true });
    expect(log).toEqual([
      ['sched_switch', 'tsbpf', 1000, 0, 'a', 5, 120],
      ['sched_switch', 'a', 5, 1, 'b', 6, 120],
      ['sched_switch', 'b', 6, 2, 'a', 5, 120],
      ['sched_waking', 'b', 6, 1],
      ['sched_wakeup', 'b', 6, 0],
      ['sched_switch', 'a', 5, 256, 'b', 6, 120],
      ['sched_wakeup_new', 7],
    ]);
  });

  test('a process’s life: fork, exec, exit', () => {
    const { tasks, log, watch } = setUp();
    watch('task:task_newtask', 'pid', 'comm', 'clone_flags');
    watch('sched:sched_process_fork', 'parent_comm', 'parent_pid', 'child_comm', 'child_pid');
    watch('task:task_rename', 'oldcomm', 'newcomm');
    watch('sched:sched_process_exec', 'filename', 'pid', 'old_pid');
    watch('sched:sched_process_exit', 'comm', 'pid');
    const bash = tasks.create({ pid: 10, comm: 'bash', uid: 1000 });
    const child = tasks.as(bash, () => tasks.fork({ pid: 11 }, { cloneFlags: 0x1200000n }));
    tasks.as(child, () => tasks.exec('/usr/bin/ls'));
    tasks.exit(child, { code: 2 });
    expect(log).toEqual([
      ['task_newtask', 11, 'bash', 0x1200000],
      ['sched_process_fork', 'bash', 10, 'bash', 11],
      ['task_rename', 'bash', 'ls'],
      ['sched_process_exec', '/usr/bin/ls', 11, 11],
      ['sched_process_exit', 'ls', 11],
    ]);
    expect([child.uid, child.comm, child.get('exit_code'), child.get('real_parent.pid')]).toEqual([
      1000,
      'ls',
      512,
      10,
    ]);
  });

  test('raw tracepoints and trace events of one tracepoint both occur, in the order they came', () => {
    const { sys, tasks, log, watch } = setUp();
    watch('sched:sched_process_exit', 'pid');
    const raw = installFakeProg(sys, { type: BPF_PROG_TYPE_RAW_TRACEPOINT, run: () => (log.push('raw'), 0) });
    expect(sys.bpf(BPF_RAW_TRACEPOINT_OPEN, { prog_fd: raw.fd, name: 'sched_process_exit' })).toBeGreaterThan(0);
    const runs = tasks.exit(tasks.create({ pid: 3 }));
    expect(log).toEqual([['sched_process_exit', 3], 'raw']);
    expect(runs.map(({ kind }) => kind)).toEqual(['tracepoint', 'raw_tp']);
  });
});
