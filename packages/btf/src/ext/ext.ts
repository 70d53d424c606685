// SPDX-License-Identifier: MIT
import { EINVAL, BtfError } from '@tsbpf/uapi';
import type { Btf } from '../model/btf.ts';

/** `struct bpf_func_info`: which FUNC an instruction begins. */
export interface BtfFuncInfo {
  /** Bytes from the start of the ELF section. */
  readonly insnOff: number;
  readonly typeId: number;
}

/** `struct bpf_line_info`. */
export interface BtfLineInfo {
  /** Bytes from the start of the ELF section. */
  readonly insnOff: number;
  readonly fileNameOff: number;
  /** Offset of the source line's text. */
  readonly lineOff: number;
  /** From 1; 0 where the compiler knows none. */
  readonly line: number;
  readonly col: number;
}

/** `struct bpf_core_relo`. */
export interface BtfCoreRelo {
  /** Bytes from the start of the ELF section. */
  readonly insnOff: number;
  readonly typeId: number;
  readonly accessStrOff: number;
  /** BPF_CORE_*: 0 to 12. */
  readonly kind: number;
}

/** The records of one ELF section, in the file's order. */
export interface BtfExtSection<Rec> {
  readonly secNameOff: number;
  readonly records: readonly Rec[];
  /** The same records' bytes, `recSize` each, for BPF_PROG_LOAD. */
  readonly bytes: Uint8Array;
}

export interface BtfExtInfo<Rec> {
  /** Bytes of a record in the file: at least those we know. 0 where the subsection is empty. */
  readonly recSize: number;
  readonly sections: readonly BtfExtSection<Rec>[];
}

/** A `.BTF.ext` section, whole. String offsets are into the strings of the object's `.BTF`. */
export interface BtfExt {
  readonly littleEndian: boolean;
  readonly funcInfo: BtfExtInfo<BtfFuncInfo>;
  readonly lineInfo: BtfExtInfo<BtfLineInfo>;
  readonly coreRelo: BtfExtInfo<BtfCoreRelo>;
}

const FUNC_INFO_SIZE = 8;
const LINE_INFO_SIZE = 16;
const CORE_RELO_SIZE = 16;

function bad(message: string): never {
  throw new BtfError(`.BTF.ext: ${message}`, { errno: EINVAL });
}

interface Subsection {
  readonly name: string;
  readonly off: number;
  readonly len: number;
  readonly minRecSize: number;
}

function parseInfo<Rec>(
  view: DataView,
  le: boolean,
  hdrLen: number,
  sub: Subsection,
  decode: (at: number) => Rec,
): BtfExtInfo<Rec> {
  if (sub.len === 0) return { recSize: 0, sections: [] };
  if (sub.off % 4 !== 0) bad(`${sub.name} is not aligned: offset ${sub.off}`);
  const start = hdrLen + sub.off;
  const end = start + sub.len;
  if (end > view.byteLength) bad(`${sub.name} ends at ${end}, beyond ${view.byteLength}`);
  if (sub.len < 4) bad(`${sub.name} has no record size`);
  const recSize = view.getUint32(start, le);
  if (recSize < sub.minRecSize || recSize % 4 !== 0) bad(`${sub.name} has records of ${recSize} bytes`);
  if (sub.len === 4) bad(`${sub.name} has no records`);
  const sections: BtfExtSection<Rec>[] = [];
  for (let at = start + 4; at < end;) {
    if (end - at < 8) bad(`${sub.name}: section header at ${at} is cut off`);
    const count = view.getUint32(at + 4, le);
    if (count === 0) bad(`${sub.name}: section header at ${at} has no records`);
    const first = at + 8;
    if (count > (end - first) / recSize) bad(`${sub.name}: ${count} records at ${first} end beyond the subsection`);
    const records: Rec[] = [];
    for (let i = 0; i < count; i++) records.push(decode(first + i * recSize));
    sections.push({
      secNameOff: view.getUint32(at, le),
      records,
      bytes: new Uint8Array(view.buffer, view.byteOffset + first, count * recSize),
    });
    at = first + count * recSize;
  }
  return { recSize, sections };
}

/**
 * Parses a `.BTF.ext` section, in either byte order. Larger records than we know are read by their known part.
 * @throws BtfError where it is not one, or is cut off.
 * @see tools/lib/bpf/btf.c, Documentation/bpf/btf.rst
 */
export function parseBtfExt(bytes: Uint8Array): BtfExt {
  if (bytes.length < 8) bad(`${bytes.length} bytes are too short for a header`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const le = view.getUint16(0, true) === 0xeb9f;
  if (!le && view.getUint16(0, false) !== 0xeb9f) bad(`magic is 0x${view.getUint16(0, true).toString(16)}`);
  if (view.getUint8(2) !== 1) bad(`version ${view.getUint8(2)} is not supported`);
  if (view.getUint8(3) !== 0) bad(`flags 0x${view.getUint8(3).toString(16)} are not supported`);
  const hdrLen = view.getUint32(4, le);
  if (hdrLen < 24 || hdrLen > bytes.length) bad(`header length ${hdrLen} is outside 24..${bytes.length}`);
  if (hdrLen === bytes.length) bad('no data behind the header');
  const word = (off: number): number => (off + 4 <= hdrLen ? view.getUint32(off, le) : 0);
  const u32 = (off: number): number => view.getUint32(off, le);
  return {
    littleEndian: le,
    funcInfo: parseInfo(
      view,
      le,
      hdrLen,
      { name: 'func_info', off: word(8), len: word(12), minRecSize: FUNC_INFO_SIZE },
      (at): BtfFuncInfo => ({ insnOff: u32(at), typeId: u32(at + 4) }),
    ),
    lineInfo: parseInfo(
      view,
      le,
      hdrLen,
      { name: 'line_info', off: word(16), len: word(20), minRecSize: LINE_INFO_SIZE },
      (at): BtfLineInfo => ({
        insnOff: u32(at),
        fileNameOff: u32(at + 4),
        lineOff: u32(at + 8),
        line: u32(at + 12) >>> 10,
        col: u32(at + 12) & 0x3ff,
      }),
    ),
    coreRelo: parseInfo(
      view,
      le,
      hdrLen,
      {
        name: 'core_relo',
        off: hdrLen >= 32 ? word(24) : 0,
        len: hdrLen >= 32 ? word(28) : 0,
        minRecSize: CORE_RELO_SIZE,
      },
      (at): BtfCoreRelo => ({
        insnOff: u32(at),
        typeId: u32(at + 4),
        accessStrOff: u32(at + 8),
        kind: u32(at + 12),
      }),
    ),
  };
}

/** The sections of one kind of info by their ELF names, resolved through the object's BTF. Same names are joined. */
export function recordsBySection<Rec>(btf: Btf, info: BtfExtInfo<Rec>): Map<string, Rec[]> {
  const bySection = new Map<string, Rec[]>();
  for (const section of info.sections) {
    const name = btf.strAt(section.secNameOff);
    const records = bySection.get(name);
    if (records) for (const record of section.records) records.push(record);
    else bySection.set(name, [...section.records]);
  }
  return bySection;
}
