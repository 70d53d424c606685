// SPDX-License-Identifier: MIT
// The flow hash of a packet. Linux keys it at random; ours is the same in every run.
import { dissectSkb, type FlowKeys } from '../flow/skb-flow.ts';
import type { Skb } from './skb.ts';

const ETH_P_IP = 0x0008;
const ETH_P_IPV6 = 0xdd86;
/** Protocols with ports in their first four bytes: TCP, UDP, DCCP, SCTP, UDP-Lite. */
const WITH_PORTS: ReadonlySet<number> = new Set([6, 17, 33, 132, 136]);

/** Forgets the hash. @see skb_clear_hash */
export function clearHash(skb: Skb): void {
  skb.set('hash', 0);
  skb.set('sw_hash', 0);
  skb.set('l4_hash', 0);
}

/** Sets the hash as computed in software. */
export function setHash(skb: Skb, hash: number, options: { l4: boolean }): void {
  skb.set('hash', hash >>> 0);
  skb.set('sw_hash', 1);
  skb.set('l4_hash', options.l4 ? 1 : 0);
}

function mix(seed: number, word: number): number {
  let x = Math.imul(seed ^ word, 0x9e3779b1);
  x = Math.imul(x ^ (x >>> 15), 0x85ebca6b);
  return (x ^ (x >>> 13)) >>> 0;
}

/** Both directions of a flow hash alike: the lower end comes first. */
function hashEnds(source: readonly number[], destination: readonly number[], protocol: number): number {
  const at = source.findIndex((word, i) => word !== destination[i]);
  const ordered =
    at >= 0 && (source[at] as number) > (destination[at] as number)
      ? [...destination, ...source]
      : [...source, ...destination];
  return ordered.reduce(mix, mix(0x2c1b3c6d, protocol)) || 1;
}

/** Of what the namespace's flow dissector found. */
function hashOfKeys(skb: Skb, { src, dst, sport, dport, ipProto }: FlowKeys): number {
  const words = (addr: Uint8Array): number[] => {
    const view = new DataView(addr.buffer, addr.byteOffset, addr.byteLength);
    return Array.from({ length: addr.length / 4 }, (_, i) => view.getUint32(4 * i, true));
  };
  const swap = (port: number): number => ((port & 0xff) << 8) | (port >>> 8);
  const l4 = sport !== 0 || dport !== 0;
  const ports = l4 ? [[swap(sport)], [swap(dport)]] : [[], []];
  const hash = hashEnds([...words(src), ...(ports[0] ?? [])], [...words(dst), ...(ports[1] ?? [])], ipProto);
  setHash(skb, hash, { l4 });
  return hash;
}

/** The packet's hash, computed where it is not known. @see skb_get_hash */
export function flowHash(skb: Skb): number {
  if (skb.get('l4_hash') !== 0 || skb.get('sw_hash') !== 0) return skb.get('hash');
  const keys = dissectSkb(skb);
  if (keys !== undefined) return hashOfKeys(skb, keys);
  const { mem } = skb.kernel;
  const start = skb.head + skb.header('network_header');
  const words = (off: number, count: number): number[] =>
    Array.from({ length: count }, (_, i) => mem.read32(off + 4 * i));
  const flow = (at: number, count: number, protocol: number, transport: number): number => {
    const l4 = WITH_PORTS.has(protocol) && transport + 4 <= skb.tail;
    const ends: [number[], number[]] = [words(at, count), words(at + 4 * count, count)];
    if (l4) ends.forEach((end, i) => end.push(mem.read16(transport + 2 * i)));
    const hash = hashEnds(ends[0], ends[1], protocol);
    setHash(skb, hash, { l4 });
    return hash;
  };
  if (skb.protocol === ETH_P_IP && start + 20 <= skb.tail) {
    const fragment = (mem.view.getUint16(start + 6, false) & 0x3fff) !== 0;
    const transport = start + 4 * (mem.read8(start) & 15);
    return flow(start + 12, 1, mem.read8(start + 9), fragment ? skb.tail : transport);
  }
  if (skb.protocol === ETH_P_IPV6 && start + 40 <= skb.tail)
    return flow(start + 8, 4, mem.read8(start + 6), start + 40);
  const hash = hashEnds([skb.protocol], [0], 0);
  setHash(skb, hash, { l4: false });
  return hash;
}
