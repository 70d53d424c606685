// SPDX-License-Identifier: MIT
// An object file as the linker takes it: the sections that it keeps, symbols that make sense, types.
import { BTF_KIND_DATASEC, parseBtf, parseBtfExt, type Btf, type BtfExt, type BtfVarSecinfo } from '@tsbpf/btf';
import { BPF_INSN_SIZE, BpfError, EINVAL } from '@tsbpf/uapi';
import * as C from '../elf/constants.ts';
import { parseElf, type ElfFile, type ElfRel, type ElfSection, type ElfSymbol } from '../elf/elf.ts';
import type { Refuse } from '../open/refuse.ts';
import { placeVariables } from './input-vars.ts';

/** A section of an input that contributes to one of the output. */
export interface InputSection {
  readonly name: string;
  /** The ELF section; undefined of one that only types speak of, such as `.kconfig`. */
  readonly elf: ElfSection | undefined;
  /** Variables that the types place in it; undefined where no DATASEC is of its name. */
  vars: readonly BtfVarSecinfo[] | undefined;
}

export interface Input {
  readonly file: string;
  readonly elf: ElfFile;
  readonly symbols: readonly ElfSymbol[];
  /** In the file's order; those that only types speak of come last. */
  readonly sections: readonly InputSection[];
  /** REL sections with their entries, in the file's order. */
  readonly relocs: readonly { readonly section: ElfSection; readonly rels: readonly ElfRel[] }[];
  readonly btf: Btf | undefined;
  readonly btfExt: BtfExt | undefined;
}

const RELOCATION_TYPES: ReadonlySet<number> = new Set([
  C.R_BPF_64_64,
  C.R_BPF_64_ABS64,
  C.R_BPF_64_ABS32,
  C.R_BPF_64_NODYLD32,
  C.R_BPF_64_32,
]);

/** Sections that the linker makes itself. */
const WRITTEN_ANEW: ReadonlySet<string> = new Set(['.strtab', '.symtab', '.BTF', '.BTF.ext']);

const isDebug = (name: string): boolean => name.startsWith('.debug_') || name === '.eh_frame';

/** Sections that a link drops: debug information, and what is written anew. */
function isDropped({ type, name, size }: ElfSection): boolean {
  if (type === C.SHT_STRTAB || type === C.SHT_LLVM_ADDRSIG || type === C.SHT_SYMTAB) return true;
  if (type === C.SHT_PROGBITS && size === 0 && name === '.text') return true;
  if (isDebug(name)) return true;
  if (!name.startsWith('.rel')) return false;
  const target = name.slice('.rel'.length);
  return isDebug(target) || target === '.BTF' || target === '.BTF.ext';
}

const isPowerOfTwo = (n: number): boolean => n > 0 && (n & (n - 1)) === 0 && n <= 0x40000000;

function checkSymbols(elf: ElfFile, file: string, refuse: Refuse): void {
  const table = elf.sections.find(({ type }) => type === C.SHT_SYMTAB);
  if (table === undefined) return refuse(`ELF is missing SYMTAB section in ${file}`);
  for (const sym of elf.symbols) {
    const at = `ELF sym #${sym.index} in section #${table.index}`;
    if (sym.index === 0) continue;
    if (sym.bind !== C.STB_LOCAL && sym.bind !== C.STB_GLOBAL && sym.bind !== C.STB_WEAK) {
      refuse(`${at} has unsupported symbol binding ${sym.bind}`);
    }
    if (sym.visibility !== 0 && sym.visibility !== C.STV_HIDDEN) {
      refuse(`${at} has unsupported symbol visibility ${sym.visibility}`);
    }
    if (sym.shndx === C.SHN_UNDEF) {
      if (sym.type !== C.STT_NOTYPE || sym.bind === C.STB_LOCAL || sym.value !== 0 || sym.size !== 0) {
        refuse(`ELF sym #${sym.index} is invalid extern symbol in ${file}`);
      }
      continue;
    }
    if (sym.shndx >= elf.sections.length && (sym.shndx < C.SHN_LORESERVE || sym.shndx > 0xffff)) {
      refuse(`${at} points to missing section #${sym.shndx} in ${file}`);
    }
    if (sym.type === C.STT_SECTION && sym.value !== 0) refuse(`${at} points to non-zero offset ${sym.value}`);
  }
}

function checkSection(section: ElfSection, file: string, refuse: Refuse): void {
  const { index, name, align, flags, size } = section;
  if (name === '') refuse(`ELF section #${index} has empty name in ${file}`);
  if (align !== 0 && !isPowerOfTwo(align)) {
    refuse(`ELF section #${index} alignment ${align} is non pow-of-2 alignment in ${file}`);
  }
  if ((flags & BigInt(C.SHF_EXECINSTR)) !== 0n && size % BPF_INSN_SIZE !== 0) {
    refuse(`ELF executable section #${index} size ${size} is not a multiple of ${BPF_INSN_SIZE} in ${file}`);
  }
}

