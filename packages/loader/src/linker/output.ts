// SPDX-License-Identifier: MIT
// The object in the making: sections, symbols and the names of both.
import * as C from '../elf/constants.ts';
import type { BtfVarSecinfo } from '@tsbpf/btf';

/** Records of `.BTF.ext` for one section: words of `recSize` bytes each. */
export interface OutRecords {
  recSize: number;
  records: number[][];
}

export interface OutSection {
  readonly name: string;
  /** ELF index; 0 while only types speak of the section. */
  index: number;
  type: number;
  flags: bigint;
  entsize: number;
  align: number;
  /** Bytes; of NOBITS, those it takes in memory. */
  size: number;
  /** What was put in, in its order: offsets ascend, gaps are zero. */
  readonly parts: { readonly at: number; readonly bytes: Uint8Array }[];
  link: number;
  info: number;
  /** Index of its STT_SECTION symbol; 0 while it has none. */
  symIdx: number;
  /** Whether any input's types describe its variables. */
  hasVars: boolean;
  readonly vars: BtfVarSecinfo[];
  readonly funcInfo: OutRecords;
  readonly lineInfo: OutRecords;
  readonly coreRelo: OutRecords;
}

export interface OutSymbol {
  readonly nameOff: number;
  type: number;
  bind: number;
  visibility: number;
  shndx: number;
  value: number;
  size: number;
}

/** Names, each once, at offsets in the order in which they came. */
class StringTable {
  readonly #offsets = new Map<string, number>();
  readonly #bytes: number[] = [];

  add(text: string): number {
    let off = this.#offsets.get(text);
    if (off === undefined) {
      off = this.#bytes.length;
      for (const byte of new TextEncoder().encode(text)) this.#bytes.push(byte);
      this.#bytes.push(0);
      this.#offsets.set(text, off);
    }
    return off;
  }

  bytes(): Uint8Array {
    return new Uint8Array(this.#bytes);
  }
}

/** The object in the making. Index 1 is the table of names, 2 that of symbols. */
export class Output {
  /** In the order in which they were first heard of. */
  readonly sections: OutSection[] = [];
  readonly symbols: OutSymbol[] = [];
  readonly names = new StringTable();
  readonly #byName = new Map<string, OutSection>();
  #nextIndex = 1;

  constructor() {
    this.names.add('');
    this.appear(this.section('.strtab'), { type: C.SHT_STRTAB, flags: BigInt(C.SHF_STRINGS), entsize: 0, align: 1 });
    this.appear(this.section('.symtab'), { type: C.SHT_SYMTAB, flags: 0n, entsize: C.SYM_SIZE, align: 8 });
    this.section('.symtab').link = this.section('.strtab').index;
    this.symbols.push({ nameOff: 0, type: 0, bind: 0, visibility: 0, shndx: 0, value: 0, size: 0 });
  }

  find(name: string): OutSection | undefined {
    return this.#byName.get(name);
  }

  /** The section of a name; a new one is not in the file until it {@link appear}s. */
  section(name: string): OutSection {
    const known = this.#byName.get(name);
    if (known !== undefined) return known;
    const empty = (): OutRecords => ({ recSize: 0, records: [] });
    const section: OutSection = {
      name,
      index: 0,
      type: 0,
      flags: 0n,
      entsize: 0,
      align: 0,
      size: 0,
      parts: [],
      link: 0,
      info: 0,
      symIdx: 0,
      hasVars: false,
      vars: [],
      funcInfo: empty(),
      lineInfo: empty(),
      coreRelo: empty(),
    };
    this.sections.push(section);
    this.#byName.set(name, section);
    return section;
  }

  /** Gives a section its place in the file. */
  appear(section: OutSection, header: Pick<OutSection, 'type' | 'flags' | 'entsize' | 'align'>): void {
    section.index = this.#nextIndex++;
    Object.assign(section, header);
    this.names.add(section.name);
  }

  /** Appends bytes behind what the section has, aligned as it must be. The result is where they begin. */
  append(section: OutSection, bytes: Uint8Array): number {
    const at = this.reserve(section, bytes.length);
    section.parts.push({ at, bytes });
    return at;
  }

  /** Makes room without bytes, as NOBITS has none. */
  reserve(section: OutSection, size: number): number {
    const align = Math.max(section.align, 1);
    const at = Math.ceil(section.size / align) * align;
    section.size = at + size;
    return at;
  }
}
