// SPDX-License-Identifier: MIT
// bpf_skb_vlan_push and bpf_skb_vlan_pop. @see net/core/filter.c
import { defineHelper, type HelperRow } from '@tsbpf/core';
import { afterPull, afterPush } from '../skb/receive-csum.ts';
import { Skb } from '../skb/skb.ts';
import { ETH_P_8021Q, isVlan, vlanPop, vlanPush } from '../skb/vlan.ts';

/** On ingress the sum that came with the packet leaves the link header out: it counts while a tag is moved. */
function withLinkHeader(skb: Skb, change: () => number): number {
  const mac = (): number => skb.head + skb.header('mac_header');
  const ingress = skb.get('tc_at_ingress') !== 0;
  if (ingress) afterPush(skb, mac(), skb.macLen);
  const err = change();
  if (ingress) afterPull(skb, mac(), skb.macLen);
  skb.computeDataPointers();
  return err;
}

/** Helpers for VLAN tags. */
export const skbVlanHelpers: readonly HelperRow[] = [
  defineHelper('bpf_skb_vlan_push', {
    retWidth: 'sext',
    call({ kernel }, ctx, proto, tci) {
      const skb = new Skb(kernel, ctx);
      const protocol = isVlan(proto & 0xffff) ? proto & 0xffff : ETH_P_8021Q;
      return withLinkHeader(skb, () => vlanPush(skb, protocol, tci & 0xffff));
    },
  }),
  defineHelper('bpf_skb_vlan_pop', {
    retWidth: 'sext',
    call({ kernel }, ctx) {
      const skb = new Skb(kernel, ctx);
      return withLinkHeader(skb, () => vlanPop(skb));
    },
  }),
];
