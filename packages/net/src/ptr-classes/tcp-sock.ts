// SPDX-License-Identifier: MIT
import { definePtrClass, type AccessInfo, type AccessRequest, type CtxAccess, type CtxRewrite } from '@tsbpf/core';
import type { PtrClassOps } from '@tsbpf/core';
import { accessAligned, fieldAt } from '../access/ctx-field.ts';
import { loadOrStore, NO_REWRITE } from '../access/emit.ts';
import { TCP_SOCK_FIELDS } from '../generated/ctx-fields.ts';

/**
 * Quirk of v5.6: the upper half of a 64-bit field passes as a field of its own, and fails at the rewrite.
 * @see net/core/filter.c, bpf_tcp_sock_is_valid_access
 */
function isValid(request: AccessRequest): AccessInfo | undefined {
  if (request.write) return undefined;
  const field = fieldAt(TCP_SOCK_FIELDS, request.off);
  if (field?.size === 8 && request.off === field.off + 4 && request.size === 4) {
    return { regType: 'SCALAR_VALUE', ctxFieldSize: 0 };
  }
  return accessAligned(TCP_SOCK_FIELDS, request);
}

/** @see net/core/filter.c, bpf_tcp_sock_convert_ctx_access */
function convert(access: CtxAccess): CtxRewrite {
  const field = fieldAt(TCP_SOCK_FIELDS, access.off);
  if (field?.off !== access.off) return NO_REWRITE;
  switch (field.name) {
    case 'rtt_min':
      return loadOrStore(access, 'tcp_sock.rtt_min.s[0].v');
    case 'icsk_retransmits':
      return loadOrStore(access, 'inet_connection_sock.icsk_retransmits');
    default:
      return loadOrStore(access, `tcp_sock.${field.name}`);
  }
}

/** A TCP socket's state, read through `bpf_tcp_sock`. */
export const tcpSockPtr: PtrClassOps = definePtrClass({
  regType: 'PTR_TO_TCP_SOCK',
  progStruct: 'bpf_tcp_sock',
  isValidAccess: isValid,
  convertAccess: convert,
});
