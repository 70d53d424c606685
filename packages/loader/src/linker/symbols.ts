// SPDX-License-Identifier: MIT
// Symbols of one name become one: a strong definition stands before a weak one, and either before a declaration.
import * as K from '@tsbpf/btf';
import type { Btf } from '@tsbpf/btf';
import { EINVAL, ENOENT } from '@tsbpf/uapi';
import * as C from '../elf/constants.ts';
import type { ElfSymbol } from '../elf/elf.ts';
import type { Print } from '../log.ts';
import type { Refuse } from '../open/refuse.ts';
import { sectionMismatch, type Global, type Globals } from './globals.ts';
import type { Input, InputSection } from './input.ts';
import { checkMapDefs } from './map-match.ts';
import type { Output, OutSection } from './output.ts';
import type { Placed, Placement } from './sections.ts';
import { typeMismatch } from './type-match.ts';
import type { OutTypes } from './types.ts';

interface Link {
  readonly output: Output;
  readonly types: OutTypes;
  readonly globals: Globals;
  readonly input: Input;
  readonly placement: Placement;
  readonly print: Print;
  readonly refuse: Refuse;
}

/** What an object's types say of a global: its VAR or FUNC, and the DATASEC that has it (0 where none has). */
interface TypeInfo {
  readonly btfId: number;
  readonly datasecId: number;
}

/** The globals that an object's types describe, by name. */
function describedGlobals(btf: Btf): Map<string, TypeInfo> {
  const found = new Map<string, TypeInfo>();
  const isGlobal = (id: number): boolean => {
    const type = btf.type(id);
    if (type.kind === K.BTF_KIND_VAR) return type.linkage !== K.BTF_VAR_STATIC;
    return type.kind === K.BTF_KIND_FUNC && type.linkage !== K.BTF_FUNC_STATIC;
  };
  for (let id = 1; id < btf.typeCount; id++) {
    if (btf.kind(id) === K.BTF_KIND_DATASEC) {
      for (const { typeId } of btf.typeOf(id, K.BTF_KIND_DATASEC).vars) {
        const name = btf.name(typeId);
        if (isGlobal(typeId) && (found.get(name)?.datasecId ?? 0) === 0) {
          found.set(name, { btfId: typeId, datasecId: id });
        }
      }
    } else if (isGlobal(id) && (found.get(btf.name(id))?.datasecId ?? 0) === 0) {
      found.set(btf.name(id), { btfId: id, datasecId: 0 });
    }
  }
  return found;
}

/** Refuses a declaration that does not fit what other objects say of the name. */
function checkFits(link: Link, global: Global, btfId: number, known: Btf): void {
  const { input, print, refuse } = link;
  const btf = input.btf;
  if (btf === undefined || global.btfId === 0) {
    return refuse(`BTF info is missing for global symbol '${global.name}'`, { errno: EINVAL });
  }
  const a = { btf: known, id: global.btfId };
  const b = { btf, id: btfId };
  if (global.section?.name === '.maps') return checkMapDefs(global.name, [a, b], print, refuse);
  const why = typeMismatch(a, b);
  if (why !== undefined) refuse(`global '${global.name}': ${why}`, { errno: EINVAL });
}

/** What only a definition says of a VAR or FUNC: that it is one, and the names of parameters. */
function completeType(types: OutTypes, global: Global, btf: Btf, btfId: number): void {
  const type = types.get(global.btfId);
  if (type?.kind === K.BTF_KIND_VAR) {
    types.set(global.btfId, { ...type, linkage: K.BTF_VAR_GLOBAL_ALLOCATED });
    return;
  }
  if (type?.kind !== K.BTF_KIND_FUNC) return;
  types.set(global.btfId, { ...type, linkage: K.BTF_FUNC_GLOBAL });
  const proto = types.get(type.typeId);
  if (proto?.kind !== K.BTF_KIND_FUNC_PROTO) return;
  const named = btf.funcProto(btfId).params;
  for (const { name } of named) if (name !== '') types.strings.add(name);
  types.set(type.typeId, {
    ...proto,
    params: proto.params.map((param, i) => ({ ...param, name: named[i]?.name || param.name })),
  });
}

/** Adds a symbol to the output. The result is its index. */
function addSymbol(output: Output, sym: ElfSymbol, place: { shndx: number; value: number }): number {
  const { type, bind, visibility, size } = sym;
  return output.symbols.push({ nameOff: output.names.add(sym.name), type, bind, visibility, size, ...place }) - 1;
}

