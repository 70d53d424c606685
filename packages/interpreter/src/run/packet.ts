// SPDX-License-Identifier: MIT
// Where the packet of an sk_buff is.
import type { KernelTypes } from '@tsbpf/core';
import { addrToOff, type KernelMemory } from '@tsbpf/memory';

/** Offsets from here on count from the network header; from {@link SKF_LL_OFF} on, from the link layer's. */
const SKF_NET_OFF = -0x100000;
const SKF_LL_OFF = -0x200000;

/** Reads packet bytes that are not in an sk_buff's linear data: their number, or undefined where there are none. */
export type PagedPacketRead = (skbOff: number, packetOff: number, lenBytes: number) => Uint8Array | undefined;

/** Where a kernel's sk_buff keeps its packet. */
export interface PacketAccess {
  /** Offset in memory of `lenBytes` packet bytes, or undefined outside of the linear data. */
  linear(mem: KernelMemory, skb: number, packetOff: number, lenBytes: number): number | undefined;
  readonly paged: PagedPacketRead | undefined;
}

/**
 * Reads layouts from the kernel's BTF.
 * @errno ENOENT NotSupportedError: the BTF's sk_buff lacks a member that is needed
 */
export function packetAccess(types: KernelTypes, paged: PagedPacketRead | undefined): PacketAccess {
  const off = (member: string): number => types.resolve(`sk_buff.${member}`).off;
  const [head, data, tail, len, dataLen] = [off('head'), off('data'), off('tail'), off('len'), off('data_len')];
  const [network, mac] = [off('network_header'), off('mac_header')];
  return {
    paged,
    linear(mem, skb, packetOff, lenBytes) {
      const dataOff = addrToOff(mem.read64(skb + data));
      if (packetOff >= 0) {
        const headLen = mem.read32(skb + len) - mem.read32(skb + dataLen);
        return headLen - packetOff >= lenBytes ? dataOff + packetOff : undefined;
      }
      if (packetOff < SKF_LL_OFF) return undefined;
      const headOff = addrToOff(mem.read64(skb + head));
      const header = packetOff >= SKF_NET_OFF ? network : mac;
      const at = headOff + mem.read16(skb + header) + packetOff - (packetOff >= SKF_NET_OFF ? SKF_NET_OFF : SKF_LL_OFF);
      return at >= headOff && at + lenBytes <= headOff + mem.read32(skb + tail) ? at : undefined;
    },
  };
}
