// SPDX-License-Identifier: MIT
// bpf_skb_adjust_room: room for encapsulation. @see net/core/filter.c
import { EALREADY, EFAULT, EINVAL, ENOTSUPP } from '@tsbpf/uapi';
import { defineHelper, type HelperRow } from '@tsbpf/core';
import { closeGap, openGap } from '../skb/room.ts';
import { Skb } from '../skb/skb.ts';
import { maxLen } from './skb-resize.ts';

const BPF_ADJ_ROOM_NET = 0;
const BPF_ADJ_ROOM_MAC = 1;
const FIXED_GSO = 1;
const ENCAP_L3_IPV4 = 2;
const ENCAP_L3_IPV6 = 4;
const ENCAP_L4_GRE = 8;
const ENCAP_L4_UDP = 16;
const KNOWN = FIXED_GSO | ENCAP_L3_IPV4 | ENCAP_L3_IPV6 | ENCAP_L4_GRE | ENCAP_L4_UDP;
/** The length of an inner link header lies in the top byte of the 64 bits. */
const L2_SHIFT_HI = 24;

/** In memory order. */
const ETH_P_IP = 0x0008;
const ETH_P_IPV6 = 0xdd86;
const IPV4_LEN = 20;
const IPV6_LEN = 40;
const MAX_DIFF = 0xfff;

function grow(skb: Skb, off: number, lenBytes: number, flags: { low: number; innerMacLen: number }): number {
  const { low, innerMacLen } = flags;
  const v4 = (low & ENCAP_L3_IPV4) !== 0;
  const v6 = (low & ENCAP_L3_IPV6) !== 0;
  if (skb.isGso) return -ENOTSUPP;
  const err = skb.cow(lenBytes);
  if (err < 0) return err;
  if (!v4 && !v6) return openGap(skb, off, lenBytes);
  if (v4 && v6) return -EINVAL;
  if ((low & ENCAP_L4_GRE) !== 0 && (low & ENCAP_L4_UDP) !== 0) return -EINVAL;
  if (skb.get('encapsulation') !== 0) return -EALREADY;
  if (innerMacLen > lenBytes) return -EINVAL;
  const macLen = skb.macHeaderLen;
  const innerNet = skb.header('network_header');
  const innerTransport = skb.header('transport_header');
  openGap(skb, off, lenBytes);
  skb.setHeader('inner_mac_header', innerNet - innerMacLen);
  skb.setHeader('inner_network_header', innerNet);
  skb.setHeader('inner_transport_header', innerTransport);
  skb.set('inner_protocol', skb.protocol);
  skb.set('inner_protocol_type', 0);
  skb.set('encapsulation', 1);
  skb.resetHeader('network_header', macLen);
  skb.resetHeader('transport_header', macLen + (v6 ? IPV6_LEN : IPV4_LEN));
  skb.protocol = v6 ? ETH_P_IPV6 : ETH_P_IP;
  return 0;
}

function shrink(skb: Skb, off: number, lenBytes: number, low: number): number {
  if ((low & ~FIXED_GSO) !== 0) return -EINVAL;
  if (skb.isGso) return -ENOTSUPP;
  const err = skb.unclone();
  return err < 0 ? err : closeGap(skb, off, lenBytes);
}

/** The helper that inserts or removes room behind the link or network header. */
export const skbRoomHelpers: readonly HelperRow[] = [
  defineHelper('bpf_skb_adjust_room', {
    retWidth: 'sext',
    wideArgs: [4],
    call({ kernel, argHi }, ctx, diff, mode, low) {
      const skb = new Skb(kernel, ctx);
      const high = argHi[4] ?? 0;
      if ((low & ~KNOWN) !== 0 || (high & 0xffffff) !== 0) return -EINVAL;
      const lenBytes = Math.abs(diff);
      if (lenBytes > MAX_DIFF) return -EFAULT;
      const base = { [ETH_P_IP]: IPV4_LEN, [ETH_P_IPV6]: IPV6_LEN }[skb.protocol];
      if (base === undefined || (mode !== BPF_ADJ_ROOM_NET && mode !== BPF_ADJ_ROOM_MAC)) return -ENOTSUPP;
      const off = skb.macHeaderLen + (mode === BPF_ADJ_ROOM_NET ? base : 0);
      const current = skb.len - skb.headerOffset('network_header');
      const fits =
        diff < 0 ? lenBytes < current && current - lenBytes >= base : skb.len + lenBytes <= maxLen(skb) || skb.isGso;
      if (!fits) return -ENOTSUPP;
      const innerMacLen = (high >>> L2_SHIFT_HI) & 0xff;
      const err =
        diff < 0 ? shrinkWith(skb, off, lenBytes, { low, high }) : grow(skb, off, lenBytes, { low, innerMacLen });
      skb.computeDataPointers();
      return err;
    },
  }),
];

/** Shrinking takes no flag but the one about segments, the inner length included. */
function shrinkWith(skb: Skb, off: number, lenBytes: number, flags: { low: number; high: number }): number {
  return flags.high !== 0 ? -EINVAL : shrink(skb, off, lenBytes, flags.low);
}
