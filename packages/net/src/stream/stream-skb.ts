// SPDX-License-Identifier: MIT
// Bytes of a stream as the programs of its socket see them.
import type { KernelServices } from '@tsbpf/core';
import { Skb } from '../skb/skb.ts';

const ETH_P_IP = 0x0008;

/** An sk_buff with these parts, one behind the other, that belongs to a socket; undefined when memory is exhausted. */
export function skbOfParts(kernel: KernelServices, sk: number, parts: readonly Uint8Array[]): Skb | undefined {
  const lenBytes = parts.reduce((sum, part) => sum + part.length, 0);
  const skb = Skb.alloc(kernel, { headroom: 64, size: Math.ceil(lenBytes / 64) * 64 });
  if (skb === undefined) return undefined;
  for (const part of parts) kernel.mem.writeBytes(skb.put(part.length), part);
  skb.protocol = ETH_P_IP;
  skb.resetHeader('network_header');
  skb.resetHeader('transport_header');
  skb.sk = sk;
  skb.computeSkSkbDataEnd();
  return skb;
}

/** Where an sk_buff of a stream keeps what redirect helpers said. @see include/net/tcp.h, tcp_skb_cb */
export function redirectPlace(kernel: KernelServices, skb: number): { flags: number; sk: number } {
  const cb = skb + kernel.types.resolve('sk_buff.cb').off;
  return {
    flags: cb + kernel.types.resolve('tcp_skb_cb.bpf.flags').off,
    sk: cb + kernel.types.resolve('tcp_skb_cb.bpf.sk_redir').off,
  };
}
