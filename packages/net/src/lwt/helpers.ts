// SPDX-License-Identifier: MIT
// What lightweight tunnels' programs do to packets. @see net/core/filter.c, bpf_lwt_push_encap, bpf_lwt_seg6_action
import { EBADMSG, EFAULT, EINVAL } from '@tsbpf/uapi';
import { defineHelper, type HelperRow } from '@tsbpf/core';
import { closeGap, openGap } from '../skb/room.ts';
import { Skb } from '../skb/skb.ts';
import { ENCAP_IP, ENCAP_SEG6, ENCAP_SEG6_INLINE, pushIp, pushSeg6 } from './encap.ts';
import {
  findHeader,
  IPPROTO_IPV6,
  IPV6,
  IPV6_HEADER_BYTES,
  NEXTHDR_ROUTING,
  SEGMENT_BYTES,
  SRH,
  SRH_BYTES,
  write16be,
} from './ipv6-header.ts';
import { lookUpNextHop } from './route-skb.ts';
import { hasValidSrh, srhState, updateSrhState } from './seg6-state.ts';

/** @see include/uapi/linux/seg6_local.h */
const [END_X, END_T, END_DT6, END_B6, END_B6_ENCAP] = [2, 3, 7, 9, 10];
const INT_BYTES = 4;

function pushInput(skb: Skb, mode: number, from: { off: number; len: number }): number {
  if (mode === ENCAP_SEG6 || mode === ENCAP_SEG6_INLINE) return pushSeg6(skb, mode, from);
  return mode === ENCAP_IP ? pushIp(skb, skb.kernel.mem.readBytes(from.off, from.len), true) : -EINVAL;
}

/** Writes to flags, tag or what follows the segments. v5.6 lets the last half segment be written, too. */
function storeBytes(skb: Skb, offset: number, from: { off: number; len: number }): number {
  const { mem } = skb.kernel;
  const state = srhState(skb.kernel);
  const { srh } = state;
  if (srh === 0) return -EINVAL;
  const tlvs = srh + (mem.read8(srh + SRH.firstSegment) + 1) * SEGMENT_BYTES;
  const at = skb.data + offset;
  const end = at + from.len;
  if (at >= tlvs && end <= srh + SRH_BYTES + state.lenBytes) state.valid = false;
  else if (at < srh + SRH.flags || end > srh + SRH.segments) return -EFAULT;
  if (skb.ensureWritable(offset + from.len) < 0) return -EFAULT;
  skb.computeDataPointers();
  const header = findHeader(skb, NEXTHDR_ROUTING);
  if (header < 0) return -EINVAL;
  state.srh = skb.data + header;
  mem.copy(skb.data + offset, from.off, from.len);
  return 0;
}

/** Makes room among what follows the segments, or takes some away. */
function adjust(skb: Skb, offset: number, len: number): number {
  const { mem } = skb.kernel;
  const state = srhState(skb.kernel);
  const { srh } = state;
  if (srh === 0) return -EINVAL;
  const tlvs = srh + SRH_BYTES + (mem.read8(srh + SRH.firstSegment) + 1) * SEGMENT_BYTES;
  const end = srh + SRH_BYTES + state.lenBytes;
  const at = skb.data + offset;
  if (at < tlvs || at > end || (len < 0 && at - len > end)) return -EFAULT;
  const room = len > 0 ? skb.cow(len) : skb.unclone();
  const err = room < 0 ? room : len > 0 ? openGap(skb, offset, len) : closeGap(skb, offset, -len);
  skb.computeDataPointers();
  if (err < 0) return err;
  write16be(mem, skb.data + IPV6.payloadLen, skb.len - IPV6_HEADER_BYTES);
  const header = findHeader(skb, NEXTHDR_ROUTING);
  if (header < 0) return -EINVAL;
  state.srh = skb.data + header;
  state.lenBytes += len;
  state.valid = false;
  return 0;
}

/** Takes the outer headers off, and looks the inner packet up. */
function decapsulate(skb: Skb, table: number): number {
  const at = findHeader(skb, IPPROTO_IPV6);
  if (at < 0 || at > skb.len) return -EBADMSG;
  skb.pull(at);
  skb.resetHeader('network_header');
  skb.resetHeader('transport_header');
  skb.set('encapsulation', 0);
  skb.computeDataPointers();
  updateSrhState(skb);
  return lookUpNextHop(skb, { table });
}

function act(skb: Skb, action: number, param: { off: number; len: number }): number {
  const { kernel } = skb;
  const { mem } = kernel;
  switch (action) {
    case END_X:
      if (!hasValidSrh(kernel)) return -EBADMSG;
      if (param.len !== SEGMENT_BYTES) return -EINVAL;
      return lookUpNextHop(skb, { via: mem.readBytes(param.off, SEGMENT_BYTES) });
    case END_T:
    case END_DT6: {
      if (!hasValidSrh(kernel)) return -EBADMSG;
      if (param.len !== INT_BYTES) return -EINVAL;
      const table = mem.readS32(param.off);
      return action === END_T ? lookUpNextHop(skb, { table }) : decapsulate(skb, table);
    }
    case END_B6:
    case END_B6_ENCAP: {
      if (srhState(kernel).srh !== 0 && !hasValidSrh(kernel)) return -EBADMSG;
      const err = pushSeg6(skb, action === END_B6 ? ENCAP_SEG6_INLINE : ENCAP_SEG6, param);
      if (err === 0) updateSrhState(skb);
      return err;
    }
    default:
      return -EINVAL;
  }
}

export const lwtHelpers: readonly HelperRow[] = [
  defineHelper('bpf_lwt_in_push_encap', {
    retWidth: 'sext',
    call: ({ kernel }, ctx, mode, off, len) =>
      pushInput(new Skb(kernel, ctx), mode, { off: off >>> 0, len: len >>> 0 }),
  }),
  defineHelper('bpf_lwt_xmit_push_encap', {
    retWidth: 'sext',
    call: ({ kernel }, ctx, mode, off, len) =>
      mode === ENCAP_IP ? pushIp(new Skb(kernel, ctx), kernel.mem.readBytes(off >>> 0, len >>> 0), false) : -EINVAL,
  }),
  defineHelper('bpf_lwt_seg6_store_bytes', {
    retWidth: 'sext',
    call: ({ kernel }, ctx, offset, off, len) =>
      storeBytes(new Skb(kernel, ctx), offset >>> 0, { off: off >>> 0, len: len >>> 0 }),
  }),
  defineHelper('bpf_lwt_seg6_adjust_srh', {
    retWidth: 'sext',
    call: ({ kernel }, ctx, offset, len) => adjust(new Skb(kernel, ctx), offset >>> 0, len),
  }),
  defineHelper('bpf_lwt_seg6_action', {
    retWidth: 'sext',
    call: ({ kernel }, ctx, action, off, len) => act(new Skb(kernel, ctx), action, { off: off >>> 0, len: len >>> 0 }),
  }),
];
