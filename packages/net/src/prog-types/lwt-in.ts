// SPDX-License-Identifier: MIT
import { BPF_PROG_TYPE_LWT_IN } from '@tsbpf/uapi';
import { defineProgType, helperChooser, PROG_TYPE_HELPERS, type ProgTypeDef } from '@tsbpf/core';
import { accessSkb } from '../access/skb-access.ts';
import { rewriteSkb } from '../access/skb-rewrite.ts';
import { LWT_IN_FIELDS } from '../generated/ctx-fields.ts';

/** LWT_IN: packets for this host that match a route. @see net/core/filter.c, lwt_is_valid_access */
export const lwtInProgType: ProgTypeDef = defineProgType({
  type: BPF_PROG_TYPE_LWT_IN,
  name: 'lwt_in',
  since: '4.10',
  progCtx: { name: '__sk_buff', kind: 'struct' },
  kernelCtx: 'sk_buff',
  verifier: {
    getFuncProto: helperChooser(PROG_TYPE_HELPERS.LWT_IN),
    isValidAccess: (request) => accessSkb(LWT_IN_FIELDS, request),
    convertCtxAccess: rewriteSkb,
    packetAccess: 'read',
  },
  ops: {},
});
