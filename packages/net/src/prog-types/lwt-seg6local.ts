// SPDX-License-Identifier: MIT
import { BPF_PROG_TYPE_LWT_SEG6LOCAL } from '@tsbpf/uapi';
import { defineProgType, helperChooser, PROG_TYPE_HELPERS, type ProgTypeDef } from '@tsbpf/core';
import { accessSkb } from '../access/skb-access.ts';
import { rewriteSkb } from '../access/skb-rewrite.ts';
import { LWT_SEG6LOCAL_FIELDS } from '../generated/ctx-fields.ts';

/** LWT_SEG6LOCAL: an action of IPv6 segment routing. @see net/core/filter.c, lwt_is_valid_access */
export const lwtSeg6localProgType: ProgTypeDef = defineProgType({
  type: BPF_PROG_TYPE_LWT_SEG6LOCAL,
  name: 'lwt_seg6local',
  since: '4.18',
  progCtx: { name: '__sk_buff', kind: 'struct' },
  kernelCtx: 'sk_buff',
  verifier: {
    getFuncProto: helperChooser(PROG_TYPE_HELPERS.LWT_SEG6LOCAL),
    isValidAccess: (request) => accessSkb(LWT_SEG6LOCAL_FIELDS, request),
    convertCtxAccess: rewriteSkb,
    packetAccess: 'read',
  },
  ops: {},
});
