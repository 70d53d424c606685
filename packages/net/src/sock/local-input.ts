// SPDX-License-Identifier: MIT
// A packet that passed everything reaches the socket it is for. @see net/ipv4/udp.c, net/ipv4/tcp_ipv4.c
import type { NetDevice } from '../dev/device.ts';
import { PACKET_HOST } from '../skb/ethernet.ts';
import type { Skb } from '../skb/skb.ts';
import { selectSock } from '../reuseport/select.ts';
import { receiverOf } from './receiving-socket.ts';
import { AF_INET, AF_INET6, IPPROTO_TCP, IPPROTO_UDP, type SockTuple } from './sock-table.ts';
import { TCP_LISTEN } from './sock.ts';
import { readField } from '../dev/fields.ts';

/** In memory order. */
const ETH_P_IP = 0x0008;
const ETH_P_IPV6 = 0xdd86;
const UDP_HLEN = 8;
const TCP_HLEN = 20;
const [SYN, ACK] = [0x02, 0x10];

interface Transport {
  readonly protocol: number;
  readonly tuple: SockTuple;
  /** Where the transport header begins, and bytes from there to the end of the packet. */
  readonly at: number;
  readonly lenBytes: number;
}

/** Addresses, ports and where they are; undefined for what is no whole UDP or TCP packet. */
function transportOf(skb: Skb): Transport | undefined {
  const { mem } = skb.kernel;
  const at = skb.head + skb.header('network_header');
  const room = skb.tail - at;
  const v4 = skb.protocol === ETH_P_IP && room >= 20 && mem.read8(at) >>> 4 === 4;
  const v6 = skb.protocol === ETH_P_IPV6 && room >= 40 && mem.read8(at) >>> 4 === 6;
  if (!v4 && !v6) return undefined;
  // Fragments are nobody's: they would have to be put together first.
  if (v4 && (mem.view.getUint16(at + 6, false) & 0x3fff) !== 0) return undefined;
  const headerLen = v4 ? (mem.read8(at) & 15) * 4 : 40;
  const totalLen = v4 ? mem.view.getUint16(at + 2, false) : 40 + mem.view.getUint16(at + 4, false);
  const protocol = mem.read8(at + (v4 ? 9 : 6));
  const lenBytes = Math.min(totalLen, room) - headerLen;
  if (headerLen < 20 || lenBytes < (protocol === IPPROTO_TCP ? TCP_HLEN : UDP_HLEN)) return undefined;
  if (protocol !== IPPROTO_TCP && protocol !== IPPROTO_UDP) return undefined;
  const [from, size] = v4 ? [at + 12, 4] : [at + 8, 16];
  const transport = at + headerLen;
  const tuple: SockTuple = {
    family: v4 ? AF_INET : AF_INET6,
    saddr: mem.readBytes(from, size),
    daddr: mem.readBytes(from + size, size),
    sport: mem.read16(transport),
    dport: mem.read16(transport + 2),
  };
  return { protocol, tuple, at: transport, lenBytes };
}

/** The same for the same ends: Linux keys its own at random. @see udp_ehashfn, inet_ehashfn */
function hashOf({ saddr, daddr, sport, dport }: SockTuple): number {
  let hash = 0x811c9dc5;
  const bytes = [...daddr, dport & 255, dport >>> 8, ...saddr, sport & 255, sport >>> 8];
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}

/**
 * Hands a packet, whose data begins at the network header, to the socket that waits for it: a datagram, or a request for
 * a connection. Sockets that keep nothing, and packets to other hosts, are left alone.
 */
export function inputToSocket(device: NetDevice, skb: Skb): void {
  const { net } = device;
  const { kernel } = net;
  if (net.sockets.socks.length === 0 || skb.get('pkt_type') !== PACKET_HOST) return;
  const found = transportOf(skb);
  if (found === undefined) return;
  const { protocol, tuple, at, lenBytes } = found;
  const best = net.sockets.lookup(device.netns, protocol, tuple, device.ifindex);
  if (best === undefined) return;
  const tcp = protocol === IPPROTO_TCP;
  const flags = tcp ? kernel.mem.read8(at + 13) : 0;
  const listens = readField(kernel, best.off, 'sock_common.skc_state') === TCP_LISTEN;
  if (tcp && (!listens || (flags & (SYN | ACK)) !== SYN)) return;
  const headerLen = tcp ? (kernel.mem.read8(at + 12) >>> 4) * 4 : UDP_HLEN;
  // Programs see the packet from the transport header on.
  const moved = at - skb.data;
  skb.pull(moved);
  skb.resetHeader('transport_header');
  const chosen = selectSock(kernel, best.off, { skb, hash: hashOf(tuple), headerLen });
  skb.push(moved);
  const receiver = chosen === undefined ? undefined : receiverOf(kernel, chosen);
  if (receiver === undefined) return;
  const payload = tcp ? new Uint8Array(0) : kernel.mem.readBytes(at + UDP_HLEN, lenBytes - UDP_HLEN);
  receiver.take(payload, tuple);
}
