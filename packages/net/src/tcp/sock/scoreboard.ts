// SPDX-License-Identifier: MIT

/** Bits of a segment that is out. */
export const SEG_SACKED = 1;
export const SEG_LOST = 2;
/** A retransmission is on its way. */
export const SEG_RETRANS = 4;
/** It was retransmitted at some time. */
export const SEG_EVER_RETRANS = 8;
/** The application had too little to send when it left. */
export const SEG_APP_LIMITED = 16;

const START_SLOTS = 64;

/** What a sender remembers of the segments between `snd_una` and `snd_nxt`: a ring that grows with the window. */
export class Scoreboard {
  #mask = START_SLOTS - 1;
  flags = new Uint8Array(START_SLOTS);
  sentNs = new Float64Array(START_SLOTS);
  /** In flight when it left; delivered, when, and the first transmission of the sample, then. */
  inFlight = new Float64Array(START_SLOTS);
  delivered = new Float64Array(START_SLOTS);
  deliveredNs = new Float64Array(START_SLOTS);
  firstTxNs = new Float64Array(START_SLOTS);
  /** One above the highest segment that was selectively acknowledged. */
  highestSacked = 0;
  /** Segments below it were looked at for loss. */
  lossScan = 0;
  /** No lost segment that waits for retransmission lies below it. */
  retransHint = 0;
  /** Retransmissions in the order they left. */
  readonly retransSegs: number[] = [];
  readonly retransNs: number[] = [];
  retransHead = 0;
  /** The latest departure among segments that arrived, and the round trip it took. */
  rackSentNs = -1;
  rackRttNs = 0;

  slot(seg: number): number {
    return seg & this.#mask;
  }

  /** Makes room for the segments from `una` up to and including `next`. */
  reserve(una: number, next: number): void {
    const slots = this.#mask + 1;
    if (next - una < slots) return;
    const mask = slots * 2 - 1;
    const moved = <T extends Uint8Array | Float64Array>(old: T, fresh: T): T => {
      for (let seg = una; seg < next; seg++) fresh[seg & mask] = old[seg & this.#mask];
      return fresh;
    };
    this.flags = moved(this.flags, new Uint8Array(slots * 2));
    this.sentNs = moved(this.sentNs, new Float64Array(slots * 2));
    this.inFlight = moved(this.inFlight, new Float64Array(slots * 2));
    this.delivered = moved(this.delivered, new Float64Array(slots * 2));
    this.deliveredNs = moved(this.deliveredNs, new Float64Array(slots * 2));
    this.firstTxNs = moved(this.firstTxNs, new Float64Array(slots * 2));
    this.#mask = mask;
  }

  noteRetrans(seg: number, nowNs: number): void {
    if (this.retransHead > 256 && this.retransHead * 2 > this.retransSegs.length) {
      this.retransSegs.splice(0, this.retransHead);
      this.retransNs.splice(0, this.retransHead);
      this.retransHead = 0;
    }
    this.retransSegs.push(seg);
    this.retransNs.push(nowNs);
  }

  forgetRetrans(): void {
    this.retransSegs.length = 0;
    this.retransNs.length = 0;
    this.retransHead = 0;
  }
}
