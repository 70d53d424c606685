// SPDX-License-Identifier: MIT
import { EINVAL, UsageError } from '@tsbpf/uapi';
import type { KernelServices } from '@tsbpf/core';
import { follow, Wake, type Source } from '../stream/wake.ts';
import { installEvent, type EventHolder } from './install-event.ts';
import { PERF_COUNT_SW_BPF_OUTPUT, PERF_TYPE_SOFTWARE, type PerfEvent, type PerfRecord } from './perf-event.ts';

/** A record, and the CPU whose ring it was in. */
export type CpuRecord = PerfRecord & { readonly cpu: number };

export interface PerfBufferOptions {
  /** Room in the ring of each CPU, in bytes: 64 pages unless given. */
  readonly ringBytes?: number;
}

const DEFAULT_RING_BYTES = 64 * 4096;
const KEY_BYTES = 4;

/**
 * Reads what programs write to a perf event array: one event for each CPU is opened and put into the map. Records come in
 * the order they were written, over all CPUs. `for await` waits for more until {@link close}.
 */
export class PerfBuffer implements AsyncIterable<CpuRecord>, Source<CpuRecord>, Disposable {
  readonly wake = new Wake();
  readonly #kernel: KernelServices;
  readonly #rings: { readonly cpu: number; readonly fd: number; readonly event: PerfEvent }[] = [];
  #closed = false;

  /** @errno EINVAL UsageError: not a perf event array; ENOMEM, EMFILE UsageError */
  constructor(
    kernel: KernelServices,
    holder: EventHolder,
    { mapFd, ringBytes = DEFAULT_RING_BYTES }: PerfBufferOptions & { mapFd: number },
  ) {
    this.#kernel = kernel;
    const file = kernel.fds.get(mapFd, 'map');
    if (typeof file === 'number' || file.map.def.name !== 'perf_event_array') {
      throw new UsageError(`fd ${mapFd} is no perf event array`, { errno: EINVAL });
    }
    const { map } = file;
    for (let cpu = 0; cpu < Math.min(kernel.env.cpus, map.maxEntries); cpu++) {
      const attr = { type: PERF_TYPE_SOFTWARE, config: PERF_COUNT_SW_BPF_OUTPUT, pid: -1, cpu };
      const fd = installEvent(kernel, holder, attr);
      const opened = fd < 0 ? fd : kernel.fds.get(fd, 'perf_event');
      if (typeof opened === 'number') {
        this.close();
        throw new UsageError(`perf event of CPU ${cpu}: cannot be opened`, { errno: -opened });
      }
      const { event } = opened;
      event.ringBytes = ringBytes;
      event.wake.also(this.wake);
      this.#rings.push({ cpu, fd, event });
      const key = kernel.mem.alloc(KEY_BYTES * 2);
      kernel.mem.write32(key, cpu);
      kernel.mem.write32(key + KEY_BYTES, fd);
      const err = map.def.ops.sysUpdate?.(map, key, key + KEY_BYTES, 0, file) ?? -EINVAL;
      kernel.mem.free(key);
      if (err < 0) {
        this.close();
        throw new UsageError(`perf event of CPU ${cpu}: the map does not take it`, { errno: -err });
      }
    }
  }

  /** Takes all records out of the rings, in the order they were written. */
  take(): CpuRecord[] {
    return this.#rings
      .flatMap(({ cpu, event }) => event.take().map(({ seq, record }) => ({ seq, record: { cpu, ...record } })))
      .sort((a, b) => a.seq - b.seq)
      .map(({ record }) => record);
  }

  done(): boolean {
    return this.#closed;
  }

  /** Closes the events; iterations end once they have what was written. The map keeps its hold on them. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const { fd } of this.#rings) this.#kernel.fds.close(fd);
    this.wake.wake();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  [Symbol.asyncIterator](): AsyncIterator<CpuRecord> {
    return follow<CpuRecord>(this);
  }
}
