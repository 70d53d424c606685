// SPDX-License-Identifier: MIT
import { E2BIG, LoaderError } from '@tsbpf/uapi';
import * as C from '../elf/constants.ts';
import type { Output, OutSection, OutSymbol } from './output.ts';

/** Where a section's header has its words, in order: those of 64 bits are wide. */
const FIELDS = [4, 4, 8, 8, 8, 8, 4, 4, 8, 8] as const;

/** What alignment may add to a file; sections of BPF objects are aligned to 8 bytes or so. */
const MAX_PADDING = 16 * 1024 * 1024;

const alignUp = (n: number, align: number): number => Math.ceil(n / Math.max(align, 1)) * Math.max(align, 1);

function encodeSymbols(symbols: readonly OutSymbol[], littleEndian: boolean): Uint8Array {
  const bytes = new Uint8Array(symbols.length * C.SYM_SIZE);
  const view = new DataView(bytes.buffer);
  for (const [i, sym] of symbols.entries()) {
    const at = i * C.SYM_SIZE;
    view.setUint32(at, sym.nameOff, littleEndian);
    view.setUint8(at + 4, (sym.bind << 4) | sym.type);
    view.setUint8(at + 5, sym.visibility);
    view.setUint16(at + 6, sym.shndx, littleEndian);
    view.setBigUint64(at + 8, BigInt(sym.value), littleEndian);
    view.setBigUint64(at + 16, BigInt(sym.size), littleEndian);
  }
  return bytes;
}

function writeHeader(view: DataView, littleEndian: boolean, shoff: number, count: number, strIndex: number): void {
  [0x7f, 0x45, 0x4c, 0x46, 2, littleEndian ? 1 : 2, 1].forEach((byte, i) => view.setUint8(i, byte));
  view.setUint16(16, C.ET_REL, littleEndian);
  view.setUint16(18, C.EM_BPF, littleEndian);
  view.setUint32(20, 1, littleEndian);
  view.setBigUint64(40, BigInt(shoff), littleEndian);
  view.setUint16(52, C.EHDR_SIZE, littleEndian);
  view.setUint16(58, C.SHDR_SIZE, littleEndian);
  view.setUint16(60, count, littleEndian);
  view.setUint16(62, strIndex, littleEndian);
}

/** The file: header, the sections in the order of their indexes, their headers. */
export function writeElf(output: Output, littleEndian: boolean): Uint8Array {
  const strtab = output.section('.strtab');
  const symtab = output.section('.symtab');
  const inFile = output.sections.filter((section) => section.index !== 0).sort((a, b) => a.index - b.index);
  const symbols = encodeSymbols(output.symbols, littleEndian);
  const names = output.names.bytes();
  output.append(symtab, symbols);
  output.append(strtab, names);
  const offsets = new Map<OutSection, number>();
  let end: number = C.EHDR_SIZE;
  for (const section of inFile) {
    end = alignUp(end, section.align);
    offsets.set(section, end);
    if (section.type !== C.SHT_NOBITS) end += section.size;
  }
  const shoff = alignUp(end, 8);
  const used = inFile.reduce((sum, { parts }) => sum + parts.reduce((bytes, part) => bytes + part.bytes.length, 0), 0);
  if (shoff - used > MAX_PADDING) {
    throw new LoaderError(`alignment of sections would fill the file with ${shoff - used} bytes of padding`, {
      errno: E2BIG,
    });
  }
  const bytes = new Uint8Array(shoff + (inFile.length + 1) * C.SHDR_SIZE);
  const view = new DataView(bytes.buffer);
  writeHeader(view, littleEndian, shoff, inFile.length + 1, strtab.index);
  for (const section of inFile) {
    const start = offsets.get(section) ?? 0;
    for (const part of section.parts) bytes.set(part.bytes, start + part.at);
    const { type, flags, size, link, info, align, entsize } = section;
    const values = [output.names.add(section.name), type, flags, 0, start, size, link, info, align, entsize];
    let at = shoff + section.index * C.SHDR_SIZE;
    for (const [i, width] of FIELDS.entries()) {
      const value = values[i];
      if (width === 4) view.setUint32(at, Number(value), littleEndian);
      else view.setBigUint64(at, BigInt(value), littleEndian);
      at += width;
    }
  }
  return bytes;
}
