// SPDX-License-Identifier: MIT
import { internetChecksum } from './checksum.ts';
import type { Decoder, Encoder } from './codec.ts';
import { shortHeader, withPayload } from './codec.ts';
import type { IcmpLayer } from './layer.ts';
import { IPPROTO_ICMPV6 } from './numbers.ts';
import { transportChecksum, transportChecksumOk } from './transport-checksum.ts';

const HEADER_BYTES = 8;

/** ICMP and ICMPv6: the same header, but only the latter's checksum covers addresses. */
export function icmpDecoder(type: 'icmp' | 'icmpv6'): Decoder {
  return (input) => {
    const short = shortHeader(input, type === 'icmp' ? 'ICMP' : 'ICMPv6', HEADER_BYTES);
    if (short !== undefined) return short;
    const { bytes, view, off, end, ip } = input;
    const plainOk = ip?.whole === true ? internetChecksum(bytes, off, end) === 0 : undefined;
    return {
      layer: {
        type,
        icmpType: bytes[off],
        code: bytes[off + 1],
        checksum: view.getUint16(off + 2),
        rest: view.getUint32(off + 4),
        off,
        lenBytes: HEADER_BYTES,
        checksumOk: type === 'icmp' ? plainOk : transportChecksumOk(input, IPPROTO_ICMPV6, end),
      },
      next: { space: 'end' },
    };
  };
}

export const encodeIcmp: Encoder<IcmpLayer> = ({ layer, payload, ip }) => {
  const { bytes, view } = withPayload(HEADER_BYTES, payload);
  bytes[0] = layer.icmpType;
  bytes[1] = layer.code ?? 0;
  view.setUint32(4, layer.rest ?? 0);
  const computed = layer.type === 'icmp' ? internetChecksum(bytes) : transportChecksum(ip, IPPROTO_ICMPV6, bytes);
  view.setUint16(2, layer.checksum ?? computed);
  return bytes;
};
