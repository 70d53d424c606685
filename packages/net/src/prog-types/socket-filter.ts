// SPDX-License-Identifier: MIT
import { BPF_PROG_TYPE_SOCKET_FILTER } from '@tsbpf/uapi';
import { defineProgType, helperChooser, PROG_TYPE_HELPERS, type ProgTypeDef } from '@tsbpf/core';
import { accessSkb } from '../access/skb-access.ts';
import { rewriteSkb } from '../access/skb-rewrite.ts';
import { SOCKET_FILTER_FIELDS } from '../generated/ctx-fields.ts';

/** SOCKET_FILTER: sees packets a socket is about to receive. @see net/core/filter.c, sk_filter_is_valid_access */
export const socketFilterProgType: ProgTypeDef = defineProgType({
  type: BPF_PROG_TYPE_SOCKET_FILTER,
  name: 'socket_filter',
  since: '3.19',
  progCtx: { name: '__sk_buff', kind: 'struct' },
  kernelCtx: 'sk_buff',
  unprivileged: true,
  verifier: {
    getFuncProto: helperChooser(PROG_TYPE_HELPERS.SOCKET_FILTER),
    isValidAccess: (request) => accessSkb(SOCKET_FILTER_FIELDS, request),
    convertCtxAccess: rewriteSkb,
    packetAccess: 'none',
    ldAbs: true,
  },
  ops: {},
});
