// SPDX-License-Identifier: MIT
// What is known of a packet and its socket besides its bytes. @see net/core/filter.c
import { defineHelper, type HelperRow } from '@tsbpf/core';
import { readField } from '../dev/fields.ts';
import { netOf } from '../net-state.ts';
import { Skb } from '../skb/skb.ts';
import { isFullSock } from '../sock/sock.ts';

/** The user id of nobody in particular. */
const OVERFLOW_UID = 65534;

/** Helpers that answer facts about a packet. */
export const skbFactsHelpers: readonly HelperRow[] = [
  defineHelper('bpf_get_cgroup_classid', {
    retWidth: 'zext',
    // net_cls is a v1 controller; tasks and sockets of this kernel are only on the default hierarchy.
    call: () => 0,
  }),
  defineHelper('bpf_get_route_realm', {
    retWidth: 'zext',
    // Packets here carry no route, and routes no realm.
    call: () => 0,
  }),
  defineHelper('bpf_get_socket_cookie', {
    retWidth: 'words',
    call(call, ctx) {
      const { sk } = new Skb(call.kernel, ctx);
      const cookie = sk === 0 ? 0n : netOf(call.kernel).socketCookie(sk);
      call.retHi = Number(BigInt.asIntN(32, cookie >> 32n));
      return Number(BigInt.asIntN(32, cookie));
    },
  }),
  defineHelper('bpf_get_socket_uid', {
    retWidth: 'zext',
    call({ kernel }, ctx) {
      const { sk } = new Skb(kernel, ctx);
      return sk === 0 || !isFullSock(kernel, sk) ? OVERFLOW_UID : readField(kernel, sk, 'sock.sk_uid');
    },
  }),
];
