// SPDX-License-Identifier: MIT
import { BPF_PROG_TYPE_XDP } from '@tsbpf/uapi';
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
import { XDP_FIELDS } from '../generated/ctx-fields.ts';

/** @see net/core/filter.c, xdp_convert_ctx_access */
function convert(access: CtxAccess): CtxRewrite {
  const field = fieldAt(XDP_FIELDS, access.off);
  if (field?.off !== access.off) return NO_REWRITE;
  switch (field.name) {
    case 'data':
    case 'data_end':
    case 'data_meta':
      return loadOrStore(access, `xdp_buff.${field.name}`);
    case 'ingress_ifindex':
      return loadChain(access, 'xdp_buff.rxq', 'xdp_rxq_info.dev', 'net_device.ifindex');
    case 'rx_queue_index':
      return loadChain(access, 'xdp_buff.rxq', 'xdp_rxq_info.queue_index');
    default:
      return NO_REWRITE;
  }
}

/** XDP: packets as the driver receives them. @see net/core/filter.c, xdp_verifier_ops */
export const xdpProgType: ProgTypeDef = defineProgType({
  type: BPF_PROG_TYPE_XDP,
  name: 'xdp',
  since: '4.8',
  progCtx: { name: 'xdp_md', kind: 'struct' },
  kernelCtx: 'xdp_buff',
  verifier: {
    getFuncProto: helperChooser(PROG_TYPE_HELPERS.XDP),
    isValidAccess: (request) => accessAligned(XDP_FIELDS, request),
    convertCtxAccess: convert,
    packetAccess: 'read-write',
  },
  ops: {},
});
