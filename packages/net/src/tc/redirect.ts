// SPDX-License-Identifier: MIT
// Sending an sk_buff through another device, or letting it arrive there. @see net/core/filter.c, __bpf_redirect
import { EINVAL, ENETDOWN, ERANGE } from '@tsbpf/uapi';
import type { NetDevice, TransmittedFrame } from '../dev/device.ts';
import type { Net } from '../net-state.ts';
import { ethTypeTrans, PACKET_HOST } from '../skb/ethernet.ts';
import { afterPull, afterPush } from '../skb/receive-csum.ts';
import type { Skb } from '../skb/skb.ts';
import { okToForward } from '../xdp/redirect.ts';
import { ETH_HLEN } from '../xdp/xdp-buff.ts';

export const BPF_F_INGRESS = 1;
/** How deep devices may transmit from within a transmission. */
const XMIT_RECURSION_LIMIT = 8;
/** What a device answers that did not take a packet. */
const NET_RX_DROP = 1;

function arriveAt(device: NetDevice, skb: Skb): number {
  if (okToForward(device, skb.len) < 0 && !(skb.isGso && device.up)) {
    skb.free();
    return NET_RX_DROP;
  }
  skb.kernel.mem.write64(skb.off + skb.layout.at.tstamp, 0n);
  skb.set('pkt_type', PACKET_HOST);
  skb.set('skb_iif', 0);
  skb.set('ignore_df', 0);
  skb.set('priority', 0);
  const from = skb.kernel.objects.get<NetDevice>(skb.dev, 'netdev');
  if (from?.netns !== device.netns) skb.set('mark', 0);
  ethTypeTrans(skb, device);
  afterPull(skb, skb.data - ETH_HLEN, ETH_HLEN);
  device.net.netifRx(device, skb);
  return 0;
}

/** Takes the sk_buff, whose data begins at the link header. 0 or -errno, or what the device answered. */
export function redirectSkb(
  device: NetDevice,
  skb: Skb,
  options: { ingress: boolean; by: TransmittedFrame['by'] },
): number {
  if (skb.header('mac_header') >= skb.header('network_header')) {
    skb.free();
    return -ERANGE;
  }
  // The sum that came with a packet leaves the link header out, which is data now.
  if (skb.get('tc_at_ingress') !== 0) afterPush(skb, skb.head + skb.header('mac_header'), skb.macLen);
  if (options.ingress) return arriveAt(device, skb);
  if (device.net.xmitDepth > XMIT_RECURSION_LIMIT) {
    skb.free();
    return -ENETDOWN;
  }
  skb.kernel.mem.write64(skb.off + skb.layout.at.tstamp, 0n);
  return device.xmit(skb, options.by);
}

/** Carries out what bpf_redirect said. */
export function carryOutRedirect(net: Net, skb: Skb): { ifindex: number; ingress: boolean; err: number } {
  const ifindex = net.redirect.tgtIndex;
  const ingress = (net.redirect.flags & BPF_F_INGRESS) !== 0;
  net.redirect.tgtIndex = 0;
  const from = net.kernel.objects.get<NetDevice>(skb.dev, 'netdev');
  const device = net.findDevice(ifindex, from?.netns);
  if (device === undefined) {
    skb.free();
    return { ifindex, ingress, err: -EINVAL };
  }
  return { ifindex, ingress, err: redirectSkb(device, skb, { ingress, by: 'tc-redirect' }) };
}
