// SPDX-License-Identifier: MIT
import { BPF_PROG_TYPE_LWT_XMIT, TC_ACT_SHOT } from '@tsbpf/uapi';
import { defineProgType, helperChooser, PROG_TYPE_HELPERS, type ProgTypeDef } from '@tsbpf/core';
import { accessSkb } from '../access/skb-access.ts';
import { rewriteSkb } from '../access/skb-rewrite.ts';
import { unclonePrologue } from '../access/unclone.ts';
import { LWT_XMIT_FIELDS } from '../generated/ctx-fields.ts';

/** LWT_XMIT: packets about to be sent by a route. @see net/core/filter.c, lwt_is_valid_access */
export const lwtXmitProgType: ProgTypeDef = defineProgType({
  type: BPF_PROG_TYPE_LWT_XMIT,
  name: 'lwt_xmit',
  since: '4.10',
  progCtx: { name: '__sk_buff', kind: 'struct' },
  kernelCtx: 'sk_buff',
  verifier: {
    getFuncProto: helperChooser(PROG_TYPE_HELPERS.LWT_XMIT),
    isValidAccess: (request) => accessSkb(LWT_XMIT_FIELDS, request),
    convertCtxAccess: rewriteSkb,
    genPrologue: (directWrite, _prog, types) => unclonePrologue(directWrite, types, TC_ACT_SHOT),
    packetAccess: 'read-write',
  },
  ops: {},
});
