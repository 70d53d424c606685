// SPDX-License-Identifier: MIT
import { ElfError, ENOEXEC } from '@tsbpf/uapi';
import * as C from './constants.ts';

/** A section header, with its bytes on demand. */
export interface ElfSection {
  readonly index: number;
  readonly name: string;
  readonly type: number;
  readonly flags: bigint;
  /** Byte offset in the file. */
  readonly offset: number;
  /** Bytes; of a NOBITS section, those it takes in memory. */
  readonly size: number;
  readonly link: number;
  readonly info: number;
  readonly entsize: number;
  readonly align: number;
}

export interface ElfSymbol {
  readonly index: number;
  readonly name: string;
  /** Offset in its section, in a relocatable file. */
  readonly value: number;
  readonly size: number;
  /** STT_*. */
  readonly type: number;
  /** STB_*. */
  readonly bind: number;
  /** STV_*. */
  readonly visibility: number;
  /** Section index, extended indexes resolved; SHN_COMMON and its like stay as they are. */
  readonly shndx: number;
}

/** An entry of a REL section. */
export interface ElfRel {
  readonly offset: number;
  /** R_BPF_*. */
  readonly type: number;
  readonly symIdx: number;
}

const { EHDR_SIZE, SHDR_SIZE, SYM_SIZE, REL_SIZE } = C;
const utf8 = new TextDecoder();

/** An ELF64 relocatable file of either byte order. Headers are read at once, the rest when asked for. */
export class ElfFile {
  readonly bytes: Uint8Array;
  readonly littleEndian: boolean;
  readonly type: number;
  readonly machine: number;
  /** By index; entry 0 is the null section. */
  readonly sections: readonly ElfSection[];
  readonly #view: DataView;
  #symbols: readonly ElfSymbol[] | undefined;