function readRelocations(elf: ElfFile, section: ElfSection, file: string, refuse: Refuse): ElfRel[] {
  const target = elf.sections[section.info];
  const name = `#${section.index}`;
  if (target === undefined || section.info === 0 || (target.type !== C.SHT_PROGBITS && target.type !== C.SHT_NOBITS)) {
    return refuse(`ELF relo section ${name} points to missing or invalid section #${section.info} in ${file}`);
  }
  if (section.name !== `.rel${target.name}`) {
    refuse(`ELF relo section ${name} name has invalid name in ${file}: '${section.name}' of '${target.name}'`);
  }
  const inCode = (target.flags & BigInt(C.SHF_EXECINSTR)) !== 0n;
  const rels = elf.relocations(section);
  for (const [i, rel] of rels.entries()) {
    const at = `ELF relo #${i} in section ${name}`;
    if (!RELOCATION_TYPES.has(rel.type)) refuse(`${at} has unexpected type ${rel.type} in ${file}`);
    if (rel.symIdx === 0 || rel.symIdx >= elf.symbols.length) {
      refuse(`${at} points to invalid symbol index ${rel.symIdx} in ${file}`);
    }
    if (rel.offset >= target.size) refuse(`${at} points to invalid offset ${rel.offset} in ${file}`);
    if (inCode && rel.offset % BPF_INSN_SIZE !== 0) {
      refuse(`${at} points to misaligned offset ${rel.offset} in ${file}`);
    }
  }
  return rels;
}

/** What `read` returns; what it throws is said as the linker says it. */
function blame<T>(text: string, refuse: Refuse, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof BpfError)) throw cause;
    return refuse(`${text}: ${cause.message}`, { errno: cause.errno, cause });
  }
}

/**
 * Reads an object file to be linked.
 * @errno EINVAL (LoaderError) it is no BPF object, or what it says makes no sense
 */
export function readInput(bytes: Uint8Array, file: string, refuse: Refuse): Input {
  const elf = blame(`failed to parse ELF file '${file}'`, refuse, () => parseElf(bytes));
  if (elf.type !== C.ET_REL || elf.machine !== C.EM_BPF) {
    refuse(`unsupported kind of ELF file ${file}: type ${elf.type}, machine ${elf.machine}`, { errno: EINVAL });
  }
  blame(`failed to get SYMTAB symbols of ${file}`, refuse, () => checkSymbols(elf, file, refuse));
  const sections: InputSection[] = [];
  const relocs: { section: ElfSection; rels: ElfRel[] }[] = [];
  let btfSection: ElfSection | undefined;
  let extSection: ElfSection | undefined;
  for (const section of elf.sections.slice(1)) {
    if (isDropped(section)) continue;
    const { name, type, index } = section;
    if (WRITTEN_ANEW.has(name) && (type !== C.SHT_PROGBITS || !name.startsWith('.BTF'))) {
      refuse(`ELF sections ${name} are incompatible: types differ`);
    }
    if (type === C.SHT_PROGBITS && name === '.BTF') btfSection = section;
    else if (type === C.SHT_PROGBITS && name === '.BTF.ext') extSection = section;
    else if (type === C.SHT_PROGBITS || type === C.SHT_NOBITS) {
      checkSection(section, file, refuse);
      if (type === C.SHT_PROGBITS) blame(`section #${index} (${name}) of ${file}`, refuse, () => elf.data(section));
      sections.push({ name, elf: section, vars: undefined });
    } else if (type === C.SHT_REL) {
      const rels = blame(`section #${index} (${name}) of ${file}`, refuse, () =>
        readRelocations(elf, section, file, refuse),
      );
      relocs.push({ section, rels });
    } else refuse(`unrecognized section #${index} (${name}) in ${file}`);
  }
  const btf = btfSection && blame(`failed to parse .BTF from ${file}`, refuse, () => parseBtf(elf.data(btfSection)));
  const btfExt =
    btf &&
    extSection &&
    blame(`failed to parse .BTF.ext from '${file}'`, refuse, () => parseBtfExt(elf.data(extSection)));
  if (btf !== undefined) {
    blame(`.BTF of ${file}`, refuse, () => {
      for (let id = 1; id < btf.typeCount; id++) {
        if (btf.kind(id) !== BTF_KIND_DATASEC) continue;
        placeVariables({ btf, id, elf, sections, refuse });
      }
    });
  }
  return { file, elf, symbols: elf.symbols, sections, relocs, btf, btfExt };
}
