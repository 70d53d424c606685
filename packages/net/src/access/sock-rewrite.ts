// SPDX-License-Identifier: MIT
// `bpf_sock` → `struct sock`. @see net/core/filter.c, bpf_sock_convert_ctx_access
import type { CtxAccess, CtxRewrite } from '@tsbpf/core';
import { SOCKET_FIELDS } from '../generated/ctx-fields.ts';
import { fieldAt } from './ctx-field.ts';
import { loadOrStore, NO_REWRITE } from './emit.ts';

/** Members of `struct sock` behind the fields of `bpf_sock`. */
const MEMBERS: Readonly<Record<string, string>> = {
  bound_dev_if: 'sock_common.skc_bound_dev_if',
  mark: 'sock.sk_mark',
  priority: 'sock.sk_priority',
  family: 'sock_common.skc_family',
  type: 'sock.sk_type',
  protocol: 'sock.sk_protocol',
  src_ip4: 'sock_common.skc_rcv_saddr',
  dst_ip4: 'sock_common.skc_daddr',
  src_port: 'sock_common.skc_num',
  dst_port: 'sock_common.skc_dport',
  state: 'sock_common.skc_state',
};
const ADDRESSES: Readonly<Record<string, string>> = {
  src_ip6: 'sock_common.skc_v6_rcv_saddr',
  dst_ip6: 'sock_common.skc_v6_daddr',
};

/** The rewrite of an access to `bpf_sock`: contexts of cgroup programs, and pointers to sockets. */
export function rewriteSock(access: CtxAccess): CtxRewrite {
  const field = fieldAt(SOCKET_FIELDS, access.off);
  if (field === undefined) return NO_REWRITE;
  const delta = access.off - field.off;
  const address = ADDRESSES[field.name];
  if (address !== undefined && delta % 4 === 0) {
    return loadOrStore(access, { off: access.types.resolve(address).off + delta, size: 4 });
  }
  const member = MEMBERS[field.name];
  return member === undefined || delta !== 0 ? NO_REWRITE : loadOrStore(access, member);
}
