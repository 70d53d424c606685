// SPDX-License-Identifier: MIT
import type { EventSource } from './event-queue.ts';
import type { TcpSim } from './sim.ts';

/** What was seen of a connection, a value for each look. */
export interface FlowSeries {
  readonly cwnd: Float64Array;
  readonly ssthresh: Float64Array;
  /** Smoothed round trip, microseconds. */
  readonly rttUs: Float64Array;
  readonly inFlight: Float64Array;
  /** Bytes delivered since the look before. */
  readonly deliveredBytes: Float64Array;
  readonly retransmits: Float64Array;
  /** TCP_CA_* */
  readonly state: Uint8Array;
}

/** What was seen of a link. */
export interface LinkSeries {
  readonly queued: Float64Array;
  /** So far: dropped at the full queue, lost at random, marked. */
  readonly drops: Float64Array;
  readonly losses: Float64Array;
  readonly marks: Float64Array;
}

/** Looks at a simulation at even intervals. Connections must be there before it. */
export class TcpRecorder implements EventSource {
  eventId = -1;
  scheduledNs = Infinity;
  readonly intervalNs: number;
  readonly flows: readonly FlowSeries[];
  readonly links: readonly LinkSeries[];
  /** Looks taken. */
  count = 0;
  readonly #sim: TcpSim;
  readonly #room: number;
  readonly #delivered: Float64Array;
  readonly #startNs: number;

  constructor(sim: TcpSim, options: { durationNs: number; intervalNs: number }) {
    this.#sim = sim;
    this.intervalNs = options.intervalNs;
    this.#startNs = sim.nowNs;
    this.#room = Math.floor(options.durationNs / options.intervalNs) + 1;
    const column = (): Float64Array => new Float64Array(this.#room);
    this.flows = sim.flows.map(() => ({
      cwnd: column(),
      ssthresh: column(),
      rttUs: column(),
      inFlight: column(),
      deliveredBytes: column(),
      retransmits: column(),
      state: new Uint8Array(this.#room),
    }));
    this.links = sim.links.map(() => ({ queued: column(), drops: column(), losses: column(), marks: column() }));
    this.#delivered = new Float64Array(sim.flows.length);
    sim.schedule(this, this.#startNs);
  }

  /** When a look was taken, seconds from the beginning. */
  secondsAt(look: number): number {
    return (look * this.intervalNs) / 1e9;
  }

  fire(nowNs: number): void {
    const sim = this.#sim;
    const at = this.count++;
    sim.flows.forEach(({ sender, startNs }, i) => {
      const series = this.flows[i];
      if (nowNs < startNs) return;
      series.cwnd[at] = sender.released ? 0 : sender.cwnd;
      series.ssthresh[at] = sender.ssthresh;
      series.rttUs[at] = sender.released ? 0 : sender.srttUs >> 3;
      series.inFlight[at] = sender.released ? 0 : sender.inFlight;
      const bytes = sender.bytesBefore(sender.sndUna);
      series.deliveredBytes[at] = bytes - this.#delivered[i];
      this.#delivered[i] = bytes;
      series.retransmits[at] = sender.totalRetrans;
      series.state[at] = sender.caState;
    });
    sim.links.forEach((link, i) => {
      const series = this.links[i];
      series.queued[at] = link.queued(nowNs);
      series.drops[at] = link.stats.drops;
      series.losses[at] = link.stats.losses;
      series.marks[at] = link.stats.marks;
    });
    if (this.count < this.#room) sim.schedule(this, this.#startNs + this.count * this.intervalNs);
  }
}
