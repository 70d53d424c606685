// SPDX-License-Identifier: MIT
import type { Capture, CapturePacket, CaptureReader, ReadCaptureOptions, ReaderState } from './capture.ts';
import { FileBytes, captureError } from './file-bytes.ts';
import { detectPcap, openPcap } from './pcap-reader.ts';
import { detectPcapng, openPcapng } from './pcapng-reader.ts';

/**
 * Reads a pcap or pcapng file packet by packet, without copying: each packet is a view of `bytes`. The format is told
 * by the first bytes. To be iterated once.
 * @errno EINVAL {@link CaptureError} with the offset: not a capture, malformed, or cut (unless allowed)
 */
export function iterateCapture(bytes: Uint8Array, options: ReadCaptureOptions = {}): CaptureReader {
  const file = new FileBytes(bytes);
  const state: ReaderState = { interfaces: [], warnings: [], allowTruncated: options.allowTruncated ?? false };
  if (file.length < 4) throw captureError(`not a capture: ${file.length} bytes have no room for a magic number`, 0);
  const isPcapng = detectPcapng(file);
  if (!isPcapng && !detectPcap(file)) {
    const magic = [...bytes.subarray(0, 4)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    throw captureError(`not a capture: begins with ${magic}, neither pcap nor pcapng`, 0);
  }
  const packets: Iterable<CapturePacket> = isPcapng ? openPcapng(file, state) : openPcap(file, state);
  return {
    format: isPcapng ? 'pcapng' : 'pcap',
    interfaces: state.interfaces,
    warnings: state.warnings,
    [Symbol.iterator]: () => packets[Symbol.iterator](),
  };
}

/** Reads a whole pcap or pcapng file. Same rules as {@link iterateCapture}. */
export function readCapture(bytes: Uint8Array, options: ReadCaptureOptions = {}): Capture {
  const reader = iterateCapture(bytes, options);
  const packets = [...reader];
  return { format: reader.format, packets, interfaces: [...reader.interfaces], warnings: [...reader.warnings] };
}
