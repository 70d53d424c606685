// SPDX-License-Identifier: MIT
// @see net/ipv4/bpf_tcp_ca.c, bpf_tcp_send_ack
import { ENOTCONN } from '@tsbpf/uapi';
import { defineHelper, type HelperRow } from '@tsbpf/core';
import { tcpOf } from '../tcp.ts';

/** What a congestion control may have TCP do. */
export const tcpSendAckHelpers: readonly HelperRow[] = [
  defineHelper('bpf_tcp_send_ack', {
    retWidth: 'sext',
    // A socket that no simulation drives has no peer to tell.
    call: ({ kernel }, tp, rcvNxt) => tcpOf(kernel).sendAckFor(tp >>> 0, rcvNxt >>> 0) ?? -ENOTCONN,
  }),
];
