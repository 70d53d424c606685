// SPDX-License-Identifier: MIT
import * as K from '@tsbpf/btf';
import type { Btf } from '@tsbpf/btf';
import { ENOENT, EOPNOTSUPP, errnoText } from '@tsbpf/uapi';
import * as C from '../elf/constants.ts';
import type { ElfFile, ElfSymbol } from '../elf/elf.ts';
import type { Print } from '../log.ts';
import type { Refuse } from './refuse.ts';
import type { ExternSpec, KconfigType } from './spec.ts';

/** Alignment of a variable that the kernel's configuration can fill, in bytes: a number's size, or its elements'. */
function alignOf(btf: Btf, typeId: number): number {
  const type = btf.type(btf.skipModifiers(typeId));
  if (type.kind === K.BTF_KIND_ARRAY) return 1;
  return 'size' in type ? Math.min(btf.pointerSize, type.size) : 1;
}

/** What a .kconfig variable of the type can hold; undefined for a type that libbpf does not take. */
export function kconfigTypeOf(btf: Btf, typeId: number): { type: KconfigType; signed: boolean } | undefined {
  const id = btf.skipModifiers(typeId);
  const type = btf.type(id);
  if (type.kind === K.BTF_KIND_INT) {
    const signed = (type.encoding & K.BTF_INT_SIGNED) !== 0;
    if ((type.encoding & K.BTF_INT_BOOL) !== 0) return type.size === 1 ? { type: 'bool', signed } : undefined;
    if (type.size === 1) return { type: 'char', signed };
    return [2, 4, 8].includes(type.size) ? { type: 'int', signed } : undefined;
  }
  if (type.kind === K.BTF_KIND_ENUM) {
    return type.size === 4 && type.name === 'libbpf_tristate' ? { type: 'tristate', signed: false } : undefined;
  }
  if (type.kind === K.BTF_KIND_ARRAY && type.nelems > 0) {
    const elem = btf.type(btf.skipModifiers(type.elemTypeId));
    const isChar = elem.kind === K.BTF_KIND_INT && elem.size === 1 && (elem.encoding & K.BTF_INT_BOOL) === 0;
    return isChar ? { type: 'char_arr', signed: false } : undefined;
  }
  return undefined;
}

interface Declared {
  readonly btfId: number;
  readonly secName: string;
}

/** Extern variables and functions by name, with the section that declares them. */
function declaredExterns(btf: Btf): Map<string, Declared> {
  const declared = new Map<string, Declared>();
  for (let id = 1; id < btf.typeCount; id++) {
    if (btf.kind(id) !== K.BTF_KIND_DATASEC) continue;
    for (const { typeId } of btf.typeOf(id, K.BTF_KIND_DATASEC).vars) {
      const type = btf.type(typeId);
      if (
        (type.kind === K.BTF_KIND_VAR && type.linkage === K.BTF_VAR_GLOBAL_EXTERN) ||
        (type.kind === K.BTF_KIND_FUNC && type.linkage === K.BTF_FUNC_EXTERN)
      ) {
        if (!declared.has(type.name)) declared.set(type.name, { btfId: typeId, secName: btf.name(id) });
      }
    }
  }
  return declared;
}

/** Undefined symbols: the first is the null symbol. */
const isExtern = (sym: ElfSymbol): boolean =>
  sym.shndx === C.SHN_UNDEF &&
  (sym.bind === C.STB_GLOBAL || sym.bind === C.STB_WEAK) &&
  sym.type === C.STT_NOTYPE &&
  sym.name !== '';

/** The externs of an object; those of .kconfig have their place in the map. */
export function collectExterns(
  elf: ElfFile,
  btf: Btf | undefined,
  print: Print,
  refuse: Refuse,
): { externs: ExternSpec[]; kconfigSize: number } {
  print('debug', `looking for externs among ${elf.symbols.length} symbols...`);
  const symbols = elf.symbols.filter(isExtern);
  const declared = btf === undefined || symbols.length === 0 ? new Map<string, Declared>() : declaredExterns(btf);
  const externs = symbols.map((sym): ExternSpec => {
    const found = declared.get(sym.name);
    if (btf === undefined || found === undefined) {
      return refuse(`failed to find BTF for extern '${sym.name}': ${errnoText(ENOENT)}`, { errno: ENOENT });
    }
    const common = { name: sym.name, symIdx: sym.index, btfId: found.btfId, weak: sym.bind === C.STB_WEAK };
    const type = btf.type(found.btfId);
    const varType = type.kind === K.BTF_KIND_VAR || type.kind === K.BTF_KIND_FUNC ? type.typeId : 0;
    if (found.secName === '.kconfig' && type.kind === K.BTF_KIND_VAR) {
      const kcfg = kconfigTypeOf(btf, varType);
      if (kcfg === undefined) {
        return refuse(`extern (kcfg) '${sym.name}': type is unsupported`, { errno: EOPNOTSUPP });
      }
      const size = btf.resolveSize(varType);
      return { ...common, where: { sec: 'kconfig', ...kcfg, size, align: alignOf(btf, varType), dataOff: 0 } };
    }
    if (found.secName === '.ksyms') {
      const typeId = btf.skipModifiers(varType);
      return { ...common, where: { sec: 'ksyms', func: type.kind === K.BTF_KIND_FUNC, typeId } };
    }
    return refuse(`unrecognized extern section '${found.secName}'`, { errno: EOPNOTSUPP });
  });
  print('debug', `collected ${externs.length} externs total`);
  externs.sort(compareExterns);
  return { externs, kconfigSize: placeKconfig(externs, print) };
}

/** The .kconfig ones first: largest alignment, then smallest size, then by name. */
function compareExterns({ name: nameA, where: a }: ExternSpec, { name: nameB, where: b }: ExternSpec): number {
  if (a.sec !== b.sec) return a.sec === 'kconfig' ? -1 : 1;
  if (a.sec === 'kconfig' && b.sec === 'kconfig') {
    if (a.align !== b.align) return b.align - a.align;
    if (a.size !== b.size) return a.size - b.size;
  }
  return nameA < nameB ? -1 : nameA > nameB ? 1 : 0;
}

/** Gives the .kconfig externs, which come first, their offsets. The result is the bytes they take. */
function placeKconfig(externs: readonly ExternSpec[], print: Print): number {
  let off = 0;
  for (const [i, { name, symIdx, where }] of externs.entries()) {
    if (where.sec !== 'kconfig') {
      print('debug', `extern (ksym) #${i}: symbol ${symIdx}, name ${name}`);
      continue;
    }
    off = Math.ceil(off / where.align) * where.align;
    where.dataOff = off;
    off += where.size;
    print('debug', `extern (kcfg) #${i}: symbol ${symIdx}, off ${where.dataOff}, name ${name}`);
  }
  return off;
}
