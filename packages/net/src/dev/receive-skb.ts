// SPDX-License-Identifier: MIT
// An sk_buff goes up to the protocols. @see net/core/dev.c, __netif_receive_skb_core
import { TC_ACT_QUEUED, TC_ACT_REDIRECT, TC_ACT_SHOT, TC_ACT_STOLEN } from '@tsbpf/uapi';
import { frameOf } from '../skb/frame.ts';
import { flowHash } from '../skb/hash.ts';
import type { Skb } from '../skb/skb.ts';
import { vlanUntag } from '../skb/vlan.ts';
import { classify, TC_ACT_TRAP, type TcVerdict } from '../tc/classify.ts';
import { carryOutRedirect } from '../tc/redirect.ts';
import { inputToSocket } from '../sock/local-input.ts';
import type { NetDevice } from './device.ts';

/** What the ingress classifiers of a device made of a packet. */
export interface IngressOutcome extends TcVerdict {
  readonly redirect?: { ifindex: number; ingress: boolean; err: number };
}

/**
 * Takes the sk_buff, whose data begins behind the link header. What the classifiers said; undefined where there are
 * none or the packet did not get that far.
 */
export function receiveSkb(device: NetDevice, skb: Skb): IngressOutcome | undefined {
  skb.set('skb_iif', device.ifindex);
  skb.resetHeader('network_header');
  if (!skb.headerSet('transport_header')) skb.resetHeader('transport_header');
  skb.macLen = skb.macHeaderLen;
  if (!vlanUntag(skb)) {
    skb.free();
    return undefined;
  }
  if (device.steering) flowHash(skb);
  if (device.taps.size > 0) {
    skb.push(skb.macLen);
    for (const tap of device.taps) tap.see(skb, 'received');
    skb.pull(skb.macLen);
  }
  const verdict = device.tc.ingress.length > 0 ? classify(device, skb, 'ingress') : undefined;
  if (verdict !== undefined && device.watchers.size > 0) device.tell('after-ingress', frameOf(skb), verdict.verdict);
  switch (verdict?.code) {
    case TC_ACT_SHOT:
    case TC_ACT_STOLEN:
    case TC_ACT_QUEUED:
    case TC_ACT_TRAP:
      skb.free();
      return verdict;
    case TC_ACT_REDIRECT:
      skb.push(skb.macLen);
      return { ...verdict, redirect: carryOutRedirect(device.net, skb) };
    default:
      device.deliver(frameOf(skb));
      inputToSocket(device, skb);
      skb.free();
      return verdict;
  }
}
