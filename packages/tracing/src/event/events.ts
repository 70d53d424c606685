// SPDX-License-Identifier: MIT
import { EEXIST, EINVAL, UsageError } from '@tsbpf/uapi';
import type { KernelServices } from '@tsbpf/core';
import { SYSCALLS, syscallEventFields } from '../syscall/syscall-events.ts';
import type { SyscallTable } from '../syscall/syscall-table.ts';
import { layOutRecord } from './btf-layout.ts';
import { BUILT_IN_EVENTS } from './built-in/all.ts';
import { layOut, type EventValues, type FieldSpec, type TraceEvent } from './trace-event.ts';
import { TracepointArgs } from './tracepoint-args.ts';

/** Ids below are those of events without a record of their own. */
const FIRST_EVENT_ID = 100;

interface Listening {
  users: number;
  readonly stop: () => void;
}

/** The trace events of one kernel. Those of system calls are made when first asked for. */
export class TraceEvents {
  readonly #kernel: KernelServices;
  readonly #syscalls: SyscallTable;
  readonly #byName = new Map<string, TraceEvent>();
  readonly #listening = new Map<TraceEvent, Listening>();

  constructor(kernel: KernelServices, syscalls: SyscallTable) {
    this.#kernel = kernel;
    this.#syscalls = syscalls;
    for (const { event, recordClass, fields, assign } of BUILT_IN_EVENTS) {
      const [, name = ''] = event.split(':');
      this.#add(event, layOutRecord(kernel, [name, ...recordClass.split('|')], fields), { name, assign });
    }
  }

  /** @errno EEXIST UsageError: there is one of that name; EINVAL UsageError: not of the form category:name */
  declare(fullName: string, fields: readonly FieldSpec[]): TraceEvent {
    if (!/^[^:]+:[^:]+$/.test(fullName)) {
      throw new UsageError(`trace event "${fullName}": want category:name`, { errno: EINVAL });
    }
    if (this.find(fullName) !== undefined) {
      throw new UsageError(`trace event ${fullName} is there`, { errno: EEXIST });
    }
    return this.#add(fullName, layOut(fields));
  }

  /** By `category:name`, or by id. */
  find(key: string | number): TraceEvent | undefined {
    if (typeof key === 'number') return [...this.#byName.values()].find((event) => event.id === key);
    return this.#byName.get(key) ?? this.#ofSyscall(key);
  }

  /** Those that were declared or asked for so far. */
  get known(): Iterable<TraceEvent> {
    return this.#byName.values();
  }

  /** Somebody waits for the event: from now on its tracepoint makes it occur. */
  open(event: TraceEvent, occurs: (values: EventValues) => void): void {
    const { tracepoint } = event;
    if (tracepoint === undefined) return;
    const before = this.#listening.get(event);
    if (before !== undefined) {
      before.users++;
      return;
    }
    const has = new Set(event.fields.map(({ name }) => name));
    const stop = this.#kernel.tracepoints.listen(tracepoint.name, (args) => {
      const values = tracepoint.assign(new TracepointArgs(this.#kernel, tracepoint.name, args));
      occurs(Object.fromEntries(Object.entries(values).filter(([name]) => has.has(name))));
    });
    this.#listening.set(event, { users: 1, stop });
  }

  close(event: TraceEvent): void {
    const listening = this.#listening.get(event);
    if (listening === undefined || --listening.users > 0) return;
    listening.stop();
    this.#listening.delete(event);
  }

  #ofSyscall(fullName: string): TraceEvent | undefined {
    const [category, name = ''] = fullName.split(':');
    const fields = category === SYSCALLS ? syscallEventFields(this.#syscalls, name) : undefined;
    return fields === undefined ? undefined : this.#add(fullName, layOut(fields));
  }

  #add(fullName: string, fields: TraceEvent['fields'], tracepoint?: TraceEvent['tracepoint']): TraceEvent {
    const [category = '', name = ''] = fullName.split(':');
    const id = FIRST_EVENT_ID + this.#byName.size;
    const event: TraceEvent = { kind: 'trace_event', category, name, id, fields, tracepoint };
    this.#byName.set(fullName, event);
    return event;
  }
}
