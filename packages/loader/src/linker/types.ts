// SPDX-License-Identifier: MIT
// The types of all objects after one another; a global variable or function has one for all of them.
import * as K from '@tsbpf/btf';
import { createBtfBuilder, parseBtf, type Btf, type BtfBuilder, type BtfTypeInit } from '@tsbpf/btf';
import { EINVAL } from '@tsbpf/uapi';
import type { Refuse } from '../open/refuse.ts';
import type { Input } from './input.ts';
import { sectionMismatch, type Global, type Globals } from './globals.ts';
import type { OutSection } from './output.ts';
import { remapType } from './remap.ts';
import type { Placement } from './sections.ts';

/** Members, enumerators or parameters. */
function namedParts(type: BtfTypeInit): readonly { readonly name: string }[] {
  if ('members' in type) return type.members;
  if ('values' in type) return type.values;
  return 'params' in type ? type.params : [];
}

/** Strings, each once, by number: their offsets are known when the last object is in. */
class OutStrings {
  readonly texts: string[] = [];
  readonly #numbers = new Map<string, number>();

  add(text: string): number {
    let n = this.#numbers.get(text);
    if (n === undefined) {
      n = this.texts.push(text) - 1;
      this.#numbers.set(text, n);
    }
    return n;
  }
}

/** The output's types, by id from 1; they change until the last object is in. */
export class OutTypes {
  /** What types and records say, in the order in which it was first said. */
  readonly strings = new OutStrings();
  readonly #types: BtfTypeInit[] = [];
  readonly #littleEndian: boolean;

  constructor(littleEndian: boolean) {
    this.#littleEndian = littleEndian;
  }

  get count(): number {
    return this.#types.length;
  }

  add(type: BtfTypeInit): number {
    this.strings.add(type.name);
    for (const { name } of namedParts(type)) this.strings.add(name);
    return this.#types.push(type);
  }

  get(id: number): BtfTypeInit | undefined {
    return this.#types[id - 1];
  }

  set(id: number, type: BtfTypeInit): void {
    this.#types[id - 1] = type;
  }

  /** A blob of the types as they are. */
  builder(): BtfBuilder {
    const builder = createBtfBuilder({ littleEndian: this.#littleEndian });
    for (const text of this.strings.texts) builder.addString(text);
    for (const type of this.#types) builder.add(type);
    return builder;
  }

  snapshot(): Btf {
    return parseBtf(this.builder().bytes());
  }
}

type Declared = Extract<BtfTypeInit, { kind: typeof K.BTF_KIND_VAR | typeof K.BTF_KIND_FUNC }>;

/** A variable or function that other objects can mean. */
function asGlobal(type: BtfTypeInit): Declared | undefined {
  if (type.kind === K.BTF_KIND_VAR) return type.linkage === K.BTF_VAR_STATIC ? undefined : type;
  if (type.kind === K.BTF_KIND_FUNC) return type.linkage === K.BTF_FUNC_STATIC ? undefined : type;
  return undefined;
}

/** Appends an object's types but its DATASECs. The result has the new id of each; 0 for those left out. */
function appendTypes(out: OutTypes, btf: Btf, globals: Globals): Uint32Array {
  const ids = new Uint32Array(btf.typeCount);
  const added: [id: number, type: Exclude<K.BtfType, K.BtfVoid>][] = [];
  const waiting: [global: Global, typeId: number][] = [];
  for (let id = 1; id < btf.typeCount; id++) {
    const type = btf.type(id);
    if (type.kind === K.BTF_KIND_UNKN || type.kind === K.BTF_KIND_DATASEC) continue;
    const declared = asGlobal(type);
    const global = declared && globals.get(declared.name);
    if (declared !== undefined) {
      // What has no symbol was in a section that is left out, such as a second license.
      if (global === undefined) continue;
      if (global.typeId === 0) waiting.push([global, declared.typeId]);
      if (global.btfId !== 0) {
        ids[id] = global.btfId;
        continue;
      }
    }
    ids[id] = out.add(type);
    added.push([ids[id], type]);
    if (global !== undefined) global.btfId = ids[id];
  }
  for (const [id, type] of added)
    out.set(
      id,
      remapType(type, (old) => ids[old] ?? 0),
    );
  for (const [global, typeId] of waiting) {
    global.typeId = ids[typeId];
    const type = out.get(global.btfId);
    if (type !== undefined && asGlobal(type) !== undefined) {
      out.set(global.btfId, { ...(type as Declared), typeId: global.typeId });
    }
  }
  return ids;
}

/** Bytes that a variable takes after its type may have become another. */
function sizeNow(name: string, snapshot: Btf, typeId: number, refuse: Refuse): number {
  try {
    return snapshot.resolveSize(typeId);
  } catch (cause) {
    return refuse(`global '${name}': failed to resolve size of underlying type: ${-EINVAL}`, { errno: EINVAL, cause });
  }
}

/** Appends an object's types, and to the output's sections the variables that the types place there. */
export function mergeTypes(init: {
  out: OutTypes;
  input: Input;
  placement: Placement;
  globals: Globals;
  refuse: Refuse;
}): Uint32Array {
  const { out, input, placement, globals, refuse } = init;
  if (input.btf === undefined) return new Uint32Array(1);
  const ids = appendTypes(out, input.btf, globals);
  let blob: Btf | undefined;
  const snapshot = (): Btf => (blob ??= out.snapshot());
  for (const section of input.sections) {
    const placed = placement.get(section);
    if (section.vars === undefined || placed === undefined || placed.skipped) continue;
    placed.out.hasVars = true;
    for (const entry of section.vars) {
      const typeId = ids[entry.typeId];
      const type = out.get(typeId);
      if (type === undefined) continue;
      const declared = asGlobal(type);
      const global = declared && globals.get(declared.name);
      if (global !== undefined && global.section !== placed.out) {
        refuse(sectionMismatch(global.name, global.section, placed.out), { errno: EINVAL });
      }
      const vars = placed.out.vars;
      const offset = placed.off + entry.offset;
      if (global === undefined || global.varIdx < 0) {
        if (global !== undefined) global.varIdx = vars.length;
        vars.push({ typeId, offset, size: entry.size });
        continue;
      }
      const known = vars[global.varIdx];
      const size = type.kind === K.BTF_KIND_FUNC ? known.size : sizeNow(global.name, snapshot(), global.typeId, refuse);
      // A definition says where the variable is; a declaration did not know.
      vars[global.varIdx] = { typeId, offset: global.definedBy === input ? offset : known.offset, size };
    }
  }
  return ids;
}

/** Appends a DATASEC for every section of which types placed variables. */
export function appendDatasecs(out: OutTypes, sections: readonly OutSection[]): void {
  for (const { name, size, vars, hasVars } of sections) {
    if (hasVars) out.add({ kind: K.BTF_KIND_DATASEC, name, size, vars });
  }
}
