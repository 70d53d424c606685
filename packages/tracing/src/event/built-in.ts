// SPDX-License-Identifier: MIT
import type { FieldSpec } from './trace-event.ts';

const comm = (name: string): FieldSpec => ({ name, type: 'char[16]', size: 16, align: 1 });
const int = (name: string, type = 'int'): FieldSpec => ({ name, type, size: 4 });
const long = (name: string, type = 'long'): FieldSpec => ({ name, type, size: 8 });

/** What a process is, in the scheduler's events. */
const process: readonly FieldSpec[] = [comm('comm'), int('pid', 'pid_t'), int('prio')];

/** Trace events that a kernel has from the start, by `category:name`. @see include/trace/events */
export const BUILT_IN_EVENTS: Readonly<Record<string, readonly FieldSpec[]>> = {
  'sched:sched_switch': [
    comm('prev_comm'),
    int('prev_pid', 'pid_t'),
    int('prev_prio'),
    long('prev_state'),
    comm('next_comm'),
    int('next_pid', 'pid_t'),
    int('next_prio'),
  ],
  'sched:sched_wakeup': [...process, int('success'), int('target_cpu')],
  'sched:sched_process_exit': process,
  'sched:sched_process_free': process,
  'raw_syscalls:sys_enter': [long('id'), { name: 'args', type: 'unsigned long[6]', size: 48, align: 8 }],
  'raw_syscalls:sys_exit': [long('id'), long('ret')],
  'task:task_rename': [
    int('pid', 'pid_t'),
    comm('oldcomm'),
    comm('newcomm'),
    { ...int('oom_score_adj', 'short'), size: 2 },
  ],
};
