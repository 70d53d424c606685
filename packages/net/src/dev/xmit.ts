// SPDX-License-Identifier: MIT
// Sending an sk_buff through a device. @see net/core/dev.c, __dev_queue_xmit
import { ENETDOWN, TC_ACT_QUEUED, TC_ACT_REDIRECT, TC_ACT_SHOT, TC_ACT_STOLEN } from '@tsbpf/uapi';
import { frameOf } from '../skb/frame.ts';
import type { Skb } from '../skb/skb.ts';
import { classify, TC_ACT_TRAP, type TcVerdict } from '../tc/classify.ts';
import { carryOutRedirect } from '../tc/redirect.ts';
import { ethTypeTrans, PACKET_OUTGOING } from '../skb/ethernet.ts';
import { tunnelSent } from '../world/tunnel.ts';
import type { NetDevice, TransmittedFrame } from './device.ts';

/** The queueing discipline dropped the packet. */
const NET_XMIT_DROP = 1;

/** What the classifiers of a device made of a packet that was sent, and what became of it there. */
export interface EgressOutcome extends TcVerdict {
  readonly redirect?: { ifindex: number; ingress: boolean; err: number };
  /** What the sender is told. */
  readonly result: number;
  readonly consumed: boolean;
}

/** Asks the egress classifiers and takes packets that end here. @see net/core/dev.c, sch_handle_egress */
function egress(device: NetDevice, skb: Skb): EgressOutcome {
  const verdict = classify(device, skb, 'egress');
  switch (verdict.code) {
    case TC_ACT_SHOT:
      skb.free();
      return { ...verdict, result: NET_XMIT_DROP, consumed: true };
    case TC_ACT_STOLEN:
    case TC_ACT_QUEUED:
    case TC_ACT_TRAP:
      skb.free();
      return { ...verdict, result: 0, consumed: true };
    case TC_ACT_REDIRECT:
      return { ...verdict, redirect: carryOutRedirect(device.net, skb), result: 0, consumed: true };
    default:
      return { ...verdict, result: 0, consumed: false };
  }
}

/** Packet sockets see what is sent as such. @see net/core/dev.c, dev_queue_xmit_nit */
function showToTaps(device: NetDevice, skb: Skb): void {
  const type = skb.get('pkt_type');
  skb.set('pkt_type', PACKET_OUTGOING);
  for (const tap of device.taps) tap.see(skb, 'sent');
  skb.set('pkt_type', type);
}

/**
 * Takes the sk_buff, whose data begins at the link header, and sends it. 0, NET_XMIT_DROP, or -ENETDOWN.
 */
export function xmitSkb(device: NetDevice, skb: Skb, by: TransmittedFrame['by']): number {
  const { net } = device;
  skb.dev = device.off;
  if (!device.up) {
    skb.free();
    return -ENETDOWN;
  }
  net.xmitDepth++;
  try {
    skb.resetHeader('mac_header');
    if (device.tc.egress.length > 0) {
      const outcome = egress(device, skb);
      if (outcome.consumed) return outcome.result;
    }
    showToTaps(device, skb);
    device.transmit(frameOf(skb), by, tunnelSent(skb));
    if (!device.loopback) {
      skb.free();
      return 0;
    }
    ethTypeTrans(skb, device);
    net.netifRx(device, skb);
    return 0;
  } finally {
    net.xmitDepth--;
  }
}
