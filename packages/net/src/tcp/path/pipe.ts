// SPDX-License-Identifier: MIT
import type { EventQueue, EventSource } from '../sim/event-queue.ts';

/** Bits of a packet. */
export const PKT_ECT = 1;
export const PKT_CE = 2;
export const PKT_CWR = 4;
export const PKT_ECE = 8;
export const PKT_RETRANS = 16;
/** How many links it has passed, from this bit on. */
export const PKT_HOP_SHIFT = 8;
/** Says that an acknowledgement has no selective part. */
export const NO_SACK = -1;

/** A packet as it arrives; one object for all, valid until the next. */
export interface Packet {
  flow: number;
  /** The segment, or what an acknowledgement covers. */
  seq: number;
  /** The segment an acknowledgement answers to, where it lies beyond a hole. */
  sack: number;
  flags: number;
  /** When it left, or what an acknowledgement echoes; nanoseconds. */
  tsNs: number;
}

const START_ROOM = 64;

/** Packets on their way: they arrive in the order they came in, whatever delay each was given. */
export class Pipe implements EventSource {
  eventId = -1;
  scheduledNs = Infinity;
  readonly #queue: EventQueue;
  readonly #deliver: (packet: Packet, nowNs: number) => void;
  readonly #packet: Packet = { flow: 0, seq: 0, sack: NO_SACK, flags: 0, tsNs: 0 };
  #room = START_ROOM;
  #atNs = new Float64Array(START_ROOM);
  #flow = new Int32Array(START_ROOM);
  #seq = new Float64Array(START_ROOM);
  #sack = new Float64Array(START_ROOM);
  #flags = new Int32Array(START_ROOM);
  #tsNs = new Float64Array(START_ROOM);
  #head = 0;
  #count = 0;
  #lastNs = 0;

  constructor(queue: EventQueue, deliver: (packet: Packet, nowNs: number) => void) {
    this.#queue = queue;
    this.#deliver = deliver;
    queue.add(this);
  }

  send(atNs: number, flow: number, seq: number, sack: number, flags: number, tsNs: number): void {
    if (this.#count === this.#room) this.#grow();
    const arrivesNs = Math.max(atNs, this.#lastNs);
    this.#lastNs = arrivesNs;
    const at = (this.#head + this.#count) & (this.#room - 1);
    this.#atNs[at] = arrivesNs;
    this.#flow[at] = flow;
    this.#seq[at] = seq;
    this.#sack[at] = sack;
    this.#flags[at] = flags;
    this.#tsNs[at] = tsNs;
    if (this.#count++ === 0) this.#queue.schedule(this, arrivesNs);
  }

  fire(nowNs: number): void {
    const at = this.#head;
    const packet = this.#packet;
    packet.flow = this.#flow[at];
    packet.seq = this.#seq[at];
    packet.sack = this.#sack[at];
    packet.flags = this.#flags[at];
    packet.tsNs = this.#tsNs[at];
    this.#head = (at + 1) & (this.#room - 1);
    this.#count--;
    this.#deliver(packet, nowNs);
    if (this.#count > 0) this.#queue.schedule(this, this.#atNs[this.#head]);
  }

  #grow(): void {
    const room = this.#room * 2;
    const moved = <T extends Float64Array | Int32Array>(old: T, fresh: T): T => {
      for (let i = 0; i < this.#count; i++) fresh[i] = old[(this.#head + i) & (this.#room - 1)];
      return fresh;
    };
    this.#atNs = moved(this.#atNs, new Float64Array(room));
    this.#flow = moved(this.#flow, new Int32Array(room));
    this.#seq = moved(this.#seq, new Float64Array(room));
    this.#sack = moved(this.#sack, new Float64Array(room));
    this.#flags = moved(this.#flags, new Int32Array(room));
    this.#tsNs = moved(this.#tsNs, new Float64Array(room));
    this.#head = 0;
    this.#room = room;
  }
}