  /** @errno ENOEXEC (ElfError) not ELF64, or a header that points outside the file */
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (bytes.length < EHDR_SIZE) fail(`a file of ${bytes.length} bytes is too short for an ELF header`, 0);
    if (bytes[0] !== 0x7f || bytes[1] !== 0x45 || bytes[2] !== 0x4c || bytes[3] !== 0x46) fail('not an ELF file', 0);
    if (bytes[4] !== 2) fail(`ELF class ${bytes[4]}, expected 2 (64 bits)`, 4);
    if (bytes[5] !== 1 && bytes[5] !== 2) fail(`ELF data encoding ${bytes[5]}, expected 1 or 2`, 5);
    if (bytes[6] !== 1) fail(`ELF version ${bytes[6]}, expected 1`, 6);
    this.littleEndian = bytes[5] === 1;
    this.type = this.#u16(16);
    this.machine = this.#u16(18);
    this.sections = this.#readSections();
  }

  /** Bytes of a section, not copied. @errno ENOEXEC (ElfError) they lie outside the file, or there are none (NOBITS) */
  data(section: ElfSection): Uint8Array {
    if (section.type === C.SHT_NOBITS) fail('the section has no bytes in the file', section.offset, section.name);
    if (section.size > this.bytes.length || section.offset > this.bytes.length - section.size) {
      fail(
        `${section.size} bytes at ${section.offset} end beyond the file's ${this.bytes.length}`,
        section.offset,
        section.name,
      );
    }
    return this.bytes.subarray(section.offset, section.offset + section.size);
  }

  /** The symbol table; empty where the file has none. @errno ENOEXEC (ElfError) malformed, or more than one */
  get symbols(): readonly ElfSymbol[] {
    return (this.#symbols ??= this.#readSymbols());
  }

  /** Entries of a REL section. @errno ENOEXEC (ElfError) malformed */
  relocations(section: ElfSection): ElfRel[] {
    const data = this.data(section);
    if (section.entsize !== 0 && section.entsize !== REL_SIZE) {
      fail(`relocations of ${section.entsize} bytes, expected ${REL_SIZE}`, section.offset, section.name);
    }
    if (data.length % REL_SIZE !== 0) {
      fail(`${data.length} bytes are no whole number of relocations`, section.offset, section.name);
    }
    const rels: ElfRel[] = new Array(data.length / REL_SIZE);
    for (let i = 0; i < rels.length; i++) {
      const at = section.offset + i * REL_SIZE;
      // r_info: the symbol in the high word, the type in the low one.
      const low = this.#u32(at + (this.littleEndian ? 8 : 12));
      const high = this.#u32(at + (this.littleEndian ? 12 : 8));
      rels[i] = { offset: this.#u64(at, section.name), type: low, symIdx: high };
    }
    return rels;
  }

  section(name: string): ElfSection | undefined {
    return this.sections.find((section) => section.index !== 0 && section.name === name);
  }

  #u16(at: number): number {
    return this.#view.getUint16(at, this.littleEndian);
  }

  #u32(at: number): number {
    return this.#view.getUint32(at, this.littleEndian);
  }

  #u64(at: number, section?: string): number {
    const value = this.#view.getBigUint64(at, this.littleEndian);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) fail(`0x${value.toString(16)} is out of range`, at, section);
    return Number(value);
  }

  #readSections(): ElfSection[] {
    const shoff = this.#u64(40);
    if (shoff === 0) return [];
    const shentsize = this.#u16(58);
    let count = this.#u16(60);
    let strIdx = this.#u16(62);
    if (shentsize !== SHDR_SIZE) fail(`section headers of ${shentsize} bytes, expected ${SHDR_SIZE}`, 58);
    if (shoff > this.bytes.length - SHDR_SIZE) fail(`section headers at ${shoff} are outside the file`, 40);
    // Counts that do not fit 16 bits are in the null section.
    if (count === 0) count = this.#u64(shoff + 32);
    if (strIdx === C.SHN_XINDEX) strIdx = this.#u32(shoff + 40);
    if (count > (this.bytes.length - shoff) / SHDR_SIZE) fail(`${count} section headers end beyond the file`, 60);
    if (count === 0) return [];
    if (strIdx >= count) fail(`section name table ${strIdx} is not among ${count} sections`, 62);
    const strHeader = shoff + strIdx * SHDR_SIZE;
    const strOff = this.#u64(strHeader + 24);
    const strSize = this.#u64(strHeader + 32);
    if (strIdx !== 0 && (strSize > this.bytes.length || strOff > this.bytes.length - strSize)) {
      fail('the section name table is outside the file', strHeader);
    }
    const names = strIdx === 0 ? this.bytes.subarray(0, 0) : this.bytes.subarray(strOff, strOff + strSize);
    const sections: ElfSection[] = new Array(count);
    for (let index = 0; index < count; index++) {
      const at = shoff + index * SHDR_SIZE;
      sections[index] = {
        index,
        name: index === 0 ? '' : stringAt(names, this.#u32(at), at),
        type: this.#u32(at + 4),
        flags: this.#view.getBigUint64(at + 8, this.littleEndian),
        offset: this.#u64(at + 24),
        size: this.#u64(at + 32),
        link: this.#u32(at + 40),
        info: this.#u32(at + 44),
        align: this.#u64(at + 48),
        entsize: this.#u64(at + 56),
      };
    }
    return sections;
  }

  #readSymbols(): ElfSymbol[] {
    const tables = this.sections.filter((section) => section.type === C.SHT_SYMTAB);
    if (tables.length === 0) return [];
    const [table] = tables;
    if (tables.length > 1) fail('more than one symbol table', tables[1].offset, tables[1].name);
    const data = this.data(table);
    if (table.entsize !== SYM_SIZE) fail(`symbols of ${table.entsize} bytes`, table.offset, table.name);
    if (data.length % SYM_SIZE !== 0) fail('no whole number of symbols', table.offset, table.name);
    const strings = this.sections[table.link];
    if (strings?.type !== C.SHT_STRTAB) {
      fail(`its string table ${table.link} is no string table`, table.offset, table.name);
    }
    const names = this.data(strings);
    const extended = this.sections.find((section) => section.type === 18 && section.link === table.index);
    const symbols: ElfSymbol[] = new Array(data.length / SYM_SIZE);
    for (let index = 0; index < symbols.length; index++) {
      const at = table.offset + index * SYM_SIZE;
      const info = this.bytes[at + 4];
      let shndx = this.#u16(at + 6);
      if (shndx === C.SHN_XINDEX && extended !== undefined && index * 4 + 4 <= this.data(extended).length) {
        shndx = this.#u32(extended.offset + index * 4);
      }
      symbols[index] = {
        index,
        name: stringAt(names, this.#u32(at), at, table.name),
        type: info & 0xf,
        bind: info >> 4,
        visibility: this.bytes[at + 5] & 3,
        shndx,
        value: this.#u64(at + 8, table.name),
        size: this.#u64(at + 16, table.name),
      };
    }
    return symbols;
  }
}

function fail(message: string, offset: number, section?: string): never {
  const where = section === undefined ? '' : `section ${section}: `;
  throw new ElfError(`elf: ${where}${message}`, { errno: ENOEXEC, section, offset });
}

function stringAt(strings: Uint8Array, off: number, at: number, section?: string): string {
  if (off === 0 && strings.length === 0) return '';
  if (off >= strings.length) fail(`name offset ${off} is outside the ${strings.length} bytes of names`, at, section);
  const end = strings.indexOf(0, off);
  if (end < 0) fail(`the name at ${off} does not end`, at, section);
  return utf8.decode(strings.subarray(off, end));
}

/** Reads an ELF file. @errno ENOEXEC (ElfError) where it is none, or is malformed */
export function parseElf(bytes: Uint8Array): ElfFile {
  return new ElfFile(bytes);
}
