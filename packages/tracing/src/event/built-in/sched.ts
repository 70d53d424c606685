// SPDX-License-Identifier: MIT
// @see include/trace/events/sched.h, include/trace/events/task.h
import type { EventValues } from '../trace-event.ts';
import type { KernelStruct, TracepointArgs } from '../tracepoint-args.ts';
import { comm, int, long, text, type EventDef } from './event-def.ts';

const task = (args: TracepointArgs, index = 0, nth = 0): KernelStruct => args.struct('task_struct', { nth, index });
const commOf = (of: KernelStruct): Uint8Array => of.bytes('comm') ?? new Uint8Array();

/** States that users see: the highest of these bits that is set. @see include/linux/sched.h, TASK_REPORT */
const TASK_REPORT = 0x7f;
const TASK_IDLE = 0x402;
const REPORT_IDLE = 0x80;
/** A task that was preempted has a state of its own, behind those. */
const REPORT_MAX = 0x100;

function reportedState(prev: KernelStruct, preempt: boolean): number {
  if (preempt) return REPORT_MAX;
  const raw = prev.either('state', '__state');
  if (raw === TASK_IDLE) return REPORT_IDLE;
  const bits = (raw | prev.int('exit_state')) & TASK_REPORT;
  return bits === 0 ? 0 : 1 << (31 - Math.clz32(bits));
}

const process = [comm('comm'), int('pid', 'pid_t'), int('prio')];
const processOf = (of: KernelStruct): EventValues => ({
  comm: commOf(of),
  pid: of.int('pid'),
  prio: of.int('prio'),
});

function wakeup(name: string): EventDef {
  return {
    event: `sched:${name}`,
    recordClass: 'sched_wakeup_template',
    fields: [...process, int('success'), int('target_cpu')],
    assign: (args) => ({ ...processOf(task(args)), success: 1, target_cpu: task(args).int('cpu') }),
  };
}

function processEvent(name: string): EventDef {
  const assign = (args: TracepointArgs): EventValues => processOf(task(args));
  return { event: `sched:${name}`, recordClass: 'sched_process_template', fields: process, assign };
}

export const schedEvents: readonly EventDef[] = [
  {
    event: 'sched:sched_switch',
    recordClass: 'sched_switch',
    fields: [
      ...[comm('prev_comm'), int('prev_pid', 'pid_t'), int('prev_prio'), long('prev_state')],
      ...[comm('next_comm'), int('next_pid', 'pid_t'), int('next_prio')],
    ],
    assign(args) {
      const [prev, next] = [task(args, 1, 0), task(args, 2, 1)];
      return {
        prev_comm: commOf(prev),
        prev_pid: prev.int('pid'),
        prev_prio: prev.int('prio'),
        prev_state: reportedState(prev, args.int(0) !== 0),
        next_comm: commOf(next),
        next_pid: next.int('pid'),
        next_prio: next.int('prio'),
      };
    },
  },
  wakeup('sched_waking'),
  wakeup('sched_wakeup'),
  wakeup('sched_wakeup_new'),
  processEvent('sched_process_exit'),
  processEvent('sched_process_free'),
  {
    event: 'sched:sched_migrate_task',
    recordClass: 'sched_migrate_task',
    fields: [...process, int('orig_cpu'), int('dest_cpu')],
    assign: (args) => ({ ...processOf(task(args)), orig_cpu: task(args).int('cpu'), dest_cpu: args.int(1) }),
  },
  {
    event: 'sched:sched_process_fork',
    recordClass: 'sched_process_fork',
    fields: [comm('parent_comm'), int('parent_pid', 'pid_t'), comm('child_comm'), int('child_pid', 'pid_t')],
    assign(args) {
      const [parent, child] = [task(args, 0, 0), task(args, 1, 1)];
      return {
        parent_comm: commOf(parent),
        parent_pid: parent.int('pid'),
        child_comm: commOf(child),
        child_pid: child.int('pid'),
      };
    },
  },
  {
    event: 'sched:sched_process_exec',
    recordClass: 'sched_process_exec',
    fields: [text('filename'), int('pid', 'pid_t'), int('old_pid', 'pid_t')],
    assign: (args) => ({
      filename: args.struct('linux_binprm', { index: 2 }).text('filename'),
      pid: task(args).int('pid'),
      old_pid: args.int(1),
    }),
  },
  {
    event: 'task:task_newtask',
    recordClass: 'task_newtask',
    fields: [
      ...[int('pid', 'pid_t'), comm('comm'), long('clone_flags', 'unsigned long')],
      { name: 'oom_score_adj', type: 'short', size: 2 },
    ],
    assign: (args) => ({
      pid: task(args).int('pid'),
      comm: commOf(task(args)),
      clone_flags: args.word(1),
      oom_score_adj: task(args).follow('signal', 'signal_struct').word('oom_score_adj'),
    }),
  },
  {
    event: 'task:task_rename',
    recordClass: 'task_rename',
    fields: [
      ...[int('pid', 'pid_t'), comm('oldcomm'), comm('newcomm')],
      { name: 'oom_score_adj', type: 'short', size: 2 },
    ],
    assign(args) {
      const { mem } = args.kernel;
      const to = args.word(1);
      const name = to === 0n ? new Uint8Array() : mem.readBytes(mem.toOff(to), 16);
      const end = name.indexOf(0);
      return {
        pid: task(args).int('pid'),
        oldcomm: commOf(task(args)),
        newcomm: end < 0 ? name.subarray(0, 15) : name.subarray(0, end),
        oom_score_adj: task(args).follow('signal', 'signal_struct').word('oom_score_adj'),
      };
    },
  },
];
