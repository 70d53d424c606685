// SPDX-License-Identifier: MIT
import { BPF_PROG_TYPE_LWT_OUT } from '@tsbpf/uapi';
import { defineProgType, helperChooser, PROG_TYPE_HELPERS, type ProgTypeDef } from '@tsbpf/core';
import { accessSkb } from '../access/skb-access.ts';
import { rewriteSkb } from '../access/skb-rewrite.ts';
import { LWT_OUT_FIELDS } from '../generated/ctx-fields.ts';

/** LWT_OUT: packets of this host that match a route. @see net/core/filter.c, lwt_is_valid_access */
export const lwtOutProgType: ProgTypeDef = defineProgType({
  type: BPF_PROG_TYPE_LWT_OUT,
  name: 'lwt_out',
  since: '4.10',
  progCtx: { name: '__sk_buff', kind: 'struct' },
  kernelCtx: 'sk_buff',
  verifier: {
    getFuncProto: helperChooser(PROG_TYPE_HELPERS.LWT_OUT),
    isValidAccess: (request) => accessSkb(LWT_OUT_FIELDS, request),
    convertCtxAccess: rewriteSkb,
    packetAccess: 'read',
  },
  ops: {},
});
