// SPDX-License-Identifier: MIT
// bpf_redirect and bpf_clone_redirect of classifiers. @see net/core/filter.c
import { EINVAL, ENOMEM, TC_ACT_REDIRECT, TC_ACT_SHOT } from '@tsbpf/uapi';
import { defineHelper, type HelperRow } from '@tsbpf/core';
import type { NetDevice } from '../dev/device.ts';
import { netOf } from '../net-state.ts';
import { Skb } from '../skb/skb.ts';
import { BPF_F_INGRESS, redirectSkb } from '../tc/redirect.ts';

/** Helpers that send packets elsewhere. */
export const skbRedirectHelpers: readonly HelperRow[] = [
  defineHelper('bpf_redirect', {
    retWidth: 'sext',
    wideArgs: [2],
    call({ kernel, argHi }, ifindex, flags) {
      Object.assign(netOf(kernel).redirect, { flags: flags >>> 0, tgtIndex: ifindex >>> 0 });
      return argHi[2] !== 0 || (flags & ~BPF_F_INGRESS) !== 0 ? TC_ACT_SHOT : TC_ACT_REDIRECT;
    },
  }),
  defineHelper('bpf_clone_redirect', {
    retWidth: 'sext',
    wideArgs: [3],
    call({ kernel, argHi }, ctx, ifindex, flags) {
      if (argHi[3] !== 0 || (flags & ~BPF_F_INGRESS) !== 0) return -EINVAL;
      const skb = new Skb(kernel, ctx);
      const from = kernel.objects.get<NetDevice>(skb.dev, 'netdev');
      const device = netOf(kernel).findDevice(ifindex >>> 0, from?.netns);
      if (device === undefined) return -EINVAL;
      const clone = skb.clone();
      if (clone === undefined) return -ENOMEM;
      // The program may write to its packet directly, so that one becomes private, not the clone.
      const err = skb.unclone();
      skb.computeDataPointers();
      if (err < 0) {
        clone.free();
        return -ENOMEM;
      }
      return redirectSkb(device, clone, { ingress: flags !== 0, by: 'clone-redirect' });
    },
  }),
];
