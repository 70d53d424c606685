// SPDX-License-Identifier: MIT
import { helperChooser, PROG_TYPE_HELPERS, type StructOpsRow } from '@tsbpf/core';
import { tcpCaWrite } from './writable-members.ts';

/** The part of a {@link StructOpsRow} that the verifier needs: all but taking over values and registering. */
export type StructOpsRules = Omit<StructOpsRow, 'initMember' | 'register' | 'unregister'>;

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
