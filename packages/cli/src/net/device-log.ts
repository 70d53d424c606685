// SPDX-License-Identifier: MIT
// What each device of a topology saw, for a capture file of its own and for a table.
import { encodePcapng, LINKTYPE_ETHERNET, type WritablePacket } from '@tsbpf/capture';
import type { DeviceEvent, TopologyEvent } from 'tsbpf';

/** Stages of a frame at a device, each an interface of the capture: before and after every program. */
const STAGES: readonly { readonly what: DeviceEvent['what']; readonly text: string }[] = [
  { what: 'arrived', text: 'as it arrived' },
  { what: 'after-xdp', text: 'as XDP left it' },
  { what: 'after-ingress', text: 'as the ingress classifiers left it' },
  { what: 'delivered', text: 'as the host got it' },
  { what: 'to-send', text: 'as the host sent it' },
  { what: 'transmitted', text: 'as it went out, past the egress classifiers' },
];

/** What a device saw. */
export class DeviceLog {
  readonly name: string;
  readonly counts = new Map<string, number>();
  readonly verdicts = new Map<string, number>();
  readonly #packets: WritablePacket[] = [];

  readonly #keeps: boolean;

  /** `keeps`: frames are kept for a capture file. */
  constructor(name: string, { keeps }: { keeps: boolean }) {
    this.name = name;
    this.#keeps = keeps;
  }

  /** Takes an event; its time is that of the frame of the capture that caused it, later by what happened since. */
  take(event: TopologyEvent, tsNs: bigint): void {
    const ifaceIdx = STAGES.findIndex(({ what }) => what === event.what);
    this.counts.set(event.what, (this.counts.get(event.what) ?? 0) + 1);
    const judged = event.what === 'after-xdp' || event.what === 'after-ingress';
    if (judged && event.note !== undefined) this.verdicts.set(event.note, (this.verdicts.get(event.note) ?? 0) + 1);
    if (this.#keeps) this.#packets.push({ data: event.data, tsNs, ifaceIdx });
  }

  /** The capture: an interface for each stage. */
  pcapng(): Uint8Array {
    const interfaces = STAGES.map(({ what, text }) => ({
      linkType: LINKTYPE_ETHERNET,
      name: `${this.name}:${what}`,
      description: text,
    }));
    return encodePcapng(this.#packets, { interfaces, application: 'tsbpf net run' });
  }
}
