// SPDX-License-Identifier: MIT
import { ENOMEM, type PerfEventOpenAttr } from '@tsbpf/uapi';
import type { KernelServices } from '@tsbpf/core';
import { fdQuery } from './fd-query.ts';
import { PerfEvent, type PerfEventFile, type RecordCounter } from './perf-event.ts';

/** Who counts references to events. */
export interface EventHolder {
  readonly records: RecordCounter;
  hold(event: PerfEvent): void;
  drop(event: PerfEvent): void;
}

/** Makes an event and its file; the fd, or -errno. @errno ENOMEM, EMFILE */
export function installEvent(
  kernel: KernelServices,
  holder: EventHolder,
  attr: PerfEventOpenAttr,
  target?: PerfEvent['target'],
): number {
  const off = kernel.mem.alloc(kernel.types.sizeOf('perf_event'), { kind: 'perf_event' });
  if (off === 0) return -ENOMEM;
  const event = new PerfEvent(kernel, { ...attr }, off, { target, counter: holder.records });
  kernel.objects.add(event);
  holder.hold(event);
  const file: PerfEventFile & { taskFdQuery(): object | number } = {
    kind: 'perf_event',
    name: '[perf_event]',
    event,
    release: () => holder.drop(event),
    taskFdQuery: () => fdQuery(event),
  };
  const fd = kernel.fds.install(file);
  if (fd < 0) file.release();
  return fd;
}
