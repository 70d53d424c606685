// SPDX-License-Identifier: MIT
// bpf_skb_ecn_set_ce: marks a packet as having met congestion. @see net/core/filter.c
import { defineHelper, type HelperRow } from '@tsbpf/core';
import { csumAdd, csumSub } from '../skb/checksum.ts';
import { CHECKSUM_COMPLETE } from '../skb/receive-csum.ts';
import { Skb } from '../skb/skb.ts';

/** In memory order. */
const ETH_P_IP = 0x0008;
const ETH_P_IPV6 = 0xdd86;
const IPV4_LEN = 20;
const IPV6_LEN = 40;
const ECN_MASK = 3;
const NOT_ECT = 0;
const CE = 3;

/** 1: it is marked now, or was; 0: the sender does not speak ECN. The header's checksum is kept right. */
function markIpv4(skb: Skb, at: number): number {
  const { mem } = skb.kernel;
  const tos = mem.read8(at + 1);
  const ecn = tos & ECN_MASK;
  if (ecn === NOT_ECT) return 0;
  if (ecn === CE) return 1;
  mem.write8(at + 1, tos | CE);
  // Version, length and TOS share a 16-bit word, of which TOS is the second byte. Linux never leaves a sum of 0xffff.
  const grown = (CE - ecn) << 8;
  const sum = mem.read16(at + 10) + (~grown & 0xffff);
  mem.write16(at + 10, sum + (sum >= 0xffff ? 1 : 0));
  return 1;
}

function markIpv6(skb: Skb, at: number): number {
  const { mem } = skb.kernel;
  const low = mem.read8(at + 1);
  const ecn = (low >>> 4) & ECN_MASK;
  if (ecn === NOT_ECT) return 0;
  const before = mem.read32(at);
  mem.write8(at + 1, low | (CE << 4));
  if (skb.get('ip_summed') === CHECKSUM_COMPLETE) {
    skb.set('csum', csumAdd(csumSub(skb.get('csum'), before), mem.read32(at)));
  }
  return 1;
}

/** The helper that marks congestion. */
export const skbEcnHelpers: readonly HelperRow[] = [
  defineHelper('bpf_skb_ecn_set_ce', {
    retWidth: 'zext',
    call({ kernel }, ctx) {
      const skb = new Skb(kernel, ctx);
      const len = { [ETH_P_IP]: IPV4_LEN, [ETH_P_IPV6]: IPV6_LEN }[skb.protocol];
      if (len === undefined) return 0;
      const at = skb.head + skb.header('network_header');
      if (skb.len < len || at + len > skb.tail || skb.shared) return 0;
      return skb.protocol === ETH_P_IP ? markIpv4(skb, at) : markIpv6(skb, at);
    },
  }),
];
