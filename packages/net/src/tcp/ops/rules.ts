// SPDX-License-Identifier: MIT
import { helperChooser, PROG_TYPE_HELPERS, type StructOpsRules } from '@tsbpf/core';
import { tcpCaWrite } from './writable-members.ts';

/**
 * TCP congestion controls, the one table of functions that BPF may implement in v5.6. Programs see every `sock` as a
 * `tcp_sock`.
 * @see net/ipv4/bpf_tcp_ca.c
 */
export const tcpCongestionOpsRules: StructOpsRules = {
  name: 'tcp_congestion_ops',
  mandatory: ['ssthresh', 'cong_avoid', 'undo_cwnd'],
  optional: [
    'init',
    'release',
    'set_state',
    'cwnd_event',
    'in_ack_event',
    'pkts_acked',
    'min_tso_segs',
    'sndbuf_expand',
    'cong_control',
  ],
  unsupported: ['get_info'],
  getFuncProto: helperChooser(PROG_TYPE_HELPERS.STRUCT_OPS),
  btfStructWrite: tcpCaWrite,
  promote: (structName) => (structName === 'sock' ? 'tcp_sock' : undefined),
};
