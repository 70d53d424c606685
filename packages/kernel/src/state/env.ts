// SPDX-License-Identifier: MIT
import { CAP_NET_ADMIN, CAP_SYS_ADMIN } from '@tsbpf/uapi';
import type { KernelMemory } from '@tsbpf/memory';
import type { Checkpointable, KernelEnv, Task } from '@tsbpf/core';
import { CpuNumber } from './cpu-number.ts';

/** What a user may say about the simulated machine. */
export interface EnvOptions {
  /** Possible CPUs, 1 to 64. Default 2. */
  cpus?: number;
  /** Seed of the pseudo-random numbers. */
  seed?: number;
  /** CLOCK_MONOTONIC at start, and by how much each reading advances it; nanoseconds. */
  startNs?: bigint;
  tickNs?: bigint;
  /** Wall clock at CLOCK_MONOTONIC 0; nanoseconds since 1970. */
  epochNs?: bigint;
  hz?: number;
  /** The task that makes the system calls; root with all capabilities unless said otherwise. */
  task?: Partial<Pick<Task, 'pid' | 'tgid' | 'uid' | 'gid' | 'comm' | 'cgroupId'>> & { caps?: Iterable<number> };
  unprivilegedBpfDisabled?: number;
  memlockLimitBytes?: number;
  /** Receives lines of the kernel log and of trace_pipe. */
  onPrintk?: (text: string) => void;
  onTracePrintk?: (text: string) => void;
}

/** The environment with what a test script needs to steer it. */
export interface ScriptableEnv extends KernelEnv, Checkpointable {
  /** Moves the clocks on. */
  advanceNs(ns: bigint): void;
  /** Lines written so far. */
  readonly dmesg: readonly string[];
  readonly tracePipe: readonly string[];
}

interface Saved {
  nowNs: bigint;
  random: number;
  cpu: number;
  current: Task;
  dmesg: number;
  tracePipe: number;
}

/** `mem`: the kernel's memory, where code that runs there finds the CPU's number. */
export function createEnv(options: EnvOptions = {}, mem?: KernelMemory): ScriptableEnv {
  const startNs = options.startNs ?? 1_000_000_000n;
  const tickNs = options.tickNs ?? 1_000n;
  const epochNs = options.epochNs ?? 1_600_000_000_000_000_000n;
  const hz = options.hz ?? 250;
  let nowNs = startNs;
  let random = (options.seed ?? 1) >>> 0;
  const dmesg: string[] = [];
  const tracePipe: string[] = [];
  const task = options.task ?? {};
  const tick = (): bigint => (nowNs += tickNs);

  const env: ScriptableEnv = Object.assign(new CpuNumber(mem), {
    cpus: options.cpus ?? 2,
    hz,
    ktimeNs: tick,
    clockNs: () => nowNs,
    bootNs: tick,
    realNs: () => epochNs + tick(),
    jiffies: () => (nowNs * BigInt(hz)) / 1_000_000_000n,
    prandomU32() {
      // A Weyl sequence through a mixer: short, full period, the same on every machine.
      random = (random + 0x6d2b79f5) >>> 0;
      let x = random;
      x = Math.imul(x ^ (x >>> 15), x | 1);
      x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
      return (x ^ (x >>> 14)) >>> 0;
    },
    current: {
      pid: task.pid ?? 1000,
      tgid: task.tgid ?? task.pid ?? 1000,
      uid: task.uid ?? 0,
      gid: task.gid ?? 0,
      comm: task.comm ?? 'tsbpf',
      caps: new Set(task.caps ?? (task.uid === undefined || task.uid === 0 ? [CAP_NET_ADMIN, CAP_SYS_ADMIN] : [])),
      cgroupId: task.cgroupId ?? 1n,
      off: 0,
    },
    capable: (cap) => env.current.caps.has(cap),
    unprivilegedBpfDisabled: options.unprivilegedBpfDisabled ?? 0,
    bpfStatsEnabled: false,
    memlockLimitBytes: options.memlockLimitBytes ?? Infinity,
    dmesg,
    tracePipe,
    printk(text) {
      dmesg.push(text);
      options.onPrintk?.(text);
    },
    tracePrintk(text) {
      tracePipe.push(text);
      options.onTracePrintk?.(text);
    },
    advanceNs(ns) {
      nowNs += ns;
    },
    checkpointName: 'env',
    save(): Saved {
      return {
        nowNs,
        random,
        cpu: env.cpu,
        current: { ...env.current },
        dmesg: dmesg.length,
        tracePipe: tracePipe.length,
      };
    },
    restore(saved) {
      const state = saved as Saved;
      nowNs = state.nowNs;
      random = state.random;
      env.cpu = state.cpu;
      env.current = { ...state.current };
      dmesg.length = state.dmesg;
      tracePipe.length = state.tracePipe;
    },
  } satisfies Omit<ScriptableEnv, 'cpu' | 'cpuOff'>);
  return env;
}
