// SPDX-License-Identifier: MIT
import type { CapturePacket, ReaderState } from './capture.ts';
import type { FileBytes } from './file-bytes.ts';
import { captureError, reportCut } from './file-bytes.ts';

export const PCAP_MAGIC_MICRO = 0xa1b2c3d4;
export const PCAP_MAGIC_NANO = 0xa1b23c4d;
/** libpcap with Alexey Kuznetsov's patches: longer record headers. */
const PCAP_MAGIC_PATCHED = 0xa1b2cd34;
export const PCAP_HEADER_BYTES = 24;
export const PCAP_RECORD_HEADER_BYTES = 16;

/** Whether the file is pcap; sets the byte order. Takes at least 4 bytes. */
export function detectPcap(file: FileBytes): boolean {
  for (const littleEndian of [true, false]) {
    file.littleEndian = littleEndian;
    const magic = file.u32(0);
    if (magic === PCAP_MAGIC_MICRO || magic === PCAP_MAGIC_NANO) return true;
    if (magic === PCAP_MAGIC_PATCHED)
      throw captureError('a "patched" pcap (magic a1b2cd34), which is not supported', 0);
  }
  return false;
}

/**
 * Reads the file header and then record by record.
 * @see https://ietf-opsawg-wg.github.io/draft-ietf-opsawg-pcap/draft-ietf-opsawg-pcap.html
 */
export function openPcap(file: FileBytes, state: ReaderState): Iterable<CapturePacket> {
  if (file.length < PCAP_HEADER_BYTES) {
    throw captureError(`pcap file header cut: ${file.length} of ${PCAP_HEADER_BYTES} bytes`, file.length);
  }
  const major = file.u16(4);
  const minor = file.u16(6);
  if (major !== 2) throw captureError(`pcap version ${major}.${minor}, only 2.x is known`, 4);
  const nanoseconds = file.u32(0) === PCAP_MAGIC_NANO;
  const linkType = file.u32(20) & 0xffff;
  const tsUnitsPerSec = nanoseconds ? 1_000_000_000n : 1_000_000n;
  state.interfaces.push({ linkType, snaplen: file.u32(16), tsUnitsPerSec, tsOffsetSec: 0n });
  return records(file, state, linkType, nanoseconds ? 1n : 1000n);
}

function* records(
  file: FileBytes,
  state: ReaderState,
  linkType: number,
  nsPerUnit: bigint,
): Generator<CapturePacket, void, void> {
  let offset = PCAP_HEADER_BYTES;
  for (let number = 1; offset < file.length; number++) {
    const left = file.length - offset;
    if (left < PCAP_RECORD_HEADER_BYTES) {
      return reportCut(state, `capture cut in the header of packet ${number}: ${left} of 16 bytes`, offset);
    }
    const keptLen = file.u32(offset + 8);
    if (keptLen > left - PCAP_RECORD_HEADER_BYTES) {
      const has = left - PCAP_RECORD_HEADER_BYTES;
      return reportCut(state, `capture cut in the data of packet ${number}: ${has} of ${keptLen} bytes`, offset);
    }
    yield {
      data: file.slice(offset + PCAP_RECORD_HEADER_BYTES, keptLen),
      origLen: file.u32(offset + 12),
      tsNs: BigInt(file.u32(offset)) * 1_000_000_000n + BigInt(file.u32(offset + 4)) * nsPerUnit,
      ifaceIdx: 0,
      linkType,
      offset,
    };
    offset += PCAP_RECORD_HEADER_BYTES + keptLen;
  }
}
