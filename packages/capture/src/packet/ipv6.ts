// SPDX-License-Identifier: MIT
import { formatIpv6, parseIpv6 } from './address.ts';
import type { DecodeStep, Decoder, Encoder } from './codec.ts';
import { shortHeader, withPayload } from './codec.ts';
import type { Ipv6ExtKind, Ipv6ExtLayer, Ipv6FragLayer, Ipv6Layer } from './layer.ts';
import { nextHeaderOf } from './next-protocol.ts';

const HEADER_BYTES = 40;
const FRAGMENT_BYTES = 8;

export const decodeIpv6: Decoder = (input) => {
  const short = shortHeader(input, 'IPv6', HEADER_BYTES);
  if (short !== undefined) return short;
  const { bytes, view, off, end } = input;
  const word = view.getUint32(off);
  const version = word >>> 28;
  if (version !== 6) return { kind: 'malformed', message: `IPv6 header with version ${version}` };
  const payloadLen = view.getUint16(off + 4);
  const nextHeader = bytes[off + 6];
  const src = bytes.subarray(off + 8, off + 24);
  const dst = bytes.subarray(off + 24, off + 40);
  const stated = off + HEADER_BYTES + payloadLen;
  const step: DecodeStep = {
    layer: {
      type: 'ipv6',
      src: formatIpv6(src),
      dst: formatIpv6(dst),
      version,
      trafficClass: (word >>> 20) & 0xff,
      flowLabel: word & 0xfffff,
      payloadLen,
      nextHeader,
      hopLimit: bytes[off + 7],
      off,
      lenBytes: HEADER_BYTES,
    },
    next: { space: 'ip', proto: nextHeader },
    end: Math.min(stated, end),
    ip: { src, dst, whole: stated <= end },
  };
  if (stated > end) {
    const there = end - off - HEADER_BYTES;
    step.problem = { kind: 'truncated', message: `IPv6 payload length ${payloadLen}, ${there} bytes are there` };
  }
  return step;
};

export const encodeIpv6: Encoder<Ipv6Layer> = ({ layer, payload, following }) => {
  const { bytes, view } = withPayload(HEADER_BYTES, payload);
  const { version = 6, trafficClass = 0, flowLabel = 0 } = layer;
  view.setUint32(0, (version << 28) | ((trafficClass & 0xff) << 20) | (flowLabel & 0xfffff));
  view.setUint16(4, layer.payloadLen ?? payload.length);
  bytes[6] = layer.nextHeader ?? nextHeaderOf(following, payload);
  bytes[7] = layer.hopLimit ?? 64;
  bytes.set(parseIpv6(layer.src), 8);
  bytes.set(parseIpv6(layer.dst), 24);
  return bytes;
};

/** The extension headers that have a length; authentication counts words, the others units of 8 bytes. */
export function ipv6ExtDecoder(kind: Ipv6ExtKind): Decoder {
  return (input) => {
    const name = `IPv6 ${kind}`;
    const short = shortHeader(input, name, 8);
    if (short !== undefined) return short;
    const { bytes, off } = input;
    const nextHeader = bytes[off];
    const extLen = bytes[off + 1];
    const lenBytes = kind === 'auth' ? (extLen + 2) * 4 : (extLen + 1) * 8;
    const shortBody = shortHeader(input, name, lenBytes);
    if (shortBody !== undefined) return shortBody;
    const data = bytes.slice(off + 2, off + lenBytes);
    // With segments left, the checksums of transports are over another destination than the header's.
    const reroutes = kind === 'routing' && data[1] > 0;
    return {
      layer: { type: 'ipv6ext', kind, data, nextHeader, extLen, off, lenBytes },
      next: { space: 'ip', proto: nextHeader },
      ip: input.ip && reroutes ? { ...input.ip, whole: false } : input.ip,
    };
  };
}

export const encodeIpv6Ext: Encoder<Ipv6ExtLayer> = ({ layer, payload, following }) => {
  const lenBytes = Math.ceil((layer.data.length + 2) / 8) * 8;
  const { bytes } = withPayload(lenBytes, payload);
  bytes[0] = layer.nextHeader ?? nextHeaderOf(following, payload);
  bytes[1] = layer.extLen ?? (layer.kind === 'auth' ? lenBytes / 4 - 2 : lenBytes / 8 - 1);
  bytes.set(layer.data, 2);
  return bytes;
};

export const decodeIpv6Frag: Decoder = (input) => {
  const short = shortHeader(input, 'IPv6 fragment', FRAGMENT_BYTES);
  if (short !== undefined) return short;
  const { bytes, view, off } = input;
  const word = view.getUint16(off + 2);
  const fragOff = word & 0xfff8;
  const more = (word & 1) !== 0;
  const nextHeader = bytes[off];
  return {
    layer: { type: 'ipv6frag', fragOff, more, id: view.getUint32(off + 4), nextHeader, off, lenBytes: FRAGMENT_BYTES },
    next: fragOff > 0 ? { space: 'end' } : { space: 'ip', proto: nextHeader },
    ip: input.ip && (more || fragOff > 0) ? { ...input.ip, whole: false } : input.ip,
  };
};

export const encodeIpv6Frag: Encoder<Ipv6FragLayer> = ({ layer, payload, following }) => {
  const { bytes, view } = withPayload(FRAGMENT_BYTES, payload);
  bytes[0] = layer.nextHeader ?? nextHeaderOf(following, payload);
  view.setUint16(2, (layer.fragOff & 0xfff8) | (layer.more ? 1 : 0));
  view.setUint32(4, layer.id);
  return bytes;
};