/** A symbol that other objects know by its name. The result is its index in the output. */
function resolveGlobal(
  link: Link,
  sym: ElfSymbol,
  placed: Placed | undefined,
  info: TypeInfo | undefined,
  snapshot: () => Btf,
): number {
  const { output, types, globals, input, refuse } = link;
  const { name } = sym;
  if (input.btf === undefined) {
    return refuse(`failed to find BTF info for object '${input.file}'`, { errno: EINVAL });
  }
  if (info === undefined) {
    return refuse(`failed to find BTF info for global/extern symbol '${name}'`, { errno: ENOENT });
  }
  const isExtern = sym.shndx === C.SHN_UNDEF;
  const isWeak = sym.bind === C.STB_WEAK;
  // An extern is where its DATASEC says, if any: .ksyms, .kconfig, .maps.
  const section: OutSection | undefined =
    isExtern && info.datasecId !== 0 ? output.section(input.btf.name(info.datasecId)) : placed?.out;
  const place = isExtern
    ? { shndx: C.SHN_UNDEF, value: 0 }
    : { shndx: section?.index ?? sym.shndx, value: (placed?.off ?? 0) + sym.value };

  const global = globals.get(name);
  if (global === undefined) {
    const symIdx = addSymbol(output, sym, place);
    const definedBy = isExtern ? undefined : input;
    globals.set(name, { name, symIdx, section, isExtern, isWeak, definedBy, btfId: 0, typeId: 0, varIdx: -1 });
    return symIdx;
  }
  if (!isExtern && !global.isExtern && !global.isWeak && !isWeak) {
    refuse(`conflicting non-weak symbol #${sym.index} (${name}) definition in '${input.file}'`, { errno: EINVAL });
  }
  checkFits(link, global, info.btfId, snapshot());
  const old = output.symbols[global.symIdx];
  if (sym.bind === C.STB_GLOBAL) {
    old.bind = C.STB_GLOBAL;
    global.isWeak = false;
  }
  old.visibility = Math.max(old.visibility, sym.visibility);
  if (isExtern || (!global.isExtern && isWeak)) return global.symIdx;
  if (global.varIdx >= 0 && global.section !== section) {
    // Its section's types have it already.
    refuse(sectionMismatch(name, global.section, section), { errno: EINVAL });
  }
  Object.assign(old, { type: sym.type, size: sym.size, ...place });
  global.section = section;
  global.isExtern = false;
  global.definedBy = input;
  completeType(types, global, input.btf, info.btfId);
  global.typeId = 0;
  return global.symIdx;
}

/** Adds an object's symbols to the output. The result has the new index of each; 0 for those left out. */
export function mergeSymbols(link: Link): Uint32Array {
  const { output, types, input, placement } = link;
  const indexes = new Uint32Array(input.symbols.length);
  const byIndex = new Map<number, InputSection>();
  for (const section of input.sections) if (section.elf !== undefined) byIndex.set(section.elf.index, section);
  const described = input.btf === undefined ? new Map<string, TypeInfo>() : describedGlobals(input.btf);
  // Before the object adds types of its own.
  let known: Btf | undefined;
  const snapshot = (): Btf => (known ??= types.snapshot());
  for (const sym of input.symbols) {
    if (sym.index === 0) continue;
    const inSection = sym.shndx !== C.SHN_UNDEF && byIndex.get(sym.shndx);
    const special = sym.shndx === C.SHN_UNDEF || (sym.shndx >= C.SHN_LORESERVE && sym.shndx <= 0xffff);
    const placed = inSection ? placement.get(inSection) : undefined;
    if (!special && (placed === undefined || placed.skipped)) continue;
    if (sym.type === C.STT_SECTION && placed !== undefined) {
      // One per section will do.
      placed.out.symIdx ||= addSymbol(output, sym, { shndx: placed.out.index, value: 0 });
      indexes[sym.index] = placed.out.symIdx;
    } else if (sym.bind === C.STB_LOCAL) {
      const place = { shndx: placed?.out.index ?? sym.shndx, value: (placed?.off ?? 0) + sym.value };
      indexes[sym.index] = addSymbol(output, sym, place);
    } else {
      indexes[sym.index] = resolveGlobal(link, sym, placed, described.get(sym.name), snapshot);
    }
  }
  return indexes;
}
