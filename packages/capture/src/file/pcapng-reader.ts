// SPDX-License-Identifier: MIT
import type { CaptureInterface, CapturePacket, ReaderState } from './capture.ts';
import type { FileBytes } from './file-bytes.ts';
import { captureError, reportCut } from './file-bytes.ts';
import * as format from './pcapng-format.ts';
import { optionText, parseOptions } from './pcapng-options.ts';

/** Block type and length, and the length again at the end. */
const FRAME_BYTES = 12;

/** Whether the file is pcapng: its first block is a section header, whose type reads the same in both byte orders. */
export function detectPcapng(file: FileBytes): boolean {
  return file.u32(0) === format.BLOCK_SECTION_HEADER;
}

/** Reads block by block; blocks other than sections, interfaces and packets are passed over, as the format says. */
export function* openPcapng(file: FileBytes, state: ReaderState): Generator<CapturePacket, void, void> {
  let offset = 0;
  /** Index of the section's first interface. */
  let firstIface = 0;
  while (offset < file.length) {
    const left = file.length - offset;
    if (left < FRAME_BYTES) return reportCut(state, `capture cut in a block header: ${left} of 12 bytes`, offset);
    if (file.u32(offset) === format.BLOCK_SECTION_HEADER) {
      if (left < 16) return reportCut(state, 'capture cut in a section header', offset);
      setByteOrder(file, offset);
      firstIface = state.interfaces.length;
    } else if (offset === 0) {
      throw captureError('pcapng does not begin with a section header', 0);
    }
    const type = file.u32(offset);
    const blockLen = file.u32(offset + 4);
    if (blockLen < FRAME_BYTES || blockLen % 4 !== 0) {
      throw captureError(`pcapng block of type ${type} has the impossible length ${blockLen}`, offset);
    }
    if (blockLen > left) {
      const what = isPacketBlock(type) ? 'a packet block' : `a block of type ${type}`;
      return reportCut(state, `capture cut in ${what}: ${left} of ${blockLen} bytes`, offset);
    }
    const trailer = file.u32(offset + blockLen - 4);
    if (trailer !== blockLen) {
      throw captureError(
        `pcapng block of type ${type} has length ${blockLen} at its start, ${trailer} at its end`,
        offset,
      );
    }
    const block: Block = { type, offset, body: offset + 8, end: offset + blockLen - 4 };
    if (type === format.BLOCK_SECTION_HEADER) checkSection(file, block);
    else if (type === format.BLOCK_INTERFACE) state.interfaces.push(readInterface(file, block));
    else if (isPacketBlock(type)) yield readPacket(file, block, state.interfaces, firstIface);
    offset += blockLen;
  }
}

interface Block {
  readonly type: number;
  readonly offset: number;
  readonly body: number;
  readonly end: number;
}

function isPacketBlock(type: number): boolean {
  return type === format.BLOCK_ENHANCED_PACKET || type === format.BLOCK_SIMPLE_PACKET || type === format.BLOCK_PACKET;
}

function setByteOrder(file: FileBytes, offset: number): void {
  for (const littleEndian of [true, false]) {
    file.littleEndian = littleEndian;
    if (file.u32(offset + 8) === format.BYTE_ORDER_MAGIC) return;
  }
  throw captureError('pcapng section header without a byte-order magic', offset + 8);
}

function needBody(block: Block, lenBytes: number): void {
  const has = block.end - block.body;
  if (has < lenBytes) {
    throw captureError(
      `pcapng block of type ${block.type} needs a body of ${lenBytes} bytes, it has ${has}`,
      block.offset,
    );
  }
}

function checkSection(file: FileBytes, block: Block): void {
  needBody(block, 16);
  const major = file.u16(block.body + 4);
  const minor = file.u16(block.body + 6);
  if (major !== 1) throw captureError(`pcapng version ${major}.${minor}, only 1.x is known`, block.offset + 12);
  parseOptions(file, block.body + 16, block.end);
}

function readInterface(file: FileBytes, block: Block): CaptureInterface {
  needBody(block, 8);
  let tsresol = format.DEFAULT_TSRESOL;
  let tsOffsetSec = 0n;
  let name: string | undefined;
  let description: string | undefined;
  for (const option of parseOptions(file, block.body + 8, block.end)) {
    if (option.code === format.OPT_IF_NAME) name = optionText(file, option);
    else if (option.code === format.OPT_IF_DESCRIPTION) description = optionText(file, option);
    else if (option.code === format.OPT_IF_TSRESOL && option.lenBytes === 1) tsresol = file.u8(option.off);
    else if (option.code === format.OPT_IF_TSOFFSET && option.lenBytes === 8) tsOffsetSec = file.s64(option.off);
  }
  return {
    linkType: file.u16(block.body),
    snaplen: file.u32(block.body + 4),
    name,
    description,
    tsUnitsPerSec: format.unitsPerSec(tsresol),
    tsOffsetSec,
  };
}

function readPacket(
  file: FileBytes,
  block: Block,
  interfaces: readonly CaptureInterface[],
  firstIface: number,
): CapturePacket {
  const { body, offset } = block;
  const simple = block.type === format.BLOCK_SIMPLE_PACKET;
  needBody(block, simple ? 4 : 20);
  const ifaceInSection = simple ? 0 : block.type === format.BLOCK_PACKET ? file.u16(body) : file.u32(body);
  const ifaceIdx = firstIface + ifaceInSection;
  const iface = interfaces[ifaceIdx];
  if (iface === undefined)
    throw captureError(`packet on interface ${ifaceInSection}, which its section does not describe`, offset);
  const { linkType } = iface;
  const dataOff = body + (simple ? 4 : 20);
  const room = block.end - dataOff;
  if (simple) {
    const origLen = file.u32(body);
    const keptLen = Math.min(origLen, iface.snaplen === 0 ? origLen : iface.snaplen, room);
    return { data: file.slice(dataOff, keptLen), origLen, tsNs: 0n, ifaceIdx, linkType, offset };
  }
  const keptLen = file.u32(body + 12);
  if (keptLen > room) throw captureError(`packet of ${keptLen} bytes in a block with room for ${room}`, offset);
  parseOptions(file, dataOff + format.padded4(keptLen), block.end);
  const ts = (BigInt(file.u32(body + 4)) << 32n) | BigInt(file.u32(body + 8));
  const tsNs = (ts * 1_000_000_000n) / iface.tsUnitsPerSec + iface.tsOffsetSec * 1_000_000_000n;
  return { data: file.slice(dataOff, keptLen), origLen: file.u32(body + 16), tsNs, ifaceIdx, linkType, offset };
}
