// SPDX-License-Identifier: MIT
// Programs that see packets of a socket. @see kernel/bpf/cgroup.c, __cgroup_bpf_run_filter_skb
import { BPF_CGROUP_INET_EGRESS, BPF_CGROUP_INET_INGRESS, ENOMEM, EPERM } from '@tsbpf/uapi';
import { netOf, Skb } from '@tsbpf/net';
import type { SimSocket } from './socket.ts';

/** What becomes of a packet on its way out. @see include/linux/netdevice.h */
export const NET_XMIT_SUCCESS = 0;
export const NET_XMIT_DROP = 1;
export const NET_XMIT_CN = 2;

const HEADROOM = 64;
const ETH_P_IP = 0x0008;
const ETH_P_IPV6 = 0xdd86;

/** The bits of an egress run as the sender's side takes them. */
export function egressResult(bits: number): number {
  const congested = (bits & 2) !== 0;
  if ((bits & 1) !== 0) return congested ? NET_XMIT_CN : NET_XMIT_SUCCESS;
  return congested ? NET_XMIT_DROP : -EPERM;
}

/**
 * Runs the programs of a socket's cgroup over a packet that begins with its IP header. Ingress: 0 or -EPERM. Egress:
 * NET_XMIT_SUCCESS, _CN (sent, and told to slow down), _DROP or -EPERM.
 */
export function runSkbHook(socket: SimSocket, packet: Uint8Array, direction: 'ingress' | 'egress'): number {
  const { cgroups, cgroup, kernel } = socket;
  const attachType = direction === 'egress' ? BPF_CGROUP_INET_EGRESS : BPF_CGROUP_INET_INGRESS;
  if (!cgroups.enabled(cgroup.id, attachType)) return 0;
  const skb = Skb.alloc(kernel, { headroom: HEADROOM, size: Math.ceil(packet.length / 64) * 64 });
  if (skb === undefined) return -ENOMEM;
  try {
    kernel.mem.writeBytes(skb.put(packet.length), packet);
    skb.resetHeader('network_header');
    skb.protocol = (packet[0] ?? 0) >> 4 === 6 ? ETH_P_IPV6 : ETH_P_IP;
    skb.dev = netOf(kernel).device('lo').off;
    skb.sk = socket.sk.off;
    skb.computeDataPointers();
    const verdict = cgroups.run(cgroup.id, attachType, skb.off);
    if (direction === 'egress') return egressResult(verdict);
    return verdict === 1 ? 0 : -EPERM;
  } finally {
    skb.free();
  }
}
