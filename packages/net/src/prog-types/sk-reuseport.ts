// SPDX-License-Identifier: MIT
import { BPF_PROG_TYPE_SK_REUSEPORT } from '@tsbpf/uapi';
import {
  defineProgType,
  helperChooser,
  PROG_TYPE_HELPERS,
  type CtxAccess,
  type CtxRewrite,
  type ProgTypeDef,
} from '@tsbpf/core';
import { accessAligned, fieldAt } from '../access/ctx-field.ts';
import { loadChain, loadOrStore, NO_REWRITE } from '../access/emit.ts';
import { SK_REUSEPORT_FIELDS } from '../generated/ctx-fields.ts';

/** @see net/core/filter.c, sk_reuseport_convert_ctx_access */
function convert(access: CtxAccess): CtxRewrite {
  const field = fieldAt(SK_REUSEPORT_FIELDS, access.off);
  if (field?.off !== access.off) return NO_REWRITE;
  switch (field.name) {
    case 'data':
      return loadChain(access, 'sk_reuseport_kern.skb', 'sk_buff.data');
    case 'len':
      return loadChain(access, 'sk_reuseport_kern.skb', 'sk_buff.len');
    case 'eth_protocol':
      return loadChain(access, 'sk_reuseport_kern.skb', 'sk_buff.protocol');
    case 'ip_protocol':
      return loadChain(access, 'sk_reuseport_kern.sk', 'sock.sk_protocol');
    case 'data_end':
    case 'hash':
    case 'bind_inany':
      return loadOrStore(access, `sk_reuseport_kern.${field.name}`);
    default:
      return NO_REWRITE;
  }
}

/** SK_REUSEPORT: chooses a socket of a group that shares a port. @see net/core/filter.c, sk_reuseport_verifier_ops */
export const skReuseportProgType: ProgTypeDef = defineProgType({
  type: BPF_PROG_TYPE_SK_REUSEPORT,
  name: 'sk_reuseport',
  since: '4.19',
  progCtx: { name: 'sk_reuseport_md', kind: 'struct' },
  kernelCtx: 'sk_reuseport_kern',
  verifier: {
    getFuncProto: helperChooser(PROG_TYPE_HELPERS.SK_REUSEPORT),
    isValidAccess: (request) => accessAligned(SK_REUSEPORT_FIELDS, request),
    convertCtxAccess: convert,
    packetAccess: 'read',
  },
  ops: {},
});
