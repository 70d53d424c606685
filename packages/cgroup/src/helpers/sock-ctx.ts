// SPDX-License-Identifier: MIT
// What programs over addresses and TCP events ask of their socket. @see net/core/filter.c
import { EINVAL } from '@tsbpf/uapi';
import { defineHelper, type HelperCall, type HelperRow } from '@tsbpf/core';
import { returnWords } from '@tsbpf/helpers';
import { isFullSock, netOf, writeField } from '@tsbpf/net';
import { Context } from '../run/context.ts';
import { SOCK_OPS_ALL_CB_FLAGS } from '../socket/sock-ops.ts';

const sockOf = (call: HelperCall, structName: string): number =>
  new Context(call.kernel, structName, call.ctx).pointer('sk');

const cookie = (call: HelperCall, sk: number): number => returnWords(call, netOf(call.kernel).socketCookie(sk));

export const sockCtxHelpers: readonly HelperRow[] = [
  defineHelper('bpf_get_socket_cookie_sock_addr', {
    retWidth: 'words',
    call: (call) => cookie(call, sockOf(call, 'bpf_sock_addr_kern')),
  }),
  defineHelper('bpf_get_socket_cookie_sock_ops', {
    retWidth: 'words',
    call: (call) => cookie(call, sockOf(call, 'bpf_sock_ops_kern')),
  }),
  defineHelper('bpf_sock_ops_cb_flags_set', {
    retWidth: 'sext',
    call(call, _ctx, flags) {
      const sk = sockOf(call, 'bpf_sock_ops_kern');
      if (!isFullSock(call.kernel, sk)) return -EINVAL;
      writeField(call.kernel, sk, 'tcp_sock.bpf_sock_ops_cb_flags', flags & SOCK_OPS_ALL_CB_FLAGS);
      return flags & ~SOCK_OPS_ALL_CB_FLAGS;
    },
  }),
];
