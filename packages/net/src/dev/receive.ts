// SPDX-License-Identifier: MIT
import { EINVAL, ENOMEM, UsageError, XDP_PASS } from '@tsbpf/uapi';
import { skbOfFrame } from '../skb/ethernet.ts';
import type { Skb } from '../skb/skb.ts';
import type { RedirectOutcome } from '../xdp/redirect.ts';
import { createXdpPacket, ETH_HLEN, XDP_PACKET_HEADROOM } from '../xdp/xdp-buff.ts';
import { runXdp } from '../xdp/run.ts';
import type { NetDevice } from './device.ts';
import { receiveSkb, type IngressOutcome } from './receive-skb.ts';
import { xmitSkb } from './xmit.ts';

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
  /** What the ingress classifiers said of a frame that passed XDP; absent where there are none. */
  readonly tc?: IngressOutcome;
}

const NO_METADATA = new Uint8Array(0);

const noMemory = (): UsageError => new UsageError('kernel memory is exhausted: no room for a frame', { errno: ENOMEM });

function checkFrame(frame: Uint8Array): void {
  if (frame.length >= ETH_HLEN) return;
  throw new UsageError(`a frame has at least an Ethernet header of ${ETH_HLEN} bytes, not ${frame.length}`, {
    errno: EINVAL,
  });
}

/** An sk_buff for a frame, with the metadata XDP put before it. */
export function skbWith(device: NetDevice, frame: Uint8Array, metadata: Uint8Array): Skb {
  const { kernel } = device.net;
  const skb = skbOfFrame(kernel, device, frame, { headroom: XDP_PACKET_HEADROOM });
  if (skb === undefined) throw noMemory();
  kernel.mem.writeBytes(skb.data - ETH_HLEN - metadata.length, metadata);
  kernel.mem.write8(skb.info + skb.layout.info.metaLen, metadata.length);
  return skb;
}

const hasXdp = ({ xdp }: NetDevice): boolean => xdp.native !== undefined || xdp.generic !== undefined;

function throughXdp(device: NetDevice, frame: Uint8Array, queue: number): ReceiveResult {
  const prog = device.xdp.native ?? device.xdp.generic;
  if (prog === undefined) return { action: 'XDP_PASS', code: XDP_PASS, data: frame.slice(), metadata: NO_METADATA };
  const packet = createXdpPacket(device.net.kernel, { bytes: frame, rxq: device.rxqs[queue] ?? 0 });
  if (packet === undefined) throw noMemory();
  try {
    const { xdp } = packet;
    const outcome = runXdp(device, prog, xdp, { generic: device.xdp.native === undefined });
    return { ...outcome, data: xdp.bytes(), metadata: xdp.metaBytes() };
  } finally {
    packet.free();
  }
}

/** A frame goes through XDP and, if it passes, through the ingress classifiers up to the protocols. */
export function receiveFrame(device: NetDevice, frame: Uint8Array, queue: number): ReceiveResult {
  const { net } = device;
  checkFrame(frame);
  device.tell('arrived', frame);
  net.kernel.rcu.enter();
  try {
    const result = throughXdp(device, frame, queue);
    if (hasXdp(device)) device.tell('after-xdp', result.data, result.action);
    if (result.code !== XDP_PASS) return result;
    const tc = receiveSkb(device, skbWith(device, result.data, result.metadata));
    return tc === undefined ? result : { ...result, tc };
  } finally {
    net.drainBacklog();
    net.kernel.rcu.exit();
  }
}

/** A frame goes through the egress classifiers to the wire. */
export function sendFrame(device: NetDevice, frame: Uint8Array): number {
  const { net } = device;
  checkFrame(frame);
  device.tell('to-send', frame);
  net.kernel.rcu.enter();
  try {
    const skb = skbWith(device, frame, NO_METADATA);
    skb.push(ETH_HLEN);
    return xmitSkb(device, skb, 'xmit');
  } finally {
    net.drainBacklog();
    net.kernel.rcu.exit();
  }
}
