// SPDX-License-Identifier: MIT
import type { KernelTypes } from '@tsbpf/core';

/** Members of tcp_sock that a congestion control may write; into `icsk_ca_priv` anywhere, else from their beginning. */
const WRITABLE = [
  'inet_conn.icsk_ca_priv',
  'inet_conn.icsk_ack.pending',
  'snd_cwnd',
  'snd_cwnd_cnt',
  'snd_ssthresh',
  'ecn_flags',
];
const PRIVATE_AREA = WRITABLE[0];

/**
 * Whether a store through a BTF pointer is allowed: 0, or what the log says (EACCES). Bytes.
 * @see net/ipv4/bpf_tcp_ca.c, bpf_tcp_ca_btf_struct_access
 */
export function tcpCaWrite(access: { structName: string; off: number; size: number; types: KernelTypes }): string | 0 {
  const { structName, off, size, types } = access;
  if (structName !== 'tcp_sock') return 'only read is supported\n';
  for (const member of WRITABLE) {
    const { off: start, size: bytes } = types.resolve(`tcp_sock.${member}`);
    const end = start + bytes;
    if (off !== start && !(member === PRIVATE_AREA && off > start && off < end)) continue;
    if (off + size <= end) return 0;
    return `write access at off ${off} with size ${size} beyond the member of tcp_sock ended at ${end}\n`;
  }
  return `no write support to tcp_sock at off ${off}\n`;
}
