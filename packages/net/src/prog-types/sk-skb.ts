// SPDX-License-Identifier: MIT
import { BPF_PROG_TYPE_SK_SKB, SK_DROP } from '@tsbpf/uapi';
import { defineProgType, helperChooser, PROG_TYPE_HELPERS, type ProgTypeDef } from '@tsbpf/core';
import { accessSkb } from '../access/skb-access.ts';
import { rewriteSkSkb } from '../access/skb-rewrite.ts';
import { unclonePrologue } from '../access/unclone.ts';
import { SK_SKB_FIELDS } from '../generated/ctx-fields.ts';

/** SK_SKB: parses and judges the stream of a socket in a sockmap. @see net/core/filter.c, sk_skb_is_valid_access */
export const skSkbProgType: ProgTypeDef = defineProgType({
  type: BPF_PROG_TYPE_SK_SKB,
  name: 'sk_skb',
  since: '4.14',
  progCtx: { name: '__sk_buff', kind: 'struct' },
  kernelCtx: 'sk_buff',
  verifier: {
    getFuncProto: helperChooser(PROG_TYPE_HELPERS.SK_SKB),
    isValidAccess: (request) => accessSkb(SK_SKB_FIELDS, request),
    convertCtxAccess: rewriteSkSkb,
    genPrologue: (directWrite, _prog, types) => unclonePrologue(directWrite, types, SK_DROP),
    packetAccess: 'read-write',
  },
  ops: {},
});
