// SPDX-License-Identifier: MIT
import { EINVAL, BtfError } from '@tsbpf/uapi';

const utf8 = new TextDecoder();

/** Decodes the NUL-terminated string at `off`; the caller has made sure that a NUL follows. */
export function cstringAt(bytes: Uint8Array, off: number): string {
  let end = off;
  let ascii = true;
  while (bytes[end] !== 0) {
    if (bytes[end] >= 0x80) ascii = false;
    end++;
  }
  if (end === off) return '';
  if (!ascii || end - off > 256) return utf8.decode(bytes.subarray(off, end));
  let text = '';
  for (let i = off; i < end; i++) text += String.fromCharCode(bytes[i]);
  return text;
}

/** The two sections of a BTF blob. */
export interface BtfSections {
  /** The type section's words, in the host's byte order. */
  readonly words: Uint32Array;
  /** Bytes of the type section; beyond the words where it does not end with one. */
  readonly typeLen: number;
  readonly strings: Uint8Array;
  readonly littleEndian: boolean;
}

interface HeaderFields {
  readonly littleEndian: boolean;
  readonly hdrLen: number;
  readonly typeOff: number;
  readonly typeLen: number;
  readonly strOff: number;
  readonly strLen: number;
}

function bad(message: string): never {
  throw new BtfError(message, { errno: EINVAL });
}

function readHeader(bytes: Uint8Array): HeaderFields {
  if (bytes.length < 24) bad(`BTF of ${bytes.length} bytes is too short for a header of 24`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const littleEndian = view.getUint16(0, true) === 0xeb9f;
  if (!littleEndian && view.getUint16(0, false) !== 0xeb9f) {
    bad(`not BTF: magic is 0x${view.getUint16(0, true).toString(16)}, expected 0xeb9f`);
  }
  if (view.getUint8(2) !== 1) bad(`BTF version ${view.getUint8(2)} is not supported, only version 1 is`);
  if (view.getUint8(3) !== 0) bad(`BTF flags 0x${view.getUint8(3).toString(16)} are not supported`);
  const hdrLen = view.getUint32(4, littleEndian);
  if (hdrLen < 24 || hdrLen > bytes.length) bad(`BTF header length ${hdrLen} is outside 24..${bytes.length}`);
  for (let i = 24; i < hdrLen; i++) if (bytes[i] !== 0) bad('BTF header has unknown fields that are not zero');
  return {
    littleEndian,
    hdrLen,
    typeOff: view.getUint32(8, littleEndian),
    typeLen: view.getUint32(12, littleEndian),
    strOff: view.getUint32(16, littleEndian),
    strLen: view.getUint32(20, littleEndian),
  };
}

const HOST_IS_LITTLE = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** The words of a part of the bytes: the bytes themselves where they lie as the host would have them. */
function wordsAt(bytes: Uint8Array, off: number, len: number, littleEndian: boolean): Uint32Array {
  const count = Math.floor(len / 4);
  if (littleEndian === HOST_IS_LITTLE && (bytes.byteOffset + off) % 4 === 0) {
    return new Uint32Array(bytes.buffer, bytes.byteOffset + off, count);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset + off, count * 4);
  const words = new Uint32Array(count);
  for (let i = 0; i < count; i++) words[i] = view.getUint32(4 * i, littleEndian);
  return words;
}

/**
 * Cuts a BTF blob into its type and string sections, in either byte order; copied only where words are unaligned or swapped.
 * @throws BtfError where the header or a section does not fit the bytes.
 */
export function parseSections(bytes: Uint8Array, options: { split: boolean }): BtfSections {
  const hdr = readHeader(bytes);
  const room = bytes.length - hdr.hdrLen;
  if (hdr.typeOff + hdr.typeLen > room) bad(`BTF type section ${hdr.typeOff}+${hdr.typeLen} ends beyond ${room}`);
  if (hdr.strOff + hdr.strLen > room) bad(`BTF string section ${hdr.strOff}+${hdr.strLen} ends beyond ${room}`);
  if (hdr.typeOff % 4 !== 0) bad(`BTF type section is not aligned: offset ${hdr.typeOff}`);
  if (hdr.strOff < hdr.typeOff + hdr.typeLen && hdr.typeOff < hdr.strOff + hdr.strLen) bad('BTF sections overlap');
  const strStart = hdr.hdrLen + hdr.strOff;
  const strings = bytes.subarray(strStart, strStart + hdr.strLen);
  if (strings.length === 0) {
    if (!options.split) bad('BTF string section is empty');
  } else {
    if (strings[strings.length - 1] !== 0) bad('BTF string section does not end in a NUL');
    if (!options.split && strings[0] !== 0) bad('BTF string section does not start with a NUL');
  }
  return {
    words: wordsAt(bytes, hdr.hdrLen + hdr.typeOff, hdr.typeLen, hdr.littleEndian),
    typeLen: hdr.typeLen,
    strings,
    littleEndian: hdr.littleEndian,
  };
}
