// SPDX-License-Identifier: MIT
// Growing and shrinking packets at their ends, and changing what they are. @see net/core/filter.c
import { EINVAL, ENOTSUPP } from '@tsbpf/uapi';
import { defineHelper, type HelperFn, type HelperRow } from '@tsbpf/core';
import type { NetDevice } from '../dev/device.ts';
import { PACKET_OTHERHOST } from '../skb/ethernet.ts';
import { clearHash } from '../skb/hash.ts';
import { CHECKSUM_COMPLETE, CHECKSUM_NONE, CHECKSUM_PARTIAL } from '../skb/receive-csum.ts';
import { closeGap, openGap } from '../skb/room.ts';
import { Skb } from '../skb/skb.ts';

/** In memory order. */
const ETH_P_IP = 0x0008;
const ETH_P_IPV6 = 0xdd86;
/** Bytes that an IPv6 header has more than an IPv4 header. */
const HEADER_DIFF = 20;
/** The longest packet without a device: four pages, less the shared info. */
const MAX_ALLOC = 4 * 4096;

/** The longest the packet may become. @see __bpf_skb_max_len */
export function maxLen(skb: Skb): number {
  const device = skb.kernel.objects.get<NetDevice>(skb.dev, 'netdev');
  return device === undefined ? MAX_ALLOC - skb.layout.infoSize : device.mtu + device.hardHeaderLen;
}

/** The shortest: headers that are known must stay. @see __bpf_skb_min_len */
function minLen(skb: Skb): number {
  if (skb.get('ip_summed') === CHECKSUM_PARTIAL) {
    return skb.head + skb.get('csum_start') - skb.data + skb.get('csum_offset') + 2;
  }
  return skb.headerOffset(skb.headerSet('transport_header') ? 'transport_header' : 'network_header');
}

function resetGso(skb: Skb): void {
  const { mem } = skb.kernel;
  mem.write16(skb.info + skb.layout.info.gsoSize, 0);
  mem.write16(skb.info + skb.layout.info.gsoSegs, 0);
}

function changeTail(skb: Skb, newLen: number): number {
  if (newLen > maxLen(skb) || newLen < minLen(skb) >>> 0) return -EINVAL;
  if (skb.get('encapsulation') !== 0) return -ENOTSUPP;
  const more = newLen - skb.len;
  const err = more > skb.tailroom ? skb.expandHead(0, Math.ceil(more / 64) * 64) : skb.unclone();
  if (err < 0) return err;
  if (skb.get('ip_summed') === CHECKSUM_COMPLETE && more !== 0) skb.set('ip_summed', CHECKSUM_NONE);
  if (more > 0) skb.kernel.mem.fill(skb.put(more), more, 0);
  else skb.trim(newLen);
  if (skb.isGso) resetGso(skb);
  return 0;
}

function changeHead(skb: Skb, room: number): number {
  const newLen = skb.len + room;
  if ((!skb.isGso && newLen > maxLen(skb)) || newLen > 0xffffffff) return -EINVAL;
  const err = skb.cow(room);
  if (err < 0) return err;
  skb.push(room);
  skb.kernel.mem.fill(skb.data, room, 0);
  skb.resetHeader('mac_header');
  return 0;
}

/** Unknown flags are invalid; then the packet's ends are told to the program again. */
const resize =
  (change: (skb: Skb, by: number) => number, refresh: (skb: Skb) => void): HelperFn =>
  ({ kernel, argHi }, ctx, by, flags) => {
    const skb = new Skb(kernel, ctx);
    const err = flags !== 0 || argHi[3] !== 0 ? -EINVAL : change(skb, by >>> 0);
    refresh(skb);
    return err;
  };

const forSkb = (skb: Skb): void => skb.computeDataPointers();
const forSkSkb = (skb: Skb): void => skb.computeSkSkbDataEnd();

function changeProto(skb: Skb, proto: number): number {
  const off = skb.macHeaderLen;
  if (skb.isGso) return -ENOTSUPP;
  let err: number;
  if (skb.protocol === ETH_P_IP && proto === ETH_P_IPV6) {
    err = skb.cow(HEADER_DIFF);
    if (err === 0) err = openGap(skb, off, HEADER_DIFF);
  } else if (skb.protocol === ETH_P_IPV6 && proto === ETH_P_IP) {
    err = skb.unclone();
    if (err === 0) err = closeGap(skb, off, HEADER_DIFF);
  } else {
    return -ENOTSUPP;
  }
  if (err < 0) return err;
  skb.protocol = proto;
  clearHash(skb);
  return 0;
}

/** Helpers that change a packet's length, protocol or type. */
export const skbResizeHelpers: readonly HelperRow[] = [
  defineHelper('bpf_skb_change_tail', { retWidth: 'sext', wideArgs: [3], call: resize(changeTail, forSkb) }),
  defineHelper('sk_skb_change_tail', { retWidth: 'sext', wideArgs: [3], call: resize(changeTail, forSkSkb) }),
  defineHelper('bpf_skb_change_head', { retWidth: 'sext', wideArgs: [3], call: resize(changeHead, forSkb) }),
  defineHelper('sk_skb_change_head', { retWidth: 'sext', wideArgs: [3], call: resize(changeHead, forSkSkb) }),
  defineHelper('bpf_skb_change_proto', {
    retWidth: 'sext',
    wideArgs: [3],
    call({ kernel, argHi }, ctx, proto, flags) {
      if (flags !== 0 || argHi[3] !== 0) return -EINVAL;
      const skb = new Skb(kernel, ctx);
      const err = changeProto(skb, proto & 0xffff);
      skb.computeDataPointers();
      return err;
    },
  }),
  defineHelper('bpf_skb_change_type', {
    retWidth: 'sext',
    call({ kernel }, ctx, type) {
      const skb = new Skb(kernel, ctx);
      if (skb.get('pkt_type') > PACKET_OTHERHOST || type >>> 0 > PACKET_OTHERHOST) return -EINVAL;
      skb.set('pkt_type', type);
      return 0;
    },
  }),
];
