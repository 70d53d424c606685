// SPDX-License-Identifier: MIT

/** The task on whose behalf the kernel runs. */
export interface Task {
  readonly pid: number;
  readonly tgid: number;
  uid: number;
  gid: number;
  /** At most 15 bytes. */
  comm: string;
  /** CAP_* numbers it holds. */
  readonly caps: ReadonlySet<number>;
  /** Id of its cgroup on the default hierarchy. */
  cgroupId: bigint;
  /** Offset of its task_struct in kernel memory; 0 until one is built. */
  off: number;
}

/** The machine around the kernel; all of it deterministic and scriptable. */
export interface KernelEnv {
  /** Possible CPUs. */
  readonly cpus: number;
  /** The CPU the current run is on; 0 to cpus - 1. */
  cpu: number;
  /** Offset in kernel memory of a u32 that always holds {@link cpu}, for code that runs there. */
  readonly cpuOff?: number;
  /** CLOCK_MONOTONIC in nanoseconds. Each reading may advance it, as the script says. */
  ktimeNs(): bigint;
  /** CLOCK_MONOTONIC as it stands: looking does not advance it. Absent where nothing steers the clocks. */
  clockNs?(): bigint;
  /** Moves the clocks on. */
  advanceNs?(ns: bigint): void;
  /** CLOCK_BOOTTIME in nanoseconds. */
  bootNs(): bigint;
  /** Wall clock in nanoseconds. */
  realNs(): bigint;
  /** Ticks since boot, and how many make a second. */
  jiffies(): bigint;
  readonly hz: number;
  /** A 32-bit unsigned pseudo-random number, from the seed. */
  prandomU32(): number;
  current: Task;
  /** Whether the current task holds CAP_*. */
  capable(cap: number): boolean;
  /** `kernel.unprivileged_bpf_disabled`. */
  unprivilegedBpfDisabled: number;
  /** `kernel.bpf_stats_enabled`. */
  bpfStatsEnabled: boolean;
  /** RLIMIT_MEMLOCK in bytes; Infinity for none. */
  memlockLimitBytes: number;
  /**
   * Four characters that lines of trace_pipe show: interrupts off (`d`), reschedule due (`N`, `n`, `p`), in an interrupt
   * (`h`, `s`, `H`, `z`, `Z`), preemption depth; `.` for none. A script sets it; `d...` unless set.
   */
  latency?: string;
  /** A line of the kernel's log (dmesg). */
  printk(text: string): void;
  /** A line of trace_pipe, as bpf_trace_printk writes it. */
  tracePrintk(text: string): void;
}
