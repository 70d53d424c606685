// SPDX-License-Identifier: MIT
// What programs over addresses and TCP events ask of their socket. @see net/core/filter.c
import { EAFNOSUPPORT, EINVAL, InternalError } from '@tsbpf/uapi';
import { defineHelper, type HelperCall, type HelperRow } from '@tsbpf/core';
import { returnWords } from '@tsbpf/helpers';
import { isFullSock, netOf, SOCK_OPS_ALL_CB_FLAGS, writeField } from '@tsbpf/net';
import { cgroupsOf } from '../cgroups.ts';
import { Context } from '../run/context.ts';
import { AF_INET, AF_INET6, decodeAddress, SIN6_LEN_RFC2133, SOCKADDR_IN_BYTES } from '../socket/address.ts';
import { bindAddress } from '../socket/bind.ts';

/** `sockaddr.sa_family`. */
const FAMILY_BYTES = 2;

const sockOf = (call: HelperCall, structName: string): number =>
  new Context(call.kernel, structName, call.ctx).pointer('sk');

const cookie = (call: HelperCall, sk: number): number => returnWords(call, netOf(call.kernel).socketCookie(sk));

/**
 * Binds the socket that connects to an address, before it does; the port is found when it connects.
 * @errno EINVAL a short address, or one with a port @errno EAFNOSUPPORT @errno EADDRNOTAVAIL
 */
function bindBeforeConnect(call: HelperCall, addr: number, lenBytes: number): number {
  const sk = sockOf(call, 'bpf_sock_addr_kern');
  const socket = [...cgroupsOf(call).sockets].find((one) => one.sk.off === sk);
  if (socket === undefined) throw new InternalError('bpf_bind: the socket is none of a simulated task');
  if (lenBytes < FAMILY_BYTES) return -EINVAL;
  const bytes = call.kernel.mem.readBytes(addr, lenBytes);
  const { family, port } = decodeAddress(bytes);
  if (family !== AF_INET && family !== AF_INET6) return -EAFNOSUPPORT;
  if (lenBytes < (family === AF_INET ? SOCKADDR_IN_BYTES : SIN6_LEN_RFC2133) || port !== 0) return -EINVAL;
  return bindAddress(socket, bytes, { addressOnly: true });
}

export const sockCtxHelpers: readonly HelperRow[] = [
  defineHelper('bpf_bind', {
    retWidth: 'sext',
    call: (call, _ctx, addr, len) => bindBeforeConnect(call, addr >>> 0, len >>> 0),
  }),
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
