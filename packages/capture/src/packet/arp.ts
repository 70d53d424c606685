// SPDX-License-Identifier: MIT
import { formatIpv4, formatMac, parseIpv4, parseMac } from './address.ts';
import type { Decoder, Encoder } from './codec.ts';
import { shortHeader, withPayload } from './codec.ts';
import type { ArpLayer } from './layer.ts';
import { ETH_P_IP } from './numbers.ts';

const LEN_BYTES = 28;

/** Ethernet and IPv4 only. */
export const decodeArp: Decoder = (input) => {
  const short = shortHeader(input, 'ARP', 8);
  if (short !== undefined) return short;
  const { bytes, view, off } = input;
  const [hw, proto, sizes] = [view.getUint16(off), view.getUint16(off + 2), view.getUint16(off + 4)];
  if (hw !== 1 || proto !== ETH_P_IP || sizes !== 0x0604) {
    return { kind: 'unsupported', message: `ARP for hardware type ${hw} and protocol 0x${proto.toString(16)}` };
  }
  const shortBody = shortHeader(input, 'ARP', LEN_BYTES);
  if (shortBody !== undefined) return shortBody;
  return {
    layer: {
      type: 'arp',
      op: view.getUint16(off + 6),
      senderMac: formatMac(bytes.subarray(off + 8, off + 14)),
      senderIp: formatIpv4(bytes.subarray(off + 14, off + 18)),
      targetMac: formatMac(bytes.subarray(off + 18, off + 24)),
      targetIp: formatIpv4(bytes.subarray(off + 24, off + 28)),
      off,
      lenBytes: LEN_BYTES,
    },
    next: { space: 'end' },
    end: off + LEN_BYTES,
  };
};

export const encodeArp: Encoder<ArpLayer> = ({ layer, payload }) => {
  const { bytes, view } = withPayload(LEN_BYTES, payload);
  view.setUint16(0, 1);
  view.setUint16(2, ETH_P_IP);
  view.setUint16(4, 0x0604);
  view.setUint16(6, layer.op);
  bytes.set(parseMac(layer.senderMac), 8);
  bytes.set(parseIpv4(layer.senderIp), 14);
  bytes.set(parseMac(layer.targetMac), 18);
  bytes.set(parseIpv4(layer.targetIp), 24);
  return bytes;
};
