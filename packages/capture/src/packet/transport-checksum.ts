// SPDX-License-Identifier: MIT
import { addWords, foldChecksum, pseudoHeaderSum } from './checksum.ts';
import type { DecodeInput } from './codec.ts';

/** The checksum of a transport header and its payload, whose own checksum field holds zero. */
export function transportChecksum(
  ip: { src: Uint8Array; dst: Uint8Array } | undefined,
  protocol: number,
  bytes: Uint8Array,
): number {
  const pseudo = ip === undefined ? 0 : pseudoHeaderSum(ip.src, ip.dst, protocol, bytes.length);
  return foldChecksum(addWords(bytes, 0, bytes.length, pseudo));
}

/** Whether a received one is right; undefined where that cannot be known. */
export function transportChecksumOk(input: DecodeInput, protocol: number, end: number): boolean | undefined {
  const { ip, bytes, off } = input;
  if (ip === undefined || !ip.whole) return undefined;
  return foldChecksum(addWords(bytes, off, end, pseudoHeaderSum(ip.src, ip.dst, protocol, end - off))) === 0;
}
