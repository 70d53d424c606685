// SPDX-License-Identifier: MIT
import type { KernelMemory } from '@tsbpf/memory';
import type { CgroupHooks } from './cgroup-hooks.ts';
import type { Checkpointable } from './checkpoint.ts';
import type { ExecObserver } from './executor.ts';
import type { FdTable } from './fd-table.ts';
import type { HelperFn, HelperCall } from './helper-call.ts';
import type { KernelBtf } from './kernel-btf.ts';
import type { KernelEnv } from './env.ts';
import type { KernelText } from './kernel-text.ts';
import type { KernelTypes } from './kernel-types.ts';
import type { KernelVersion } from './version.ts';
import type { BpfMap } from './map.ts';
import type { BpfProg } from './prog.ts';
import type { ObjectTable } from './object-table.ts';
import type { Rcu } from './rcu.ts';
import type { Registries } from './registries.ts';
import type { SubsystemKey } from './subsystem.ts';
import type { Tracepoints } from './tracepoints.ts';

/** Bytes charged to RLIMIT_MEMLOCK. @see kernel/bpf/syscall.c, bpf_map_charge_init */
export interface Memlock {
  /** Charges whole pages. 0, -E2BIG (cost of 4 GiB less a page, or more) or -EPERM (over the limit). */
  charge(costBytes: number): number;
  uncharge(costBytes: number): void;
  readonly chargedBytes: number;
}

/** Helpers a test replaced or watches. Engines compare `generation` before each run. */
export interface HelperOverrides {
  readonly generation: number;
  /** The replacement for a helper variant, given the one it replaces. */
  get(variant: string): ((original: HelperFn | undefined) => HelperFn) | undefined;
}

/** Maps and programs by id. @see kernel/bpf/syscall.c, map_idr and prog_idr */
export interface IdSpace<T> {
  get(id: number): T | undefined;
  /** The lowest id above `id`; undefined at the end. */
  next(id: number): number | undefined;
  values(): Iterable<T>;
}

/** The kernel, as everything below the system call sees it. One per simulated machine; nothing is shared. */
export interface KernelServices {
  readonly version: KernelVersion;
  readonly mem: KernelMemory;
  readonly env: KernelEnv;
  readonly types: KernelTypes;
  readonly vmlinux: KernelBtf;
  readonly objects: ObjectTable;
  readonly fds: FdTable;
  readonly text: KernelText;
  readonly rcu: Rcu;
  readonly tracepoints: Tracepoints;
  readonly cgroups: CgroupHooks;
  readonly memlock: Memlock;
  readonly registries: Registries;
  readonly maps: IdSpace<BpfMap>;
  readonly progs: IdSpace<BpfProg>;
  readonly btfs: IdSpace<KernelBtf>;
  readonly overrides: HelperOverrides;
  /** Observers of runs; engines compare `observerGeneration` before each run. */
  readonly observers: readonly ExecObserver[];
  readonly observerGeneration: number;
  /** The state a subsystem keeps in this kernel, made when first asked for. */
  subsystem<T>(key: SubsystemKey<T>): T;
  /**
   * Runs a program over a kernel-side context, inside rcu, with statistics when they are on. The result is R0's low
   * word, unsigned.
   */
  runProg(prog: BpfProg, ctxOff: number): number;
  /**
   * Runs a program once for each of `count` contexts that lie `strideBytes` apart, all in one read-side section; R0's
   * low words go to `resultsOff + 4 * i`. A stride of 0 repeats. Compiled programs do not leave their code in between.
   */
  runProgBatch(
    prog: BpfProg,
    options: { ctxOff: number; strideBytes: number; count: number; resultsOff: number },
  ): void;
  /** The run in progress, for helpers that nest runs; undefined outside runs. */
  currentCall: HelperCall | undefined;
  /** Takes and drops references; at 0 the object is freed as Linux would. */
  mapGet(map: BpfMap): void;
  mapPut(map: BpfMap): void;
  mapGetUser(map: BpfMap): void;
  mapPutUser(map: BpfMap): void;
  /** Every stateful part, in the order it was added. */
  readonly checkpointables: Checkpointable[];
}
