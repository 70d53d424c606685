// SPDX-License-Identifier: MIT
import type { DecodeStep, Decoder, Encoder } from './codec.ts';
import { shortHeader, withPayload } from './codec.ts';
import type { TcpLayer, TcpOption } from './layer.ts';
import { IPPROTO_TCP } from './numbers.ts';
import { transportChecksum, transportChecksumOk } from './transport-checksum.ts';

const MIN_HEADER_BYTES = 20;

export const decodeTcp: Decoder = (input) => {
  const short = shortHeader(input, 'TCP', MIN_HEADER_BYTES);
  if (short !== undefined) return short;
  const { bytes, view, off, end } = input;
  const word = view.getUint16(off + 12);
  const dataOff = word >>> 12;
  if (dataOff < 5) return { kind: 'malformed', message: `TCP header length ${dataOff * 4} is below 20` };
  const lenBytes = dataOff * 4;
  const shortOptions = shortHeader(input, 'TCP', lenBytes);
  if (shortOptions !== undefined) return shortOptions;
  const optionBytes = bytes.slice(off + MIN_HEADER_BYTES, off + lenBytes);
  const { options, problem } = parseTcpOptions(optionBytes);
  const step: DecodeStep = {
    layer: {
      type: 'tcp',
      srcPort: view.getUint16(off),
      dstPort: view.getUint16(off + 2),
      seq: view.getUint32(off + 4),
      ack: view.getUint32(off + 8),
      dataOff,
      flags: word & 0xfff,
      window: view.getUint16(off + 14),
      checksum: view.getUint16(off + 16),
      urgent: view.getUint16(off + 18),
      options,
      optionBytes,
      off,
      lenBytes,
      checksumOk: transportChecksumOk(input, IPPROTO_TCP, end),
    },
    next: { space: 'end' },
  };
  if (problem !== undefined) step.problem = { kind: 'malformed', message: problem };
  return step;
};

export const encodeTcp: Encoder<TcpLayer> = ({ layer, payload, ip }) => {
  const optionBytes = layer.optionBytes ?? encodeTcpOptions(layer.options ?? []);
  const headerBytes = MIN_HEADER_BYTES + Math.ceil(optionBytes.length / 4) * 4;
  const { bytes, view } = withPayload(headerBytes, payload);
  view.setUint16(0, layer.srcPort);
  view.setUint16(2, layer.dstPort);
  view.setUint32(4, layer.seq ?? 0);
  view.setUint32(8, layer.ack ?? 0);
  view.setUint16(12, (((layer.dataOff ?? headerBytes / 4) & 15) << 12) | ((layer.flags ?? 0) & 0xfff));
  view.setUint16(14, layer.window ?? 65535);
  view.setUint16(18, layer.urgent ?? 0);
  bytes.set(optionBytes, MIN_HEADER_BYTES);
  view.setUint16(16, layer.checksum ?? transportChecksum(ip, IPPROTO_TCP, bytes));
  return bytes;
};

/** The options up to the end-of-options mark; `problem` says why reading stopped early. */
export function parseTcpOptions(bytes: Uint8Array): { options: TcpOption[]; problem?: string } {
  const options: TcpOption[] = [];
  let off = 0;
  while (off < bytes.length && bytes[off] !== 0) {
    const kind = bytes[off];
    if (kind === 1) {
      options.push({ kind });
      off++;
      continue;
    }
    const lenBytes = off + 1 < bytes.length ? bytes[off + 1] : 0;
    if (lenBytes < 2 || off + lenBytes > bytes.length) {
      return { options, problem: `TCP option ${kind} has length ${lenBytes}, ${bytes.length - off} bytes are left` };
    }
    options.push({ kind, data: bytes.slice(off + 2, off + lenBytes) });
    off += lenBytes;
  }
  return { options };
}

/** Without padding. */
export function encodeTcpOptions(options: readonly TcpOption[]): Uint8Array {
  return Uint8Array.from(
    options.flatMap(({ kind, data }) => (kind <= 1 ? [kind] : [kind, (data?.length ?? 0) + 2, ...(data ?? [])])),
  );
}
