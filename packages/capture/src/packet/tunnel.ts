// SPDX-License-Identifier: MIT
import { internetChecksum } from './checksum.ts';
import type { Decoder, Encoder } from './codec.ts';
import { shortHeader, withPayload } from './codec.ts';
import type { GreLayer, VxlanLayer } from './layer.ts';
import { etherTypeOf } from './next-protocol.ts';
import { ETH_P_TEB } from './numbers.ts';

const GRE_CHECKSUM = 0x8000;
const GRE_KEY = 0x2000;
const GRE_SEQ = 0x1000;
const VXLAN_BYTES = 8;
const VXLAN_VNI_VALID = 0x08;

/** Version 0 with checksum, key and sequence number. @see RFC 2784, RFC 2890 */
export const decodeGre: Decoder = (input) => {
  const short = shortHeader(input, 'GRE', 4);
  if (short !== undefined) return short;
  const { bytes, view, off, end, ip } = input;
  const flags = view.getUint16(off);
  if ((flags & ~(GRE_CHECKSUM | GRE_KEY | GRE_SEQ)) !== 0) {
    return { kind: 'unsupported', message: `GRE with flags and version 0x${flags.toString(16).padStart(4, '0')}` };
  }
  const optional = [GRE_CHECKSUM, GRE_KEY, GRE_SEQ].filter((flag) => (flags & flag) !== 0);
  const lenBytes = 4 + optional.length * 4;
  const shortOptions = shortHeader(input, 'GRE', lenBytes);
  if (shortOptions !== undefined) return shortOptions;
  const word = (flag: number): number | undefined => {
    const idx = optional.indexOf(flag);
    return idx < 0 ? undefined : view.getUint32(off + 4 + idx * 4);
  };
  const checksumWord = word(GRE_CHECKSUM);
  const checksum = checksumWord === undefined ? undefined : checksumWord >>> 16;
  const protocol = view.getUint16(off + 2);
  return {
    layer: {
      type: 'gre',
      protocol,
      key: word(GRE_KEY),
      seq: word(GRE_SEQ),
      checksum,
      off,
      lenBytes,
      checksumOk: checksum === undefined || ip?.whole !== true ? undefined : internetChecksum(bytes, off, end) === 0,
    },
    next: protocol === ETH_P_TEB ? { space: 'eth' } : { space: 'ether', proto: protocol },
  };
};

export const encodeGre: Encoder<GreLayer> = ({ layer, payload, following, after }) => {
  const { key, seq, checksum } = layer;
  const words: number[] = [];
  let flags = 0;
  if (checksum !== undefined) {
    flags |= GRE_CHECKSUM;
    words.push(checksum === true ? 0 : (checksum << 16) >>> 0);
  }
  if (key !== undefined) {
    flags |= GRE_KEY;
    words.push(key);
  }
  if (seq !== undefined) {
    flags |= GRE_SEQ;
    words.push(seq);
  }
  const { bytes, view } = withPayload(4 + words.length * 4, payload);
  view.setUint16(0, flags);
  view.setUint16(2, layer.protocol ?? etherTypeOf(following, after));
  words.forEach((word, idx) => view.setUint32(4 + idx * 4, word));
  if (checksum === true) view.setUint16(4, internetChecksum(bytes));
  return bytes;
};

/** @see RFC 7348 */
export const decodeVxlan: Decoder = (input) => {
  const short = shortHeader(input, 'VXLAN', VXLAN_BYTES);
  if (short !== undefined) return short;
  const { bytes, view, off } = input;
  const flags = bytes[off];
  return {
    layer: { type: 'vxlan', flags, vni: view.getUint32(off + 4) >>> 8, off, lenBytes: VXLAN_BYTES },
    next: (flags & VXLAN_VNI_VALID) !== 0 ? { space: 'eth' } : { space: 'end' },
  };
};

export const encodeVxlan: Encoder<VxlanLayer> = ({ layer, payload }) => {
  const { bytes, view } = withPayload(VXLAN_BYTES, payload);
  bytes[0] = layer.flags ?? VXLAN_VNI_VALID;
  view.setUint32(4, (layer.vni << 8) >>> 0);
  return bytes;
};
