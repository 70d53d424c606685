// SPDX-License-Identifier: MIT
// Programs compiled with a kernel's own types relocate accesses to their context: its type is in the kernel's BTF, with
// each field where the rules of access have it.
import { createTestKernel } from '@tsbpf/testkit';
import { expect, test } from 'vitest';
import {
  SCHED_CLS_FIELDS,
  SK_MSG_FIELDS,
  SK_REUSEPORT_FIELDS,
  SOCKET_FILTER_FIELDS,
  XDP_FIELDS,
} from '../generated/ctx-fields.ts';

const CONTEXTS = [
  ['__sk_buff', SOCKET_FILTER_FIELDS],
  ['__sk_buff', SCHED_CLS_FIELDS],
  ['xdp_md', XDP_FIELDS],
  ['sk_msg_md', SK_MSG_FIELDS],
  ['sk_reuseport_md', SK_REUSEPORT_FIELDS],
] as const;

test.each(CONTEXTS)('%s', (struct, fields) => {
  const { types } = createTestKernel();
  const found = fields.map(({ name }) => types.resolve(`${struct}.${name}`));
  expect(found.map(({ off, size }) => ({ off, size }))).toEqual(fields.map(({ off, size }) => ({ off, size })));
});

test.each([
  ['ethhdr', 14],
  ['vlan_ethhdr', 18],
  ['arphdr', 8],
  ['iphdr', 20],
  ['ipv6hdr', 40],
  ['tcphdr', 20],
  ['udphdr', 8],
  ['icmphdr', 8],
  ['icmp6hdr', 8],
  ['sctphdr', 12],
  ['bpf_fib_lookup', 64],
  ['bpf_sock_tuple', 36],
  ['bpf_tunnel_key', 28],
  ['bpf_sock_addr', 72],
  ['bpf_sock_ops', 192],
  ['bpf_sockopt', 40],
])('%s has %i bytes', (struct, size) => {
  expect(createTestKernel().types.sizeOf(struct)).toBe(size);
});
