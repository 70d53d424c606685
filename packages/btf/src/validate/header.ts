// SPDX-License-Identifier: MIT
import { E2BIG, EINVAL, ENOTSUPP } from '@tsbpf/uapi';
import { BTF_HEADER_LEN, BTF_MAGIC, BTF_MAX_NAME_OFFSET, BTF_VERSION } from '../kinds.ts';
import type { KernelLog } from './log.ts';

export interface CheckedHeader {
  readonly types: DataView;
  readonly strings: Uint8Array;
  readonly typeOff: number;
  /** Position of the type section in the blob. */
  readonly typeLen: number;
}

interface Section {
  readonly off: number;
  readonly len: number;
}

function fail(log: KernelLog, message: string, errno: number = EINVAL): number {
  log.write(message);
  return errno;
}

/** The two sections must fill what is behind the header exactly. */
function checkSections(log: KernelLog, sections: readonly [types: Section, strings: Section], room: number): number {
  const [types, strings] = sections;
  // By offset, and the shorter one first where that is the same; the sign is that of a 32-bit difference.
  const order = (types.off - strings.off) | 0 || (types.len - strings.len) | 0;
  const ordered = order < 0 ? [types, strings] : [strings, types];
  let total = 0;
  for (const { off, len } of ordered) {
    if (room < off) return fail(log, 'Invalid section offset');
    if (total < off) return fail(log, 'Unsupported section found');
    if (total > off) return fail(log, 'Section overlap found');
    if (room - total < len) return fail(log, 'Total section length too long');
    total += len;
  }
  return total === room ? 0 : fail(log, 'Unsupported section found');
}

/** Checks the header and cuts the sections. Returns a positive errno where they are wrong. */
export function checkHeader(bytes: Uint8Array, log: KernelLog): CheckedHeader | number {
  if (bytes.length < 8) return fail(log, 'hdr_len not found');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const hdrLen = view.getUint32(4, true);
  if (bytes.length < hdrLen) return fail(log, 'btf_header not found');
  for (let i = BTF_HEADER_LEN; i < hdrLen; i++) if (bytes[i] !== 0) return fail(log, 'Unsupported btf_header', E2BIG);

  // A shorter header than ours has zeros for what it lacks.
  const known = new Uint8Array(BTF_HEADER_LEN);
  known.set(bytes.subarray(0, Math.min(hdrLen, BTF_HEADER_LEN)));
  const hdr = new DataView(known.buffer);
  const magic = hdr.getUint16(0, true);
  const types: Section = { off: hdr.getUint32(8, true), len: hdr.getUint32(12, true) };
  const strings: Section = { off: hdr.getUint32(16, true), len: hdr.getUint32(20, true) };
  log.write(`magic: 0x${magic.toString(16)}\n`);
  log.write(`version: ${known[2]}\n`);
  log.write(`flags: 0x${known[3].toString(16)}\n`);
  log.write(`hdr_len: ${hdr.getUint32(4, true)}\n`);
  log.write(`type_off: ${types.off}\n`);
  log.write(`type_len: ${types.len}\n`);
  log.write(`str_off: ${strings.off}\n`);
  log.write(`str_len: ${strings.len}\n`);
  log.write(`btf_total_size: ${bytes.length}\n`);

  if (magic !== BTF_MAGIC) return fail(log, 'Invalid magic');
  if (known[2] !== BTF_VERSION) return fail(log, 'Unsupported version', ENOTSUPP);
  if (known[3] !== 0) return fail(log, 'Unsupported flags', ENOTSUPP);
  if (hdrLen === bytes.length) return fail(log, 'No data');
  const room = bytes.length - hdrLen;
  const err = checkSections(log, [types, strings], room);
  if (err) return err;

  if (strings.off + strings.len !== room) return fail(log, 'String section is not at the end');
  const strStart = hdrLen + strings.off;
  const text = bytes.subarray(strStart, strStart + strings.len);
  if (text.length === 0 || text.length - 1 > BTF_MAX_NAME_OFFSET || text[0] !== 0 || text[text.length - 1] !== 0) {
    return fail(log, 'Invalid string section');
  }
  if (types.off % 4 !== 0) return fail(log, 'Unaligned type_off');
  if (types.len === 0) return fail(log, 'No type found');
  return {
    types: new DataView(bytes.buffer, bytes.byteOffset + hdrLen + types.off, types.len),
    strings: text,
    typeOff: types.off,
    typeLen: types.len,
  };
}
