// SPDX-License-Identifier: MIT
import { crc32c } from './checksum.ts';
import type { Decoder, Encoder } from './codec.ts';
import { shortHeader, withPayload } from './codec.ts';
import type { SctpLayer } from './layer.ts';

const HEADER_BYTES = 12;

/** The common header; chunks are payload. */
export const decodeSctp: Decoder = (input) => {
  const short = shortHeader(input, 'SCTP', HEADER_BYTES);
  if (short !== undefined) return short;
  const { bytes, view, off, end, ip } = input;
  const checksum = view.getUint32(off + 8, true);
  return {
    layer: {
      type: 'sctp',
      srcPort: view.getUint16(off),
      dstPort: view.getUint16(off + 2),
      vtag: view.getUint32(off + 4),
      checksum,
      off,
      lenBytes: HEADER_BYTES,
      checksumOk: ip?.whole === true ? crc32c(bytes, off, end, off + 8) === checksum : undefined,
    },
    next: { space: 'end' },
  };
};

export const encodeSctp: Encoder<SctpLayer> = ({ layer, payload }) => {
  const { bytes, view } = withPayload(HEADER_BYTES, payload);
  view.setUint16(0, layer.srcPort);
  view.setUint16(2, layer.dstPort);
  view.setUint32(4, layer.vtag ?? 0);
  view.setUint32(8, layer.checksum ?? crc32c(bytes, 0, bytes.length), true);
  return bytes;
};
