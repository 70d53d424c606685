// SPDX-License-Identifier: MIT
// From a frame to an sk_buff as protocols see it. @see net/ethernet/eth.c, eth_type_trans
import type { KernelServices } from '@tsbpf/core';
import type { NetDevice } from '../dev/device.ts';
import { ETH_HLEN } from '../xdp/xdp-buff.ts';
import { Skb } from './skb.ts';

/** Bytes kept free before a received frame. @see include/linux/skbuff.h, NET_SKB_PAD */
export const NET_SKB_PAD = 64;
/** Frames with less than this in the type field carry a length there. */
const ETH_P_802_3_MIN = 0x0600;
/** Protocols of such frames, in memory order. */
const ETH_P_802_3 = 0x0100;
const ETH_P_802_2 = 0x0400;

export const PACKET_HOST = 0;
const PACKET_BROADCAST = 1;
const PACKET_MULTICAST = 2;
/** The last type a program may give a packet. */
export const PACKET_OTHERHOST = 3;
export const PACKET_OUTGOING = 4;

const swap16 = (value: number): number => ((value & 0xff) << 8) | (value >>> 8);

/** The loopback device has no broadcast address: what is sent to all is multicast there. */
function packetType(destination: Uint8Array, device: NetDevice): number {
  const own = device.mac;
  if (destination.every((byte, i) => byte === own[i])) return PACKET_HOST;
  if (!device.loopback && destination.every((byte) => byte === 0xff)) return PACKET_BROADCAST;
  return ((destination[0] ?? 0) & 1) === 1 ? PACKET_MULTICAST : PACKET_OTHERHOST;
}

/** The protocol, in memory order, whose type or length field lies at `at`; data follows it. */
export function encapsulatedProtocol(skb: Skb, at: number, dataLen: number): number {
  const { mem } = skb.kernel;
  const type = mem.read16(at);
  if (swap16(type) >= ETH_P_802_3_MIN) return type;
  return dataLen >= 2 && mem.read16(at + 2) === 0xffff ? ETH_P_802_3 : ETH_P_802_2;
}

/** Sets device, packet type, protocol and the link header, and moves the data behind it. */
export function ethTypeTrans(skb: Skb, device: NetDevice): void {
  skb.dev = device.off;
  skb.resetHeader('mac_header');
  const { data } = skb;
  skb.pull(ETH_HLEN);
  skb.set('pkt_type', packetType(skb.kernel.mem.readBytes(data, 6), device));
  skb.protocol = encapsulatedProtocol(skb, data + ETH_HLEN - 2, skb.len);
}

/**
 * An sk_buff for a frame of at least an Ethernet header that arrived at a device: its data begins at the network header.
 * Undefined when memory is exhausted.
 */
export function skbOfFrame(
  kernel: KernelServices,
  device: NetDevice,
  frame: Uint8Array,
  room: { headroom?: number; tailroom?: number } = {},
): Skb | undefined {
  const { headroom = NET_SKB_PAD, tailroom = 0 } = room;
  const skb = Skb.alloc(kernel, { headroom, size: Math.ceil((frame.length + tailroom) / 64) * 64 });
  if (skb === undefined) return undefined;
  kernel.mem.writeBytes(skb.put(frame.length), frame);
  ethTypeTrans(skb, device);
  skb.resetHeader('network_header');
  return skb;
}
