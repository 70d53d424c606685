// SPDX-License-Identifier: MIT
import { EINVAL, UsageError } from '@tsbpf/uapi';
import { taskStruct } from '@tsbpf/helpers';
import type { KernelServices, Task } from '@tsbpf/core';
import type { KernelPointer, KernelValue } from '../function/kernel-value.ts';
import type { ProgRun } from '../function/run-log.ts';
import { SimTask, type TaskSpec } from './sim-task.ts';

/** How a task leaves the CPU: it could go on, or waits for an event or a signal, or for an event alone (I/O). */
export type TaskState = 'runnable' | 'interruptible' | 'uninterruptible';
/** `task_struct.state`. @see include/linux/sched.h */
const STATES: Readonly<Record<TaskState, number>> = { runnable: 0, interruptible: 1, uninterruptible: 2 };
const TASK_DEAD = 0x80;

/** Fires a tracepoint with v5.6's arguments and those that later versions added; answers the programs that ran. */
type Emit = (name: string, args: readonly KernelValue[]) => readonly ProgRun[];

/**
 * The tasks of one kernel, and what its scheduler does with them. The task that runs is the kernel's current one: helpers
 * tell programs about it.
 */
export class Tasks {
  readonly #kernel: KernelServices;
  readonly #emit: Emit;
  readonly #all: SimTask[] = [];
  /** Who runs on the CPUs that the script is not on. */
  readonly #elsewhere = new Map<number, Task>();

  constructor(kernel: KernelServices, emit: Emit) {
    this.#kernel = kernel;
    this.#emit = emit;
  }

  /** Makes a task; nothing occurs. @errno ENOENT, EINVAL, ERANGE UsageError: fields task_struct does not have, or hold */
  create(spec: TaskSpec): SimTask {
    const task = new SimTask(this.#kernel, spec);
    this.#all.push(task);
    return task;
  }

  get current(): Task {
    return this.#kernel.env.current;
  }

  /** Brings the structures of all tasks up to date. */
  sync(): void {
    for (const task of this.#all) task.sync();
  }

  /** Does something as a task, without the scheduler: who ran before runs afterwards. */
  as<T>(task: Task, what: () => T): T {
    const { env } = this.#kernel;
    const before = env.current;
    env.current = task;
    try {
      return what();
    } finally {
      env.current = before;
    }
  }

  /**
   * Goes to another CPU: its task is the current one, at first its idle task.
   * @errno EINVAL UsageError: there is no such CPU
   */
  onCpu(cpu: number): void {
    const { env } = this.#kernel;
    if (!Number.isInteger(cpu) || cpu < 0 || cpu >= env.cpus) {
      throw new UsageError(`there is no CPU ${cpu}: this kernel has ${env.cpus}`, { errno: EINVAL });
    }
    if (cpu === env.cpu) return;
    this.#elsewhere.set(env.cpu, env.current);
    env.cpu = cpu;
    env.current = this.#elsewhere.get(cpu) ?? this.idle(cpu);
  }

  /** The idle task of a CPU; each call makes a new one. */
  idle(cpu = this.#kernel.env.cpu): SimTask {
    return this.create({ pid: 0, comm: `swapper/${cpu}` });
  }

  /** A task is woken: `sched_waking`, then `sched_wakeup` (or `sched_wakeup_new` for a `fresh` one). */
  wakeUp(task: SimTask, options: { fresh?: boolean } = {}): readonly ProgRun[] {
    task.setState(STATES.runnable);
    const waking = options.fresh === true ? [] : this.#emit('sched_waking', [task]);
    return [...waking, ...this.#emit(options.fresh === true ? 'sched_wakeup_new' : 'sched_wakeup', [task])];
  }

  /**
   * The CPU goes from the current task to another: `sched_switch`. `leaves`: the state of the one that leaves, runnable
   * unless given; `preempt`: it did not want to.
   */
  switchTo(next: Task, options: { leaves?: TaskState; preempt?: boolean } = {}): readonly ProgRun[] {
    const { env } = this.#kernel;
    const prev = env.current;
    const { leaves = 'runnable', preempt = false } = options;
    const prevState = STATES[leaves];
    if (prev instanceof SimTask) prev.setState(prevState);
    const pointers = [prev, next].map((task): KernelPointer => this.#structOf(task));
    const runs = this.#emit('sched_switch', [preempt, ...pointers, prevState]);
    env.current = next;
    if (next instanceof SimTask) next.setState(STATES.runnable);
    return runs;
  }

  /** The current task makes another: `task_newtask`, `sched_process_fork`. */
  fork(spec: TaskSpec, options: { cloneFlags?: bigint } = {}): SimTask {
    const parent = this.#structOf(this.current);
    const child = this.create({
      parent,
      comm: this.current.comm,
      uid: this.current.uid,
      gid: this.current.gid,
      ...spec,
    });
    this.#emit('task_newtask', [child, options.cloneFlags ?? 0n]);
    this.#emit('sched_process_fork', [parent, child]);
    return child;
  }

  /** The current task becomes another program: `task_rename`, `sched_process_exec`. */
  exec(filename: string): readonly ProgRun[] {
    const task = this.current;
    const comm = (filename.split('/').at(-1) ?? '').slice(0, 15);
    const renamed = this.#emit('task_rename', [this.#structOf(task), comm]);
    task.comm = comm;
    return [...renamed, ...this.#emit('sched_process_exec', [this.#structOf(task), task.pid, { filename }])];
  }

  /** A task ends: `sched_process_exit`, as itself. `code` is what it passed to exit(2), `signal` what killed it. */
  exit(task: SimTask, options: { code?: number; signal?: number } = {}): readonly ProgRun[] {
    const { code = 0, signal = 0 } = options;
    task.set('exit_code', ((code & 0xff) << 8) | signal);
    return this.as(task, () => {
      const runs = this.#emit('sched_process_exit', [task]);
      task.setState(TASK_DEAD);
      return runs;
    });
  }

  #structOf(task: Task): KernelPointer {
    return task instanceof SimTask ? task : { off: taskStruct(this.#kernel, task) };
  }
}
