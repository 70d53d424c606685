// SPDX-License-Identifier: MIT
// Packet bytes for LD_ABS and LD_IND. @see net/core/filter.c, bpf_skb_load_helper_8; net/core/skbuff.c
import type { KernelTypes } from '@tsbpf/core';
import type { KernelMemory } from '@tsbpf/memory';

/** Offsets from here on count from the network header; below, down to {@link LINK_LAYER}, from the link layer's. */
const NETWORK = -0x100000;
const LINK_LAYER = -0x200000;

/** Reads packet bytes that are not in an sk_buff's linear data: their number, or undefined where there are none. */
export type PagedPacketRead = (skbOff: number, packetOff: number, lenBytes: number) => Uint8Array | undefined;

/** The bytes at an offset of an sk_buff's packet, as a number in network byte order; undefined outside of it. */
export type PacketLoad = (skbOff: number, packetOff: number, lenBytes: number) => number | undefined;

/**
 * Reads layouts from the kernel's BTF.
 * @errno ENOENT NotSupportedError: the BTF's sk_buff lacks a member that is needed
 */
export function packetLoad(mem: KernelMemory, types: KernelTypes, paged: PagedPacketRead | undefined): PacketLoad {
  const member = (name: string): number => types.resolve(`sk_buff.${name}`).off;
  const at = {
    head: member('head'),
    data: member('data'),
    tail: member('tail'),
    len: member('len'),
    pagedLen: member('data_len'),
    network: member('network_header'),
    mac: member('mac_header'),
  };
  const bigEndian = (bytes: Uint8Array): number => bytes.reduce((value, byte) => value * 256 + byte, 0);

  /** Where the bytes are, if they are in the linear data. */
  const linear = (skb: number, packetOff: number, lenBytes: number): number | undefined => {
    if (packetOff >= 0) {
      const linearLen = mem.read32(skb + at.len) - mem.read32(skb + at.pagedLen);
      return packetOff + lenBytes <= linearLen ? mem.read32(skb + at.data) + packetOff : undefined;
    }
    if (packetOff < LINK_LAYER) return undefined;
    const head = mem.read32(skb + at.head);
    const fromNetwork = packetOff >= NETWORK;
    const header = head + mem.read16(skb + (fromNetwork ? at.network : at.mac));
    const off = header + packetOff - (fromNetwork ? NETWORK : LINK_LAYER);
    return off >= head && off + lenBytes <= head + mem.read32(skb + at.tail) ? off : undefined;
  };

  return (skb, packetOff, lenBytes) => {
    const off = linear(skb, packetOff, lenBytes);
    if (off !== undefined) return bigEndian(mem.u8.subarray(off, off + lenBytes));
    const bytes = packetOff >= 0 ? paged?.(skb, packetOff, lenBytes) : undefined;
    return bytes && bigEndian(bytes);
  };
}
