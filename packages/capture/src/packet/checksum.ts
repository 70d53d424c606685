// SPDX-License-Identifier: MIT

/** Adds big-endian 16-bit words to a sum that {@link foldChecksum} ends; an odd last byte is a high half. */
export function addWords(bytes: Uint8Array, start: number, end: number, sum = 0): number {
  let off = start;
  for (; off + 1 < end; off += 2) sum += (bytes[off] << 8) | bytes[off + 1];
  if (off < end) sum += bytes[off] << 8;
  return sum;
}

/** The ones' complement of the sum, in 16 bits. */
export function foldChecksum(sum: number): number {
  while (sum > 0xffff) sum = (sum % 0x10000) + Math.floor(sum / 0x10000);
  return ~sum & 0xffff;
}

/** The Internet checksum of some bytes; 0 over bytes that contain their own, correct checksum. @see RFC 1071 */
export function internetChecksum(bytes: Uint8Array, start = 0, end = bytes.length): number {
  return foldChecksum(addWords(bytes, start, end));
}

/** The part of a transport checksum that the IP header contributes, for both versions of IP. */
export function pseudoHeaderSum(src: Uint8Array, dst: Uint8Array, protocol: number, lenBytes: number): number {
  const addresses = addWords(dst, 0, dst.length, addWords(src, 0, src.length));
  return addresses + protocol + (lenBytes >>> 16) + (lenBytes & 0xffff);
}

const CASTAGNOLI = 0x82f63b78;
const CRC_TABLE: Uint32Array = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc & 1) !== 0 ? (crc >>> 1) ^ CASTAGNOLI : crc >>> 1;
  return crc;
});

/** CRC32c, SCTP's checksum. The four bytes at `skipOff` count as zero. @see RFC 3309 */
export function crc32c(bytes: Uint8Array, start: number, end: number, skipOff = -1): number {
  let crc = 0xffffffff;
  for (let off = start; off < end; off++) {
    const byte = off >= skipOff && off < skipOff + 4 && skipOff >= 0 ? 0 : bytes[off];
    crc = CRC_TABLE[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  }
  return (crc ^ 0xffffffff) >>> 0;
}
