// SPDX-License-Identifier: MIT
// What a compiler leaves out of an object's BTF because only the linker knows it: sizes and offsets of variables, and
// what externs become.
import * as K from '@tsbpf/btf';
import type { Btf } from '@tsbpf/btf';
import { ENOENT, ESRCH } from '@tsbpf/uapi';
import * as C from '../elf/constants.ts';
import type { ElfFile, ElfSymbol } from '../elf/elf.ts';
import type { Refuse } from '../open/refuse.ts';
import type { ExternSpec } from '../open/spec.ts';
import { BtfEditor } from './edit.ts';

/** Words of an entry of a DATASEC, from the word where its entries begin. */
const VAR_TYPE = 0;
const VAR_OFFSET = 1;
const VAR_SIZE = 2;
const DUMMY_NAME = 'dummy_ksym';

const entry = (i: number, field: number): number => 3 + 3 * i + field;
const isHidden = (sym: ElfSymbol): boolean => sym.visibility === C.STV_HIDDEN || sym.visibility === C.STV_INTERNAL;

/** Sorts a DATASEC's entries by offset, as the kernel wants them. */
function sortVars(edit: BtfEditor, id: number): void {
  const vars = Array.from({ length: edit.vlen(id) }, (_, i) => [0, 1, 2].map((f) => edit.word(id, entry(i, f))));
  vars.sort((a, b) => a[VAR_OFFSET] - b[VAR_OFFSET]);
  vars.forEach((words, i) => words.forEach((word, f) => edit.setWord(id, entry(i, f), word)));
}

function fixDatasec(edit: BtfEditor, id: number, elf: ElfFile, symbols: Map<string, ElfSymbol>, refuse: Refuse): void {
  const secName = edit.name(id);
  const section = elf.section(secName);
  if (edit.word(id, 2) === 0) {
    if (section === undefined || section.size === 0) {
      refuse(`sec '${secName}': failed to determine size from ELF: size 0, err ${-ENOENT}`, { errno: ENOENT });
    }
    edit.setWord(id, 2, section.size);
  }
  for (let i = 0; i < edit.vlen(id); i++) {
    const varId = edit.word(id, entry(i, VAR_TYPE));
    if (edit.kind(varId) !== K.BTF_KIND_VAR || edit.word(varId, 3) === K.BTF_VAR_STATIC) continue;
    const name = edit.name(varId);
    const sym = symbols.get(name);
    if (sym === undefined || (section !== undefined && sym.shndx !== section.index)) {
      refuse(`sec '${secName}': failed to find ELF symbol for VAR '${name}'`, { errno: ENOENT });
    }
    edit.setWord(id, entry(i, VAR_OFFSET), sym.value);
    if (isHidden(sym)) edit.setWord(varId, 3, K.BTF_VAR_STATIC);
  }
  sortVars(edit, id);
}

function fixKconfig(edit: BtfEditor, id: number, externs: Map<string, ExternSpec>, refuse: Refuse): void {
  let size = 0;
  for (let i = 0; i < edit.vlen(id); i++) {
    const varId = edit.word(id, entry(i, VAR_TYPE));
    const name = edit.name(varId);
    const ext = externs.get(name);
    if (ext?.where.sec !== 'kconfig') {
      return refuse(`failed to find extern definition for BTF var '${name}'`, { errno: ESRCH });
    }
    edit.setWord(varId, 3, K.BTF_VAR_GLOBAL_ALLOCATED);
    edit.setWord(id, entry(i, VAR_OFFSET), ext.where.dataOff);
    edit.setWord(id, entry(i, VAR_SIZE), ext.where.size);
    size = Math.max(size, ext.where.dataOff + ext.where.size);
  }
  edit.setWord(id, 2, size);
  sortVars(edit, id);
}

/** Any integer of 32 bits will do. */
function findInt(edit: BtfEditor): number {
  for (let id = 1; id < edit.typeCount; id++) {
    if (edit.kind(id) === K.BTF_KIND_INT && (edit.word(id, 3) & 0xff) === 32) return id;
  }
  return edit.addInt('int', 4, { signed: true });
}

/** The kernel knows no extern variables and functions: they become integers, and a function its own kind of global. */
function fixKsyms(edit: BtfEditor, id: number): void {
  const intId = findInt(edit);
  const types = Array.from({ length: edit.vlen(id) }, (_, i) => edit.word(id, entry(i, VAR_TYPE)));
  // What stands for functions, and names parameters that have no name.
  const dummyName = types.some((type) => edit.kind(type) === K.BTF_KIND_FUNC) ? edit.addString(DUMMY_NAME) : 0;
  const dummyId =
    dummyName === 0
      ? 0
      : edit.addRecord([dummyName, K.packInfo(K.BTF_KIND_VAR, 0, false), intId, K.BTF_VAR_GLOBAL_ALLOCATED]);
  for (const [i, typeId] of types.entries()) {
    if (edit.kind(typeId) === K.BTF_KIND_FUNC) {
      edit.setInfo(typeId, K.BTF_KIND_FUNC, K.BTF_FUNC_GLOBAL);
      const proto = edit.word(typeId, 2);
      // A parameter of type 0 without a name stands for `...`; the others need a name.
      for (let p = 0; p < edit.vlen(proto); p++) {
        if (edit.word(proto, 3 + 2 * p) === 0 && edit.word(proto, 4 + 2 * p) !== 0) {
          edit.setWord(proto, 3 + 2 * p, dummyName);
        }
      }
      edit.setWord(id, entry(i, VAR_TYPE), dummyId);
    } else {
      edit.setWord(typeId, 3, K.BTF_VAR_GLOBAL_ALLOCATED);
      edit.setWord(typeId, 2, intId);
    }
    edit.setWord(id, entry(i, VAR_OFFSET), i * 4);
    edit.setWord(id, entry(i, VAR_SIZE), 4);
  }
  edit.setWord(id, 2, edit.vlen(id) * 4);
}

/**
 * The BTF with every section's and variable's place filled in from the symbols, externs resolved to what the kernel
 * takes, and hidden symbols static. Ids and string offsets stay.
 */
export function fixupBtf(init: {
  btf: Btf;
  elf: ElfFile;
  externs: readonly ExternSpec[];
  hiddenFuncs: ReadonlySet<string>;
  refuse: Refuse;
}): Btf {
  const { btf, elf, hiddenFuncs, refuse } = init;
  const edit = new BtfEditor(btf);
  const externs = new Map(init.externs.map((ext) => [ext.name, ext]));
  const symbols = new Map<string, ElfSymbol>();
  for (const sym of elf.symbols) {
    if (sym.bind !== C.STB_LOCAL && sym.name !== '' && sym.shndx !== C.SHN_UNDEF) symbols.set(sym.name, sym);
  }
  const count = edit.typeCount;
  for (let id = 1; id < count; id++) {
    if (edit.kind(id) === K.BTF_KIND_FUNC && hiddenFuncs.has(edit.name(id))) {
      edit.setInfo(id, K.BTF_KIND_FUNC, K.BTF_FUNC_STATIC);
    }
    if (edit.kind(id) !== K.BTF_KIND_DATASEC) continue;
    const secName = edit.name(id);
    if (secName === '.kconfig') fixKconfig(edit, id, externs, refuse);
    else if (secName === '.ksyms') fixKsyms(edit, id);
    else fixDatasec(edit, id, elf, symbols, refuse);
  }
  return edit.build();
}
