// SPDX-License-Identifier: MIT
import { parseIpv4, parseIpv6 } from './address.ts';
import { encodeArp } from './arp.ts';
import type { EncodeInput } from './codec.ts';
import { encodeEthernet, encodeVlan } from './ethernet.ts';
import { encodeIcmp } from './icmp.ts';
import { encodeIpv4 } from './ipv4.ts';
import { encodeIpv6, encodeIpv6Ext, encodeIpv6Frag } from './ipv6.ts';
import type { Layer } from './layer.ts';
import { encodeSctp } from './sctp.ts';
import { encodeTcp } from './tcp.ts';
import { encodeGre, encodeVxlan } from './tunnel.ts';
import { encodeUdp } from './udp.ts';

/**
 * The bytes of a packet, outermost layer first. Lengths, checksums and next-header fields that a layer leaves out are
 * computed; those it gives are written as they are. Nothing is padded to Ethernet's minimum.
 * @errno EINVAL {@link UsageError}: an address that cannot be read
 */
export function buildPacket(layers: readonly Layer[], payload: Uint8Array = new Uint8Array(0)): Uint8Array {
  let bytes = payload;
  for (let idx = layers.length - 1; idx >= 0; idx--) {
    bytes = encodeLayer(layers[idx], {
      payload: bytes,
      following: layers[idx + 1],
      after: layers[idx + 2],
      ip: enclosingIp(layers, idx),
    });
  }
  return layers.length === 0 ? payload.slice() : bytes;
}

function encodeLayer(layer: Layer, around: Omit<EncodeInput<Layer>, 'layer'>): Uint8Array {
  switch (layer.type) {
    case 'eth':
      return encodeEthernet({ ...around, layer });
    case 'vlan':
      return encodeVlan({ ...around, layer });
    case 'arp':
      return encodeArp({ ...around, layer });
    case 'ipv4':
      return encodeIpv4({ ...around, layer });
    case 'ipv6':
      return encodeIpv6({ ...around, layer });
    case 'ipv6ext':
      return encodeIpv6Ext({ ...around, layer });
    case 'ipv6frag':
      return encodeIpv6Frag({ ...around, layer });
    case 'tcp':
      return encodeTcp({ ...around, layer });
    case 'udp':
      return encodeUdp({ ...around, layer });
    case 'icmp':
    case 'icmpv6':
      return encodeIcmp({ ...around, layer });
    case 'gre':
      return encodeGre({ ...around, layer });
    case 'vxlan':
      return encodeVxlan({ ...around, layer });
    case 'sctp':
      return encodeSctp({ ...around, layer });
  }
}

function enclosingIp(layers: readonly Layer[], idx: number): EncodeInput<Layer>['ip'] {
  for (let at = idx - 1; at >= 0; at--) {
    const layer = layers[at];
    if (layer.type === 'ipv4') return { src: parseIpv4(layer.src), dst: parseIpv4(layer.dst) };
    if (layer.type === 'ipv6') return { src: parseIpv6(layer.src), dst: parseIpv6(layer.dst) };
  }
  return undefined;
}
