// SPDX-License-Identifier: MIT
// Numbers of the pcapng format.
// @see https://ietf-opsawg-wg.github.io/draft-ietf-opsawg-pcap/draft-ietf-opsawg-pcapng.html

export const BLOCK_SECTION_HEADER = 0x0a0d0d0a;
export const BLOCK_INTERFACE = 1;
/** Obsolete, but old files have it. */
export const BLOCK_PACKET = 2;
export const BLOCK_SIMPLE_PACKET = 3;
export const BLOCK_ENHANCED_PACKET = 6;

export const BYTE_ORDER_MAGIC = 0x1a2b3c4d;

export const OPT_END = 0;
export const OPT_SHB_USERAPPL = 4;
export const OPT_IF_NAME = 2;
export const OPT_IF_DESCRIPTION = 3;
export const OPT_IF_TSRESOL = 9;
export const OPT_IF_TSOFFSET = 14;

/** Timestamps count microseconds where an interface does not say otherwise. */
export const DEFAULT_TSRESOL = 6;

/** Units per second of an `if_tsresol` byte: a power of ten, or of two where the highest bit is set. */
export function unitsPerSec(tsresol: number): bigint {
  const exponent = BigInt(tsresol & 0x7f);
  return (tsresol & 0x80) !== 0 ? 2n ** exponent : 10n ** exponent;
}

export function padded4(lenBytes: number): number {
  return Math.ceil(lenBytes / 4) * 4;
}
