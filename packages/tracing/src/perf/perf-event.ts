// SPDX-License-Identifier: MIT
import { ENOSPC } from '@tsbpf/uapi';
import type { BpfProg, KernelFile, KernelServices } from '@tsbpf/core';
import type { PerfEventTarget } from '@tsbpf/helpers';
import type { PerfEventOpenAttr } from '@tsbpf/uapi';
import type { ProbeTarget } from '../probe/probe-target.ts';
import { follow, Wake, type Source } from '../stream/wake.ts';
import type { TraceEvent } from '../event/trace-event.ts';

export const PERF_TYPE_HARDWARE = 0;
export const PERF_TYPE_SOFTWARE = 1;
export const PERF_TYPE_TRACEPOINT = 2;
/** Numbers that Linux hands out at boot; these are the usual ones. */
export const PERF_TYPE_KPROBE = 6;
export const PERF_TYPE_UPROBE = 7;
export const PERF_COUNT_SW_BPF_OUTPUT = 10n;

/** What a reader of the ring finds. */
export type PerfRecord =
  /** A sample's raw data, padded with zeros to what the ring stores: its size plus 4 is a multiple of 8. */
  | { readonly type: 'sample'; readonly data: Uint8Array }
  /** Samples the full ring did not take. */
  | { readonly type: 'lost'; readonly count: number };

/** A record, and when it came: the nth of all rings of the kernel. */
export interface RingEntry {
  readonly seq: number;
  readonly record: PerfRecord;
}

/** A ring as it was. */
export interface SavedRing {
  readonly records: readonly RingEntry[];
  readonly usedBytes: number;
  readonly lost: number;
  readonly counter: bigint;
}

/** Counts the records of all rings of a kernel. */
export interface RecordCounter {
  seq: number;
}

/** Bytes of the ring: 8 pages, as loaders usually ask for. */
const DEFAULT_RING_BYTES = 8 * 4096;
const HEADER_BYTES = 8;
const SIZE_BYTES = 4;
const LOST_RECORD_BYTES = 24;

/**
 * A perf event: what perf_event_open(2) makes. `for await` over it waits for records until the event is closed.
 * @see kernel/events/core.c
 */
export class PerfEvent implements PerfEventTarget, AsyncIterable<PerfRecord>, Source<RingEntry> {
  readonly kind = 'perf_event' as const;
  readonly off: number;
  readonly kernel: KernelServices;
  readonly attr: PerfEventOpenAttr;
  /** The trace event or the probe it is for; undefined for counters. */
  readonly target: TraceEvent | ProbeTarget | undefined;
  /** The program that PERF_EVENT_IOC_SET_BPF gave it. */
  prog: BpfProg | undefined = undefined;
  /** What reading the counter answers; a script sets it. */
  counter = 0n;
  /** Room for records, in bytes. */
  ringBytes = DEFAULT_RING_BYTES;
  /** Wakes who waits for records. */
  readonly wake = new Wake();
  readonly #openedNs: bigint;
  readonly #counter: RecordCounter;
  #records: RingEntry[] = [];
  #usedBytes = 0;
  #lost = 0;
  #gone = false;

  constructor(
    kernel: KernelServices,
    attr: PerfEventOpenAttr,
    off: number,
    more: { target?: TraceEvent | ProbeTarget | undefined; counter?: RecordCounter } = {},
  ) {
    const { target, counter = { seq: 0 } } = more;
    this.kernel = kernel;
    this.#counter = counter;
    this.attr = attr;
    this.off = off;
    this.target = target;
    this.#openedNs = kernel.env.ktimeNs();
  }

  get bpfOutput(): boolean {
    return this.attr.type === PERF_TYPE_SOFTWARE && this.attr.config === PERF_COUNT_SW_BPF_OUTPUT;
  }

  get onCpu(): number {
    return this.attr.cpu >= 0 ? this.attr.cpu : this.kernel.env.cpu;
  }

  /** Nanoseconds since it was opened: it has been enabled, and running, ever since. */
  get enabledNs(): bigint {
    return this.kernel.env.ktimeNs() - this.#openedNs;
  }

  /** Records that wait for {@link read}. */
  get pending(): number {
    return this.#records.length;
  }

  output(raw: Uint8Array): number {
    const stored = Math.ceil((raw.length + SIZE_BYTES) / 8) * 8 - SIZE_BYTES;
    const bytes = HEADER_BYTES + SIZE_BYTES + stored;
    const lostBytes = this.#lost > 0 ? LOST_RECORD_BYTES : 0;
    if (this.#usedBytes + lostBytes + bytes > this.ringBytes) {
      this.#lost++;
      return -ENOSPC;
    }
    if (this.#lost > 0) this.#push({ type: 'lost', count: this.#lost });
    this.#lost = 0;
    const data = new Uint8Array(stored);
    data.set(raw);
    this.#push({ type: 'sample', data });
    this.#usedBytes += lostBytes + bytes;
    this.wake.wake();
    return 0;
  }

  /** Takes all records out of the ring, oldest first. */
  read(): PerfRecord[] {
    return this.take().map(({ record }) => record);
  }

  /** The same, with their place among the records of all rings. */
  take(): RingEntry[] {
    const records = this.#records;
    this.#records = [];
    this.#usedBytes = 0;
    return records;
  }

  /** What the ring holds, for {@link restore}. */
  save(): SavedRing {
    return { records: [...this.#records], usedBytes: this.#usedBytes, lost: this.#lost, counter: this.counter };
  }

  restore(saved: SavedRing): void {
    this.#records = [...saved.records];
    this.#usedBytes = saved.usedBytes;
    this.#lost = saved.lost;
    this.counter = saved.counter;
  }

  /** Nobody holds the event any more. */
  done(): boolean {
    return this.#gone;
  }

  /** The last reference is dropped: iterations end. */
  close(): void {
    this.#gone = true;
    this.wake.wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<PerfRecord, void> {
    for await (const { record } of follow<RingEntry>(this)) yield record;
  }

  #push(record: PerfRecord): void {
    this.#records.push({ seq: this.#counter.seq++, record });
  }
}

/** The file of a perf event. */
export interface PerfEventFile extends KernelFile {
  readonly kind: 'perf_event';
  readonly event: PerfEvent;
}

declare module '@tsbpf/core' {
  interface KernelFiles {
    perf_event: PerfEventFile;
  }
}
