// SPDX-License-Identifier: MIT
// Program-side `struct bpf_sock_ops`, 192 bytes, and what is behind each field. @see include/uapi/linux/bpf.h

export const SOCK_OPS_BYTES = 192;
export const OP = 0;
/** Four words: arguments in, the first of them the reply out. */
export const REPLY = 4;
export const REPLY_END = 20;
export const IS_FULLSOCK = 72;
export const SK_TXHASH = 164;
export const SK = 184;

/** Fields of any socket, read without asking whether it is a full one. `shift`: the port lies in the upper half. */
export const COMMON_FIELDS: Readonly<Record<number, { readonly member: string; readonly shift?: number }>> = {
  20: { member: 'sock_common.skc_family' },
  24: { member: 'sock_common.skc_daddr' },
  28: { member: 'sock_common.skc_rcv_saddr' },
  64: { member: 'sock_common.skc_dport', shift: 16 },
  68: { member: 'sock_common.skc_num' },
  88: { member: 'sock_common.skc_state' },
  92: { member: 'tcp_sock.rtt_min.s[0].v' },
};

/** IPv6 addresses, by word. */
export const ADDRESS_FIELDS: readonly { readonly off: number; readonly member: string }[] = [
  { off: 32, member: 'sock_common.skc_v6_daddr' },
  { off: 48, member: 'sock_common.skc_v6_rcv_saddr' },
];

/** Fields of full sockets; of others they read 0. */
export const FULL_FIELDS: Readonly<Record<number, string>> = {
  76: 'tcp_sock.snd_cwnd',
  80: 'tcp_sock.srtt_us',
  84: 'tcp_sock.bpf_sock_ops_cb_flags',
  96: 'tcp_sock.snd_ssthresh',
  100: 'tcp_sock.rcv_nxt',
  104: 'tcp_sock.snd_nxt',
  108: 'tcp_sock.snd_una',
  112: 'tcp_sock.mss_cache',
  116: 'tcp_sock.ecn_flags',
  120: 'tcp_sock.rate_delivered',
  124: 'tcp_sock.rate_interval_us',
  128: 'tcp_sock.packets_out',
  132: 'tcp_sock.retrans_out',
  136: 'tcp_sock.total_retrans',
  140: 'tcp_sock.segs_in',
  144: 'tcp_sock.data_segs_in',
  148: 'tcp_sock.segs_out',
  152: 'tcp_sock.data_segs_out',
  156: 'tcp_sock.lost_out',
  160: 'tcp_sock.sacked_out',
  164: 'sock.sk_txhash',
  168: 'tcp_sock.bytes_received',
  176: 'tcp_sock.bytes_acked',
};
