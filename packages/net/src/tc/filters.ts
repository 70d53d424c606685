// SPDX-License-Identifier: MIT
// Classifiers at the ingress and egress of a device. @see net/sched/cls_bpf.c, sch_ingress.c
import { BPF_PROG_TYPE_SCHED_ACT, BPF_PROG_TYPE_SCHED_CLS, EEXIST, EINVAL, ENOENT } from '@tsbpf/uapi';
import type { BpfProg, KernelServices } from '@tsbpf/core';
import type { NetDevice } from '../dev/device.ts';

export type TcDirection = 'ingress' | 'egress';

/** A classifier of a device. */
export interface TcFilter {
  readonly prog: BpfProg;
  /** Lower ones are asked first. */
  readonly priority: number;
  readonly handle: number;
  /** The program's result is the verdict; otherwise it is a class. */
  readonly directAction: boolean;
  /** Programs of type SCHED_ACT that say what becomes of a packet in a class; not with direct action. */
  readonly actions: readonly BpfProg[];
}

/** Filters by direction, in the order they are asked. */
export type TcFilters = Readonly<Record<TcDirection, readonly TcFilter[]>>;

export const NO_FILTERS: TcFilters = { ingress: [], egress: [] };

/** What `tc filter add` says. */
export interface TcAttachOptions {
  direction: TcDirection;
  /** 1 to 65535; default 1. */
  priority?: number;
  /** The lowest free one by default. */
  handle?: number;
  directAction?: boolean;
  /** Actions, programs of type SCHED_ACT or their fds: asked in order, while they say TC_ACT_PIPE. */
  actions?: readonly (BpfProg | number)[];
}

function progOf(kernel: KernelServices, prog: BpfProg | number, type: number): BpfProg | number {
  const file = typeof prog === 'number' ? kernel.fds.get(prog, 'prog') : { prog };
  if (typeof file === 'number') return file;
  return file.prog.type === type ? file.prog : -EINVAL;
}

/** Adds a classifier: its handle, or -errno. Among those of a priority the newest is asked first. */
export function attachTcFilter(device: NetDevice, prog: BpfProg | number, options: TcAttachOptions): number {
  const { direction, priority = 1 } = options;
  const filters = device.tc[direction];
  if (priority < 1 || priority > 0xffff) return -EINVAL;
  const taken = new Set(filters.map((filter) => filter.handle));
  let handle = options.handle ?? 1;
  if (taken.has(handle) && options.handle !== undefined) return -EEXIST;
  while (taken.has(handle)) handle++;
  const { kernel } = device.net;
  const found = progOf(kernel, prog, BPF_PROG_TYPE_SCHED_CLS);
  if (typeof found === 'number') return found;
  const actions: BpfProg[] = [];
  for (const each of options.actions ?? []) {
    const action = progOf(kernel, each, BPF_PROG_TYPE_SCHED_ACT);
    if (typeof action === 'number') return action;
    actions.push(action);
  }
  for (const each of [found, ...actions]) each.get();
  const filter: TcFilter = { prog: found, priority, handle, directAction: options.directAction ?? false, actions };
  const before = filters.filter((other) => other.priority < priority);
  const behind = filters.filter((other) => other.priority >= priority);
  device.tc = { ...device.tc, [direction]: [...before, filter, ...behind] };
  return handle;
}

/** Removes a classifier. 0 or -ENOENT. */
export function detachTcFilter(device: NetDevice, options: { direction: TcDirection; handle: number }): number {
  const filters = device.tc[options.direction];
  const filter = filters.find(({ handle }) => handle === options.handle);
  if (filter === undefined) return -ENOENT;
  device.tc = { ...device.tc, [options.direction]: filters.filter((other) => other !== filter) };
  for (const prog of [filter.prog, ...filter.actions]) prog.put();
  return 0;
}
