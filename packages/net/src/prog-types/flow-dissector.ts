// SPDX-License-Identifier: MIT
import { BPF_PROG_TYPE_FLOW_DISSECTOR } from '@tsbpf/uapi';
import {
  defineProgType,
  helperChooser,
  PROG_TYPE_HELPERS,
  type AccessInfo,
  type AccessRequest,
  type CtxAccess,
  type CtxRewrite,
  type ProgTypeDef,
} from '@tsbpf/core';
import { fieldAt } from '../access/ctx-field.ts';
import { loadOrStore, NO_REWRITE } from '../access/emit.ts';
import { FLOW_DISSECTOR_FIELDS } from '../generated/ctx-fields.ts';

/**
 * Quirk of v5.6: alignment is not looked at, so a load from the middle of a field passes, and fails at the rewrite.
 * @see net/core/filter.c, flow_dissector_is_valid_access
 */
function isValid({ off, size, write }: AccessRequest): AccessInfo | undefined {
  const field = fieldAt(FLOW_DISSECTOR_FIELDS, off);
  if (write || field?.read === undefined || size !== field.size) return undefined;
  return { regType: field.reg ?? 'SCALAR_VALUE', ctxFieldSize: 0 };
}

/** @see net/core/filter.c, flow_dissector_convert_ctx_access */
function convert(access: CtxAccess): CtxRewrite {
  const field = fieldAt(FLOW_DISSECTOR_FIELDS, access.off);
  if (field?.read === undefined || field.off !== access.off) return NO_REWRITE;
  return loadOrStore(access, `bpf_flow_dissector.${field.name}`);
}

/** FLOW_DISSECTOR: finds the headers of a packet for the kernel. @see net/core/flow_dissector.c */
export const flowDissectorProgType: ProgTypeDef = defineProgType({
  type: BPF_PROG_TYPE_FLOW_DISSECTOR,
  name: 'flow_dissector',
  since: '4.20',
  progCtx: { name: '__sk_buff', kind: 'struct' },
  kernelCtx: 'bpf_flow_dissector',
  verifier: {
    getFuncProto: helperChooser(PROG_TYPE_HELPERS.FLOW_DISSECTOR),
    isValidAccess: isValid,
    convertCtxAccess: convert,
    packetAccess: 'read',
  },
  ops: {},
});
