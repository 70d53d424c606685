// SPDX-License-Identifier: MIT

/** Something that acts at a time of its own. */
export interface EventSource {
  /** Its index in the queue. */
  eventId: number;
  /** When it is due in the queue; Infinity where it is not in it. */
  scheduledNs: number;
  /** It is due: what it was scheduled for is over, and it may schedule itself again. */
  fire(nowNs: number): void;
}

const START_ROOM = 256;

/**
 * What happens next: a binary heap of times. Sources that are due at once act in the order in which they were added, so
 * that the same simulation is the same every time. A source is due at most once: scheduling it earlier overrides.
 */
export class EventQueue {
  readonly #sources: EventSource[] = [];
  #times = new Float64Array(START_ROOM);
  #ids = new Int32Array(START_ROOM);
  #size = 0;

  /** Adds a source, which is not due. */
  add<S extends EventSource>(source: S): S {
    source.eventId = this.#sources.length;
    source.scheduledNs = Infinity;
    this.#sources.push(source);
    return source;
  }

  /** Makes a source due no later than a time. */
  schedule(source: EventSource, atNs: number): void {
    if (atNs >= source.scheduledNs) return;
    source.scheduledNs = atNs;
    if (this.#size === this.#times.length) this.#grow();
    let at = this.#size++;
    const id = source.eventId;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#before(atNs, id, parent)) break;
      this.#times[at] = this.#times[parent];
      this.#ids[at] = this.#ids[parent];
      at = parent;
    }
    this.#times[at] = atNs;
    this.#ids[at] = id;
  }

  /** The source that is due next, no later than `untilNs`; undefined where there is none. It is not due any more. */
  next(untilNs: number): EventSource | undefined {
    while (this.#size > 0) {
      const atNs = this.#times[0];
      if (atNs > untilNs) return undefined;
      const source = this.#sources[this.#ids[0]];
      this.#removeFirst();
      // Overridden by an earlier time.
      if (source.scheduledNs !== atNs) continue;
      return source;
    }
    return undefined;
  }

  #before(atNs: number, id: number, other: number): boolean {
    const time = this.#times[other];
    return atNs < time || (atNs === time && id < this.#ids[other]);
  }

  #removeFirst(): void {
    const size = --this.#size;
    if (size === 0) return;
    const atNs = this.#times[size];
    const id = this.#ids[size];
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && this.#before(this.#times[child + 1], this.#ids[child + 1], child)) child++;
      if (this.#before(atNs, id, child)) break;
      this.#times[at] = this.#times[child];
      this.#ids[at] = this.#ids[child];
      at = child;
    }
    this.#times[at] = atNs;
    this.#ids[at] = id;
  }

  #grow(): void {
    const times = new Float64Array(this.#times.length * 2);
    times.set(this.#times);
    this.#times = times;
    const ids = new Int32Array(this.#ids.length * 2);
    ids.set(this.#ids);
    this.#ids = ids;
  }
}
