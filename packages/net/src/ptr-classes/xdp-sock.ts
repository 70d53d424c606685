// SPDX-License-Identifier: MIT
import { definePtrClass, type PtrClassOps } from '@tsbpf/core';
import { accessAligned } from '../access/ctx-field.ts';
import { loadOrStore, NO_REWRITE } from '../access/emit.ts';
import { XDP_SOCK_FIELDS } from '../generated/ctx-fields.ts';

/** An AF_XDP socket, read through `bpf_xdp_sock`. @see net/core/filter.c, bpf_xdp_sock_is_valid_access */
export const xdpSockPtr: PtrClassOps = definePtrClass({
  regType: 'PTR_TO_XDP_SOCK',
  progStruct: 'bpf_xdp_sock',
  isValidAccess: (request) => (request.write ? undefined : accessAligned(XDP_SOCK_FIELDS, request)),
  convertAccess: (access) => (access.off === 0 ? loadOrStore(access, 'xdp_sock.queue_id') : NO_REWRITE),
});
