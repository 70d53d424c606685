// SPDX-License-Identifier: MIT
import { BPF_PROG_TYPE_SCHED_CLS, TC_ACT_SHOT } from '@tsbpf/uapi';
import { defineProgType, helperChooser, PROG_TYPE_HELPERS, type ProgTypeDef } from '@tsbpf/core';
import { accessSkb } from '../access/skb-access.ts';
import { rewriteTcSkb } from '../access/skb-rewrite.ts';
import { unclonePrologue } from '../access/unclone.ts';
import { SCHED_CLS_FIELDS } from '../generated/ctx-fields.ts';

/** SCHED_CLS: classifiers of traffic control. @see net/core/filter.c, tc_cls_act_is_valid_access */
export const schedClsProgType: ProgTypeDef = defineProgType({
  type: BPF_PROG_TYPE_SCHED_CLS,
  name: 'sched_cls',
  since: '4.1',
  progCtx: { name: '__sk_buff', kind: 'struct' },
  kernelCtx: 'sk_buff',
  verifier: {
    getFuncProto: helperChooser(PROG_TYPE_HELPERS.SCHED_CLS),
    isValidAccess: (request) => accessSkb(SCHED_CLS_FIELDS, request),
    convertCtxAccess: rewriteTcSkb,
    genPrologue: (directWrite, _prog, types) => unclonePrologue(directWrite, types, TC_ACT_SHOT),
    packetAccess: 'read-write',
    ldAbs: true,
  },
  ops: {},
});
