// SPDX-License-Identifier: MIT
// Narrowing pointers to sockets. @see net/core/filter.c, bpf_sk_fullsock
import { defineHelper, type HelperRow, type KernelServices } from '@tsbpf/core';
import { readField } from '../dev/fields.ts';
import { isFullSock } from '../sock/sock.ts';

const IPPROTO_TCP = 6;

function isTcp(kernel: KernelServices, sk: number): boolean {
  return isFullSock(kernel, sk) && readField(kernel, sk, 'sock.sk_protocol') === IPPROTO_TCP;
}

/** Helpers that turn a socket pointer into one with more fields, or NULL. */
export const sockCastHelpers: readonly HelperRow[] = [
  defineHelper('bpf_sk_fullsock', {
    retWidth: 'ptr',
    call: ({ kernel }, sk) => (isFullSock(kernel, sk >>> 0) ? sk : 0),
  }),
  defineHelper('bpf_tcp_sock', { retWidth: 'ptr', call: ({ kernel }, sk) => (isTcp(kernel, sk >>> 0) ? sk : 0) }),
];
