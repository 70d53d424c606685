// SPDX-License-Identifier: MIT
// Compilers leave the offsets of global variables to whoever links: the symbols have them.
import { BTF_KIND_DATASEC, BTF_KIND_VAR, BTF_VAR_GLOBAL_ALLOCATED, type Btf } from '@tsbpf/btf';
import { ENOENT } from '@tsbpf/uapi';
import * as C from '../elf/constants.ts';
import type { ElfFile } from '../elf/elf.ts';
import type { Refuse } from '../open/refuse.ts';
import type { InputSection } from './input.ts';

/** Gives the section that a DATASEC describes its variables, with their offsets. */
export function placeVariables(init: {
  btf: Btf;
  id: number;
  elf: ElfFile;
  sections: InputSection[];
  refuse: Refuse;
}): void {
  const { btf, id, elf, sections, refuse } = init;
  const { name, vars } = btf.typeOf(id, BTF_KIND_DATASEC);
  let section = sections.find((s) => s.name === name);
  if (section === undefined) {
    section = { name, elf: undefined, vars: undefined };
    sections.push(section);
  }
  const index = section.elf?.index;
  const objects = new Map(
    elf.symbols.filter((sym) => sym.shndx === index && sym.type === C.STT_OBJECT).map((sym) => [sym.name, sym]),
  );
  const placed = vars.map((entry) => {
    const variable = btf.type(entry.typeId);
    // Static variables have their offset, functions and externs have none.
    if (variable.kind !== BTF_KIND_VAR || variable.linkage !== BTF_VAR_GLOBAL_ALLOCATED) return entry;
    const sym = objects.get(variable.name);
    if (sym === undefined) {
      return refuse(`failed to find symbol for variable '${variable.name}' in section '${name}'`, { errno: ENOENT });
    }
    return { ...entry, offset: sym.value };
  });
  section.vars = [...(section.vars ?? []), ...placed];
}
