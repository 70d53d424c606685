// SPDX-License-Identifier: MIT
import { EINVAL, UsageError } from '@tsbpf/uapi';
import type { EventQueue } from '../sim/event-queue.ts';
import { NO_SACK, Pipe, PKT_CE, PKT_ECT, type Packet } from './pipe.ts';
import { createRandom } from './random.ts';

/** A link in one direction, with the queue before it. */
export interface LinkOptions {
  /** Bits a second. */
  readonly rateBps: number;
  /** One way, nanoseconds. */
  readonly delayNs: number;
  /** Packets that may wait, the one on the wire apart; by default what the link carries in twice its delay. */
  readonly queuePackets?: number;
  /** The part of packets that is lost at random, 0 to 1. */
  readonly loss?: number;
  /** Packets of ECN-capable connections are marked where this many wait; by default none is. */
  readonly ecnPackets?: number;
  readonly seed?: number;
}

/** What a link did. Times in nanoseconds. */
export interface LinkStats {
  packets: number;
  bytes: number;
  drops: number;
  losses: number;
  marks: number;
  markedBytes: number;
  /** Of all packets that it took, those in the queue included. */
  busyNs: number;
  maxQueue: number;
}

const NS_PER_S = 1e9;
/** Bytes of a full packet: what default queues are counted in. */
const FULL_PACKET = 1500;
const START_ROOM = 64;

function checked(options: LinkOptions): Required<LinkOptions> {
  const { rateBps, delayNs, loss = 0, ecnPackets = Infinity, seed = 1 } = options;
  const bad = (what: string): never => {
    throw new UsageError(`link: ${what}`, { errno: EINVAL });
  };
  if (!(rateBps >= 1000 && rateBps <= 1e12)) bad(`a rate of ${rateBps} bit/s: there are 1 kbit/s to 1 Tbit/s`);
  if (!(delayNs >= 0 && delayNs <= 60 * NS_PER_S)) bad(`a delay of ${delayNs} ns: at most a minute`);
  if (!(loss >= 0 && loss < 1)) bad(`a loss of ${loss}: from 0 to below 1`);
  const product = Math.ceil((rateBps * 2 * delayNs) / NS_PER_S / 8 / FULL_PACKET);
  const queuePackets = options.queuePackets ?? Math.max(product, 10);
  if (!Number.isInteger(queuePackets) || queuePackets < 1) bad(`a queue of ${queuePackets} packets: at least one`);
  if (!(ecnPackets >= 0)) bad(`marking from ${ecnPackets} packets on`);
  return { rateBps, delayNs, queuePackets, loss, ecnPackets, seed };
}

/** A link: packets leave it in order, at its rate, and arrive after its delay. */
export class Link {
  readonly options: Required<LinkOptions>;
  readonly stats: LinkStats = {
    packets: 0,
    bytes: 0,
    drops: 0,
    losses: 0,
    marks: 0,
    markedBytes: 0,
    busyNs: 0,
    maxQueue: 0,
  };
  readonly #pipe: Pipe;
  readonly #random: () => number;
  readonly #nsPerByte: number;
  #delayNs: number;
  /** When each packet in the queue will have left; the first is on the wire. */
  #leaves = new Float64Array(START_ROOM);
  #head = 0;
  #count = 0;
  #freeNs = 0;

  constructor(queue: EventQueue, options: LinkOptions, deliver: (packet: Packet, nowNs: number) => void) {
    this.options = checked(options);
    this.#delayNs = this.options.delayNs;
    this.#nsPerByte = (8 * NS_PER_S) / this.options.rateBps;
    this.#random = createRandom(this.options.seed);
    this.#pipe = new Pipe(queue, deliver);
  }

  /** Changes the delay of what comes from now on: a route changed. Packets do not overtake each other. */
  set delayNs(delayNs: number) {
    this.#delayNs = delayNs;
  }
  get delayNs(): number {
    return this.#delayNs;
  }

  /** Packets that wait, without the one on the wire. */
  queued(nowNs: number): number {
    while (this.#count > 0 && this.#leaves[this.#head] <= nowNs) {
      this.#head = (this.#head + 1) & (this.#leaves.length - 1);
      this.#count--;
    }
    return Math.max(0, this.#count - 1);
  }

  /** How long it has been sending by now; nanoseconds. */
  busyNs(nowNs: number): number {
    return this.stats.busyNs - Math.max(0, this.#freeNs - nowNs);
  }

  /** A packet with data comes to the queue. */
  send(nowNs: number, packet: { flow: number; seq: number; flags: number; tsNs: number }, bytes: number): void {
    const { queuePackets, loss, ecnPackets } = this.options;
    const { stats } = this;
    const queued = this.queued(nowNs);
    if (queued >= queuePackets) {
      stats.drops++;
      return;
    }
    if (loss > 0 && this.#random() < loss) {
      stats.losses++;
      return;
    }
    let { flags } = packet;
    if (queued >= ecnPackets && (flags & PKT_ECT) !== 0) {
      flags |= PKT_CE;
      stats.marks++;
      stats.markedBytes += bytes;
    }
    const takesNs = bytes * this.#nsPerByte;
    this.#freeNs = Math.max(nowNs, this.#freeNs) + takesNs;
    stats.packets++;
    stats.bytes += bytes;
    stats.busyNs += takesNs;
    if (this.#count === this.#leaves.length) this.#grow();
    this.#leaves[(this.#head + this.#count) & (this.#leaves.length - 1)] = this.#freeNs;
    this.#count++;
    if (this.#count - 1 > stats.maxQueue) stats.maxQueue = this.#count - 1;
    this.#pipe.send(this.#freeNs + this.#delayNs, packet.flow, packet.seq, NO_SACK, flags, packet.tsNs);
  }

  #grow(): void {
    const old = this.#leaves;
    this.#leaves = new Float64Array(old.length * 2);
    for (let i = 0; i < this.#count; i++) this.#leaves[i] = old[(this.#head + i) & (old.length - 1)];
    this.#head = 0;
  }
}
