// SPDX-License-Identifier: MIT
import { formatMac, parseMac } from './address.ts';
import type { Decoder, Encoder } from './codec.ts';
import { shortHeader, withPayload } from './codec.ts';
import type { EthernetLayer, VlanLayer } from './layer.ts';
import { etherTypeOf } from './next-protocol.ts';

const HEADER_BYTES = 14;
const TAG_BYTES = 4;
/** Smaller values of the type field are lengths of 802.3 frames. */
const MIN_ETHER_TYPE = 1536;

export const decodeEthernet: Decoder = (input) => {
  const short = shortHeader(input, 'Ethernet', HEADER_BYTES);
  if (short !== undefined) return short;
  const { bytes, view, off } = input;
  const etherType = view.getUint16(off + 12);
  const dst = formatMac(bytes.subarray(off, off + 6));
  const src = formatMac(bytes.subarray(off + 6, off + 12));
  return {
    layer: { type: 'eth', dst, src, etherType, off, lenBytes: HEADER_BYTES },
    next: etherType < MIN_ETHER_TYPE ? { space: 'end' } : { space: 'ether', proto: etherType },
  };
};

/** `tpid` is the type that announced the tag. */
export function vlanDecoder(tpid: number): Decoder {
  return (input) => {
    const short = shortHeader(input, 'VLAN', TAG_BYTES);
    if (short !== undefined) return short;
    const { view, off } = input;
    const tci = view.getUint16(off);
    const etherType = view.getUint16(off + 2);
    const dei = (tci & 0x1000) !== 0;
    return {
      layer: { type: 'vlan', id: tci & 0xfff, pcp: tci >>> 13, dei, tpid, etherType, off, lenBytes: TAG_BYTES },
      next: etherType < MIN_ETHER_TYPE ? { space: 'end' } : { space: 'ether', proto: etherType },
    };
  };
}

export const encodeEthernet: Encoder<EthernetLayer> = ({ layer, payload, following, after }) => {
  const { bytes, view } = withPayload(HEADER_BYTES, payload);
  bytes.set(parseMac(layer.dst ?? '02:00:00:00:00:02'), 0);
  bytes.set(parseMac(layer.src ?? '02:00:00:00:00:01'), 6);
  view.setUint16(12, layer.etherType ?? etherTypeOf(following, after));
  return bytes;
};

export const encodeVlan: Encoder<VlanLayer> = ({ layer, payload, following, after }) => {
  const { bytes, view } = withPayload(TAG_BYTES, payload);
  view.setUint16(0, (((layer.pcp ?? 0) & 7) << 13) | (layer.dei === true ? 0x1000 : 0) | (layer.id & 0xfff));
  view.setUint16(2, layer.etherType ?? etherTypeOf(following, after));
  return bytes;
};
