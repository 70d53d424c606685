// SPDX-License-Identifier: MIT
import { basename } from 'node:path';
import { LINKTYPE_ETHERNET, encodePcapng, iterateCapture, type WritablePacket } from '@tsbpf/capture';
import { badInput, blaming } from '../failure.ts';
import { readCaptureFile } from '../input/read-file.ts';
import { progress } from '../output/progress.ts';
import { writeWhole } from '../output/write-file.ts';
import type { CaptureHook } from './capture-hook.ts';

/** The shortest frame that can arrive at an Ethernet device. */
const MIN_FRAME = 14;

export interface CaptureResult {
  readonly file: string;
  readonly packets: number;
  readonly bytes: number;
  /** Packets by verdict. */
  readonly verdicts: ReadonlyMap<string, number>;
  /** Packets too short to be frames. */
  readonly skipped: number;
  readonly out: string | undefined;
}

/** Lets every frame of a capture arrive at eth0, where the program is attached. */
export function runCapture(hook: CaptureHook, options: { pcap: string; out: string | undefined }): CaptureResult {
  const { pcap, out } = options;
  const verdicts = new Map<string, number>();
  const written: WritablePacket[] = [];
  const bar = progress(`${basename(pcap)}: packets`);
  let packets = 0;
  let bytes = 0;
  let skipped = 0;
  const file = readCaptureFile(pcap);
  const each = blaming(pcap, () => iterateCapture(file)[Symbol.iterator]());
  for (let next = blaming(pcap, () => each.next()); next.done !== true; next = blaming(pcap, () => each.next())) {
    const packet = next.value;
    if (packet.linkType !== LINKTYPE_ETHERNET) {
      badInput(`${pcap}: link type ${packet.linkType} is not Ethernet (${LINKTYPE_ETHERNET}), which eth0 takes`);
    }
    if (packet.data.length < MIN_FRAME) {
      skipped++;
      continue;
    }
    packets++;
    bytes += packet.data.length;
    const { verdict, data } = hook.receive(packet.data);
    verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1);
    if (out !== undefined && data !== undefined) written.push({ data, tsNs: packet.tsNs });
    bar.update(packets);
  }
  bar.done();
  if (out !== undefined) {
    writeWhole(out, encodePcapng(written, { interfaces: [{ linkType: LINKTYPE_ETHERNET, name: 'eth0' }] }));
  }
  return { file: pcap, packets, bytes, verdicts, skipped, out };
}
