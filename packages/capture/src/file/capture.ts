// SPDX-License-Identifier: MIT

/** Link types (`LINKTYPE_*`) that this package names. @see https://www.tcpdump.org/linktypes.html */
export const LINKTYPE_ETHERNET = 1;
export const LINKTYPE_RAW = 101;
export const LINKTYPE_IPV4 = 228;
export const LINKTYPE_IPV6 = 229;

export type CaptureFormat = 'pcap' | 'pcapng';

/** Where packets were captured. A pcap file has exactly one, which has no name. */
export interface CaptureInterface {
  readonly linkType: number;
  /** Most bytes kept of a packet; 0 is no limit. */
  readonly snaplen: number;
  readonly name?: string;
  readonly description?: string;
  /** Timestamp units per second: 10 to the n, or 2 to the n. */
  readonly tsUnitsPerSec: bigint;
  /** Added to each timestamp. */
  readonly tsOffsetSec: bigint;
}

export interface CapturePacket {
  /** What was kept: a view of the file's bytes, not a copy. */
  readonly data: Uint8Array;
  /** Bytes the packet had on the wire. */
  readonly origLen: number;
  /** Nanoseconds since 1970; 0 where the file keeps no time (simple packet blocks). */
  readonly tsNs: bigint;
  /** Index in the capture's interfaces, counted over all sections. */
  readonly ifaceIdx: number;
  readonly linkType: number;
  /** Where its record or block begins in the file. */
  readonly offset: number;
}

export interface Capture {
  readonly format: CaptureFormat;
  readonly packets: CapturePacket[];
  readonly interfaces: CaptureInterface[];
  /** What {@link ReadCaptureOptions.allowTruncated} let pass. */
  readonly warnings: string[];
}

export interface ReadCaptureOptions {
  /** A file that ends inside a packet yields the whole packets and a warning, instead of an error. */
  allowTruncated?: boolean;
}

/** A capture being read packet by packet. `interfaces` and `warnings` fill as the packets are consumed. */
export interface CaptureReader extends Iterable<CapturePacket> {
  readonly format: CaptureFormat;
  readonly interfaces: readonly CaptureInterface[];
  readonly warnings: readonly string[];
}

/** Where a reader reports what it finds beside packets. */
export interface ReaderState {
  readonly interfaces: CaptureInterface[];
  readonly warnings: string[];
  readonly allowTruncated: boolean;
}
