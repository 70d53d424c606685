// SPDX-License-Identifier: MIT
import { formatIpv4, parseIpv4 } from './address.ts';
import { internetChecksum } from './checksum.ts';
import type { DecodeStep, Decoder, Encoder } from './codec.ts';
import { shortHeader, withPayload } from './codec.ts';
import type { Ipv4Layer } from './layer.ts';
import { ipProtocolOf } from './next-protocol.ts';

const MIN_HEADER_BYTES = 20;

export const decodeIpv4: Decoder = (input) => {
  const short = shortHeader(input, 'IPv4', MIN_HEADER_BYTES);
  if (short !== undefined) return short;
  const { bytes, view, off, end } = input;
  const version = bytes[off] >>> 4;
  const ihl = bytes[off] & 15;
  if (version !== 4) return { kind: 'malformed', message: `IPv4 header with version ${version}` };
  if (ihl < 5) return { kind: 'malformed', message: `IPv4 header length ${ihl * 4} is below 20` };
  const shortOptions = shortHeader(input, 'IPv4', ihl * 4);
  if (shortOptions !== undefined) return shortOptions;
  const totalLen = view.getUint16(off + 2);
  const frag = view.getUint16(off + 6);
  const mf = (frag & 0x2000) !== 0;
  const fragOff = (frag & 0x1fff) * 8;
  const src = bytes.subarray(off + 12, off + 16);
  const dst = bytes.subarray(off + 16, off + 20);
  const protocol = bytes[off + 9];
  const lenBytes = ihl * 4;
  const layer: DecodeStep['layer'] = {
    type: 'ipv4',
    src: formatIpv4(src),
    dst: formatIpv4(dst),
    version,
    ihl,
    tos: bytes[off + 1],
    totalLen,
    id: view.getUint16(off + 4),
    rf: (frag & 0x8000) !== 0,
    df: (frag & 0x4000) !== 0,
    mf,
    fragOff,
    ttl: bytes[off + 8],
    protocol,
    checksum: view.getUint16(off + 10),
    optionBytes: bytes.slice(off + MIN_HEADER_BYTES, off + lenBytes),
    off,
    lenBytes,
    checksumOk: internetChecksum(bytes, off, off + lenBytes) === 0,
  };
  const cut = off + totalLen > end;
  const step: DecodeStep = {
    layer,
    next: fragOff > 0 ? { space: 'end' } : { space: 'ip', proto: protocol },
    end: cut ? end : off + Math.max(totalLen, lenBytes),
    ip: { src, dst, whole: !mf && fragOff === 0 && !cut },
  };
  if (cut) step.problem = { kind: 'truncated', message: `IPv4 total length ${totalLen}, ${end - off} bytes are there` };
  else if (totalLen < lenBytes) {
    step.problem = { kind: 'malformed', message: `IPv4 total length ${totalLen} is below its header's ${lenBytes}` };
  }
  return step;
};

export const encodeIpv4: Encoder<Ipv4Layer> = ({ layer, payload, following }) => {
  const optionBytes = layer.optionBytes ?? new Uint8Array(0);
  const headerBytes = MIN_HEADER_BYTES + Math.ceil(optionBytes.length / 4) * 4;
  const { bytes, view } = withPayload(headerBytes, payload);
  bytes[0] = ((layer.version ?? 4) << 4) | ((layer.ihl ?? headerBytes / 4) & 15);
  bytes[1] = layer.tos ?? 0;
  view.setUint16(2, layer.totalLen ?? bytes.length);
  view.setUint16(4, layer.id ?? 0);
  const flags = (layer.rf === true ? 0x8000 : 0) | (layer.df === true ? 0x4000 : 0) | (layer.mf === true ? 0x2000 : 0);
  view.setUint16(6, flags | (((layer.fragOff ?? 0) >>> 3) & 0x1fff));
  bytes[8] = layer.ttl ?? 64;
  bytes[9] = layer.protocol ?? ipProtocolOf(following);
  bytes.set(parseIpv4(layer.src), 12);
  bytes.set(parseIpv4(layer.dst), 16);
  bytes.set(optionBytes, MIN_HEADER_BYTES);
  view.setUint16(10, layer.checksum ?? internetChecksum(bytes, 0, headerBytes));
  return bytes;
};
