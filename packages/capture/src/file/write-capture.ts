// SPDX-License-Identifier: MIT
import { EINVAL, UsageError } from '@tsbpf/uapi';
import type { CaptureFormat } from './capture.ts';
import { LINKTYPE_ETHERNET } from './capture.ts';
import { FileWriter } from './file-writer.ts';
import { PCAP_MAGIC_MICRO, PCAP_MAGIC_NANO } from './pcap-reader.ts';
import * as format from './pcapng-format.ts';

const DEFAULT_SNAPLEN = 262_144;

/** A packet to be written: what readers yield will do. */
export interface WritablePacket {
  readonly data: Uint8Array;
  /** Default: the length of `data`. */
  readonly origLen?: number;
  /** Default 0. */
  readonly tsNs?: bigint;
  /** pcapng only; default 0. */
  readonly ifaceIdx?: number;
}

export interface EncodePcapOptions {
  /** Default Ethernet. */
  linkType?: number;
  /** Longer packets are cut to it, their original length kept; default 262144. */
  snaplen?: number;
  /** Keep nanoseconds instead of microseconds; default true. */
  nanoseconds?: boolean;
  /** Default false. */
  bigEndian?: boolean;
}

/** An interface of a pcapng file to be written. */
export interface WritableInterface {
  readonly linkType: number;
  /** 0 is no limit, and the default. */
  readonly snaplen?: number;
  readonly name?: string;
  readonly description?: string;
  /** The `if_tsresol` byte: n for 10^-n seconds, 0x80 | n for 2^-n; default 9. */
  readonly tsresol?: number;
  readonly tsOffsetSec?: bigint;
}

export interface EncodePcapngOptions {
  /** Default: one, Ethernet. */
  interfaces?: readonly WritableInterface[];
  /** Default false. */
  bigEndian?: boolean;
  /** What wrote the file (`shb_userappl`). */
  application?: string;
}

/** Writes a pcap file. @errno EINVAL {@link UsageError}: a time before 1970 or after 2106 */
export function encodePcap(packets: Iterable<WritablePacket>, options: EncodePcapOptions = {}): Uint8Array {
  const { linkType = LINKTYPE_ETHERNET, snaplen = DEFAULT_SNAPLEN, nanoseconds = true, bigEndian = false } = options;
  const out = new FileWriter(!bigEndian);
  out.u32(nanoseconds ? PCAP_MAGIC_NANO : PCAP_MAGIC_MICRO);
  out.u16(2);
  out.u16(4);
  out.u32(0);
  out.u32(0);
  out.u32(snaplen);
  out.u32(linkType);
  for (const { data, origLen = data.length, tsNs = 0n } of packets) {
    const sec = tsNs / 1_000_000_000n;
    if (tsNs < 0n || sec > 0xffffffffn) throw usageError(`a pcap file cannot hold the time ${tsNs} ns`);
    const frac = tsNs % 1_000_000_000n;
    const kept = data.length > snaplen ? data.subarray(0, snaplen) : data;
    out.u32(Number(sec));
    out.u32(Number(nanoseconds ? frac : frac / 1000n));
    out.u32(kept.length);
    out.u32(origLen);
    out.raw(kept);
  }
  return out.finish();
}

/** Writes a pcapng file of one section. @errno EINVAL {@link UsageError}: an interface that is not described, or a time out of range */
export function encodePcapng(packets: Iterable<WritablePacket>, options: EncodePcapngOptions = {}): Uint8Array {
  const { interfaces = [{ linkType: LINKTYPE_ETHERNET }], bigEndian = false, application } = options;
  const out = new FileWriter(!bigEndian);
  writeBlock(out, format.BLOCK_SECTION_HEADER, () => {
    out.u32(format.BYTE_ORDER_MAGIC);
    out.u16(1);
    out.u16(0);
    out.s64(-1n);
    if (application !== undefined) {
      writeTextOption(out, format.OPT_SHB_USERAPPL, application);
      out.u32(format.OPT_END);
    }
  });
  for (const iface of interfaces) writeInterface(out, iface);
  for (const packet of packets) writePacket(out, packet, interfaces);
  return out.finish();
}

/** Writes either format with its defaults: for tools that let the user name one. */
export function encodeCapture(fileFormat: CaptureFormat, packets: Iterable<WritablePacket>): Uint8Array {
  return fileFormat === 'pcap' ? encodePcap(packets) : encodePcapng(packets);
}

function writeBlock(out: FileWriter, type: number, body: () => void): void {
  const start = out.length;
  out.u32(type);
  out.u32(0);
  body();
  out.pad4();
  const lenBytes = out.length + 4 - start;
  out.u32(lenBytes);
  out.setU32(start + 4, lenBytes);
}

function writeTextOption(out: FileWriter, code: number, text: string): void {
  const bytes = new TextEncoder().encode(text);
  out.u16(code);
  out.u16(bytes.length);
  out.raw(bytes);
  out.pad4();
}

function writeInterface(out: FileWriter, iface: WritableInterface): void {
  writeBlock(out, format.BLOCK_INTERFACE, () => {
    out.u16(iface.linkType);
    out.u16(0);
    out.u32(iface.snaplen ?? 0);
    if (iface.name !== undefined) writeTextOption(out, format.OPT_IF_NAME, iface.name);
    if (iface.description !== undefined) writeTextOption(out, format.OPT_IF_DESCRIPTION, iface.description);
    out.u16(format.OPT_IF_TSRESOL);
    out.u16(1);
    out.u8(iface.tsresol ?? 9);
    out.pad4();
    if (iface.tsOffsetSec !== undefined) {
      out.u16(format.OPT_IF_TSOFFSET);
      out.u16(8);
      out.s64(iface.tsOffsetSec);
    }
    out.u32(format.OPT_END);
  });
}

function writePacket(out: FileWriter, packet: WritablePacket, interfaces: readonly WritableInterface[]): void {
  const { data, origLen = data.length, tsNs = 0n, ifaceIdx = 0 } = packet;
  const iface = interfaces[ifaceIdx];
  if (iface === undefined) throw usageError(`packet on interface ${ifaceIdx}, but ${interfaces.length} are described`);
  const sinceOffset = tsNs - (iface.tsOffsetSec ?? 0n) * 1_000_000_000n;
  const ts = (sinceOffset * format.unitsPerSec(iface.tsresol ?? 9)) / 1_000_000_000n;
  if (sinceOffset < 0n || ts >= 1n << 64n) throw usageError(`interface ${ifaceIdx} cannot hold the time ${tsNs} ns`);
  const snaplen = iface.snaplen ?? 0;
  const kept = snaplen !== 0 && data.length > snaplen ? data.subarray(0, snaplen) : data;
  writeBlock(out, format.BLOCK_ENHANCED_PACKET, () => {
    out.u32(ifaceIdx);
    out.u32(Number(ts >> 32n));
    out.u32(Number(ts & 0xffffffffn));
    out.u32(kept.length);
    out.u32(origLen);
    out.raw(kept);
  });
}

function usageError(message: string): UsageError {
  return new UsageError(message, { errno: EINVAL });
}
