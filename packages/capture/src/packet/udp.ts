// SPDX-License-Identifier: MIT
import type { DecodeStep, Decoder, Encoder } from './codec.ts';
import { shortHeader, withPayload } from './codec.ts';
import type { UdpLayer } from './layer.ts';
import { IPPROTO_UDP, VXLAN_PORT } from './numbers.ts';
import { transportChecksum, transportChecksumOk } from './transport-checksum.ts';

const HEADER_BYTES = 8;

export const decodeUdp: Decoder = (input) => {
  const short = shortHeader(input, 'UDP', HEADER_BYTES);
  if (short !== undefined) return short;
  const { view, off, end } = input;
  const dstPort = view.getUint16(off + 2);
  const length = view.getUint16(off + 4);
  const checksum = view.getUint16(off + 6);
  const valid = length >= HEADER_BYTES && off + length <= end;
  const step: DecodeStep = {
    layer: {
      type: 'udp',
      srcPort: view.getUint16(off),
      dstPort,
      length,
      checksum,
      off,
      lenBytes: HEADER_BYTES,
      checksumOk: checksum === 0 || !valid ? undefined : transportChecksumOk(input, IPPROTO_UDP, off + length),
    },
    next: dstPort === VXLAN_PORT ? { space: 'vxlan' } : { space: 'end' },
    end: valid ? off + length : end,
  };
  if (length < HEADER_BYTES) step.problem = { kind: 'malformed', message: `UDP length ${length} is below 8` };
  else if (!valid) {
    // A fragment, or a packet whose end is missing, rightly announces more than there is.
    const kind = input.ip?.whole === false ? 'truncated' : 'malformed';
    step.problem = { kind, message: `UDP length ${length}, ${end - off} bytes are there` };
  }
  return step;
};

export const encodeUdp: Encoder<UdpLayer> = ({ layer, payload, ip }) => {
  const { bytes, view } = withPayload(HEADER_BYTES, payload);
  view.setUint16(0, layer.srcPort);
  view.setUint16(2, layer.dstPort);
  view.setUint16(4, layer.length ?? bytes.length);
  view.setUint16(6, layer.checksum ?? (transportChecksum(ip, IPPROTO_UDP, bytes) || 0xffff));
  return bytes;
};
