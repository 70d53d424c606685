// SPDX-License-Identifier: MIT
// The flow hash of a packet. @see net/core/filter.c
import { defineHelper, type HelperRow } from '@tsbpf/core';
import { clearHash, flowHash, setHash } from '../skb/hash.ts';
import { Skb } from '../skb/skb.ts';

/** Helpers that read and change a packet's hash. */
export const skbHashHelpers: readonly HelperRow[] = [
  defineHelper('bpf_get_hash_recalc', { retWidth: 'zext', call: ({ kernel }, ctx) => flowHash(new Skb(kernel, ctx)) }),
  defineHelper('bpf_set_hash_invalid', {
    retWidth: 'sext',
    call({ kernel }, ctx) {
      clearHash(new Skb(kernel, ctx));
      return 0;
    },
  }),
  defineHelper('bpf_set_hash', {
    retWidth: 'sext',
    call({ kernel }, ctx, hash) {
      setHash(new Skb(kernel, ctx), hash, { l4: true });
      return 0;
    },
  }),
];
