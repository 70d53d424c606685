// SPDX-License-Identifier: MIT
// VLAN tags: the outermost beside the packet, others in it. @see net/core/skbuff.c, skb_vlan_push
import { EINVAL } from '@tsbpf/uapi';
import { encapsulatedProtocol } from './ethernet.ts';
import { afterPull, afterPush } from './receive-csum.ts';
import type { Skb } from './skb.ts';

/** In memory order. */
export const ETH_P_8021Q = 0x0081;
export const ETH_P_8021AD = 0xa888;
const VLAN_HLEN = 4;
const ETH_ALEN = 6;
const ETH_HLEN = 14;

/** Whether a protocol, in memory order, is a VLAN tag's. */
export function isVlan(protocol: number): boolean {
  return protocol === ETH_P_8021Q || protocol === ETH_P_8021AD;
}

/** Whether a tag lies beside the packet. Kernels without a flag for it go by the tag's protocol. */
export function hasTag(skb: Skb): boolean {
  return (
    skb.get(skb.kernel.types.tryResolve('sk_buff.vlan_present') === undefined ? 'vlan_proto' : 'vlan_present') !== 0
  );
}

function clearTag(skb: Skb): void {
  if (skb.kernel.types.tryResolve('sk_buff.vlan_present') !== undefined) {
    skb.set('vlan_present', 0);
    return;
  }
  skb.set('vlan_proto', 0);
  skb.set('vlan_tci', 0);
}

function putTag(skb: Skb, protocol: number, tci: number): void {
  skb.set('vlan_proto', protocol);
  skb.set('vlan_tci', tci);
  skb.set('vlan_present', 1);
}

/** Takes the tag out of the packet; the data must begin at the link header. A negative result is -errno. */
function takeTag(skb: Skb): number {
  if (skb.headerOffset('mac_header') !== 0) return -EINVAL;
  const err = skb.ensureWritable(ETH_HLEN + VLAN_HLEN);
  if (err < 0) return err;
  const { mem } = skb.kernel;
  const { data } = skb;
  afterPull(skb, data + 2 * ETH_ALEN, VLAN_HLEN);
  const tci = mem.view.getUint16(data + ETH_HLEN, false);
  skb.protocol = encapsulatedProtocol(skb, data + ETH_HLEN + 2, skb.len - ETH_HLEN - VLAN_HLEN);
  mem.copy(data + VLAN_HLEN, data, 2 * ETH_ALEN);
  skb.pull(VLAN_HLEN);
  skb.setHeader('mac_header', skb.header('mac_header') + VLAN_HLEN);
  if (skb.headerOffset('network_header') < ETH_HLEN) skb.resetHeader('network_header', ETH_HLEN);
  skb.macLen = skb.macHeaderLen;
  return tci;
}

/** Adds a tag: beside the packet; one that is there goes into the packet. 0 or -errno. */
export function vlanPush(skb: Skb, protocol: number, tci: number): number {
  if (hasTag(skb)) {
    if (skb.headerOffset('mac_header') !== 0) return -EINVAL;
    const err = skb.cow(VLAN_HLEN);
    if (err < 0) return err;
    const { mem } = skb.kernel;
    skb.push(VLAN_HLEN);
    mem.copy(skb.data, skb.data + VLAN_HLEN, 2 * ETH_ALEN);
    skb.setHeader('mac_header', skb.header('mac_header') - VLAN_HLEN);
    mem.write16(skb.data + 2 * ETH_ALEN, skb.get('vlan_proto'));
    mem.view.setUint16(skb.data + ETH_HLEN, skb.get('vlan_tci'), false);
    skb.protocol = skb.get('vlan_proto');
    skb.macLen += VLAN_HLEN;
    afterPush(skb, skb.data + 2 * ETH_ALEN, VLAN_HLEN);
  }
  putTag(skb, protocol, tci);
  return 0;
}

/** Removes the outermost tag; the next one, if the packet has one, takes its place beside it. 0 or -errno. */
export function vlanPop(skb: Skb): number {
  if (hasTag(skb)) {
    clearTag(skb);
  } else {
    if (!isVlan(skb.protocol)) return 0;
    const taken = takeTag(skb);
    if (taken < 0) return taken;
  }
  if (!isVlan(skb.protocol)) return 0;
  const { protocol } = skb;
  const tci = takeTag(skb);
  if (tci < 0) return tci;
  putTag(skb, protocol, tci);
  return 0;
}

/** On arrival, with the data behind the link header: a tag in the packet goes beside it. False: it is cut short. */
export function vlanUntag(skb: Skb): boolean {
  if (!isVlan(skb.protocol) || hasTag(skb)) return true;
  if (skb.len < VLAN_HLEN) return false;
  const { mem } = skb.kernel;
  const { protocol, data } = skb;
  const tci = mem.view.getUint16(data, false);
  afterPull(skb, data, VLAN_HLEN);
  skb.pull(VLAN_HLEN);
  skb.protocol = encapsulatedProtocol(skb, data + 2, skb.len);
  const mac = skb.head + skb.header('mac_header');
  mem.copy(mac + VLAN_HLEN, mac, 2 * ETH_ALEN);
  skb.setHeader('mac_header', skb.header('mac_header') + VLAN_HLEN);
  putTag(skb, protocol, tci);
  skb.resetHeader('network_header');
  skb.resetHeader('transport_header');
  skb.macLen = skb.macHeaderLen;
  return true;
}
