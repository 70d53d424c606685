// SPDX-License-Identifier: MIT
// Numbers of the ELF format, as far as BPF objects use them. @see elf(5), include/uapi/linux/elf.h

export const EM_NONE = 0;
export const EM_BPF = 247;
export const ET_REL = 1;

export const SHT_PROGBITS = 1;
export const SHT_SYMTAB = 2;
export const SHT_STRTAB = 3;
export const SHT_NOBITS = 8;
export const SHT_REL = 9;
export const SHT_LLVM_ADDRSIG = 0x6fff4c03;

export const SHF_EXECINSTR = 4;
export const SHF_STRINGS = 0x20;

export const SHN_UNDEF = 0;
export const SHN_LORESERVE = 0xff00;
export const SHN_XINDEX = 0xffff;

export const STB_LOCAL = 0;
export const STB_GLOBAL = 1;
export const STB_WEAK = 2;

export const STT_NOTYPE = 0;
export const STT_OBJECT = 1;
export const STT_FUNC = 2;
export const STT_SECTION = 3;

export const STV_INTERNAL = 1;
export const STV_HIDDEN = 2;

/** Relocation of a 64-bit immediate load. */
export const R_BPF_64_64 = 1;
/** Relocation of a 64-bit datum. */
export const R_BPF_64_ABS64 = 2;
/** Relocation of a 32-bit datum. */
export const R_BPF_64_ABS32 = 3;
/** The same in sections that no dynamic linker needs to look at, such as .BTF.ext. */
export const R_BPF_64_NODYLD32 = 4;
/** Relocation of a call. */
export const R_BPF_64_32 = 10;

/** Bytes of a symbol, of an entry of a REL section, of either header. */
export const SYM_SIZE = 24;
export const REL_SIZE = 16;
export const EHDR_SIZE = 64;
export const SHDR_SIZE = 64;
