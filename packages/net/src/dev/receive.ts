// SPDX-License-Identifier: MIT
import { ENOMEM, UsageError, XDP_PASS } from '@tsbpf/uapi';
import type { NetDevice } from './device.ts';
import type { RedirectOutcome } from '../xdp/redirect.ts';
import { createXdpPacket } from '../xdp/xdp-buff.ts';
import { runXdp } from '../xdp/run.ts';

/** What became of a frame that arrived. */
export interface ReceiveResult {
  /** XDP's verdict by name; XDP_PASS where no XDP program is attached. */
  readonly action: string;
  /** What the XDP program returned, 32 bits. */
  readonly code: number;
  /** The frame as XDP left it. */
  readonly data: Uint8Array;
  /** The metadata XDP put before the frame; empty without. */
  readonly metadata: Uint8Array;
  /** Where XDP_REDIRECT sent it. */
  readonly redirect?: RedirectOutcome;
}

const NO_METADATA = new Uint8Array(0);

/** A frame goes through XDP and, if it passes, up to the protocols. */
export function receiveFrame(device: NetDevice, frame: Uint8Array, queue: number): ReceiveResult {
  const { net } = device;
  const { kernel } = net;
  const prog = device.xdp.native ?? device.xdp.generic;
  if (prog === undefined) {
    device.deliver(frame.slice());
    return { action: 'XDP_PASS', code: XDP_PASS, data: frame.slice(), metadata: NO_METADATA };
  }
  kernel.rcu.enter();
  const packet = createXdpPacket(kernel, { bytes: frame, rxq: device.rxqs[queue] ?? 0 });
  try {
    if (packet === undefined)
      throw new UsageError('kernel memory is exhausted: no room for a frame', { errno: ENOMEM });
    const { xdp } = packet;
    const outcome = runXdp(device, prog, xdp, { generic: device.xdp.native === undefined });
    const result = { ...outcome, data: xdp.bytes(), metadata: xdp.metaBytes() };
    if (outcome.code === XDP_PASS) device.deliver(result.data);
    return result;
  } finally {
    packet?.free();
    kernel.rcu.exit();
  }
}
