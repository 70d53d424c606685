// SPDX-License-Identifier: MIT
import * as K from '../kinds.ts';
import type { Btf } from '../model/btf.ts';
import { extraBytes } from '../model/offsets.ts';

/**
 * All types of a blob, and of its base, as words that may be changed: names as numbers that are equal where the names
 * are. Word 0 of a record is the name, 1 the info, 2 the size or type.
 */
export class TypeWords {
  readonly typeCount: number;
  readonly words: Uint32Array;
  /** First word of each type's record. */
  readonly at: Uint32Array;
  /** Names by number; 0 is the empty one. */
  readonly names: readonly string[];
  readonly #nameOfOff: Map<number, number>;

  constructor(btf: Btf) {
    this.typeCount = btf.typeCount;
    this.at = new Uint32Array(btf.typeCount + 1);
    let total = 3;
    for (let id = 1; id < btf.typeCount; id++) {
      this.at[id] = total;
      total += 3 + extraBytes(btf.kind(id), btf.vlen(id)) / 4;
    }
    this.at[btf.typeCount] = total;
    this.words = new Uint32Array(total);
    const names: string[] = [''];
    const byText = new Map<string, number>([['', 0]]);
    const byOff = new Map<number, number>();
    this.names = names;
    this.#nameOfOff = byOff;
    const number = (off: number): number => {
      const known = byOff.get(off);
      if (known !== undefined) return known;
      const text = btf.strAt(off);
      let n = byText.get(text);
      if (n === undefined) {
        n = names.push(text) - 1;
        byText.set(text, n);
      }
      byOff.set(off, n);
      return n;
    };
    for (let id = 1; id < btf.typeCount; id++) {
      const at = this.at[id];
      const info = K.packInfo(btf.kind(id), btf.vlen(id), btf.kflag(id));
      this.words[at] = btf.nameOff(id);
      this.words[at + 1] = info;
      this.words[at + 2] = btf.sizeOrType(id);
      for (let i = at + 3; i < this.at[id + 1]; i++) this.words[i] = btf.extraWord(id, i - at - 3);
      this.forEachName(id, (i) => {
        this.words[i] = number(this.words[i]);
      });
    }
  }

  kind(id: number): number {
    return K.infoKind(this.words[this.at[id] + 1]);
  }
  vlen(id: number): number {
    return K.infoVlen(this.words[this.at[id] + 1]);
  }
  info(id: number): number {
    return this.words[this.at[id] + 1];
  }
  name(id: number): number {
    return this.words[this.at[id]];
  }
  ref(id: number): number {
    return this.words[this.at[id] + 2];
  }
  extra(id: number, index: number): number {
    return this.words[this.at[id] + 3 + index];
  }
  /** Words of the record, its first three included. */
  length(id: number): number {
    return this.at[id + 1] - this.at[id];
  }

  /** Number of the name at a string offset of the blob; undefined where no type uses it. */
  nameAtOff(off: number): number | undefined {
    return this.#nameOfOff.get(off);
  }

  /** Every string offset that a type uses, with the number of its name. */
  nameOffsets(): Iterable<[off: number, name: number]> {
    return this.#nameOfOff;
  }

  /** Calls with the position of every word that is a name, in the record's order. */
  forEachName(id: number, visit: (position: number) => void): void {
    const at = this.at[id];
    visit(at);
    const vlen = this.vlen(id);
    switch (this.kind(id)) {
      case K.BTF_KIND_STRUCT:
      case K.BTF_KIND_UNION:
      case K.BTF_KIND_ENUM64:
        for (let i = 0; i < vlen; i++) visit(at + 3 + 3 * i);
        break;
      case K.BTF_KIND_ENUM:
      case K.BTF_KIND_FUNC_PROTO:
        for (let i = 0; i < vlen; i++) visit(at + 3 + 2 * i);
        break;
      default:
    }
  }

  /** Calls with the position of every word that is a type id. */
  forEachRef(id: number, visit: (position: number) => void): void {
    const at = this.at[id];
    const vlen = this.vlen(id);
    switch (this.kind(id)) {
      case K.BTF_KIND_PTR:
      case K.BTF_KIND_TYPEDEF:
      case K.BTF_KIND_VOLATILE:
      case K.BTF_KIND_CONST:
      case K.BTF_KIND_RESTRICT:
      case K.BTF_KIND_FUNC:
      case K.BTF_KIND_VAR:
      case K.BTF_KIND_DECL_TAG:
      case K.BTF_KIND_TYPE_TAG:
        visit(at + 2);
        break;
      case K.BTF_KIND_ARRAY:
        visit(at + 3);
        visit(at + 4);
        break;
      case K.BTF_KIND_STRUCT:
      case K.BTF_KIND_UNION:
        for (let i = 0; i < vlen; i++) visit(at + 4 + 3 * i);
        break;
      case K.BTF_KIND_FUNC_PROTO:
        visit(at + 2);
        for (let i = 0; i < vlen; i++) visit(at + 4 + 2 * i);
        break;
      case K.BTF_KIND_DATASEC:
        for (let i = 0; i < vlen; i++) visit(at + 3 + 3 * i);
        break;
      default:
    }
  }

  /** Whether the records are the same word for word. */
  equal(a: number, b: number): boolean {
    const len = this.length(a);
    if (len !== this.length(b)) return false;
    for (let i = 0; i < len; i++) if (this.words[this.at[a] + i] !== this.words[this.at[b] + i]) return false;
    return true;
  }

  hash(id: number, positions: 'all' | 'no-refs' | 'head'): number {
    const at = this.at[id];
    let h = 17;
    const add = (word: number): void => {
      h = (Math.imul(h, 31) + word) | 0;
    };
    add(this.words[at]);
    if (positions === 'head') {
      add(this.kind(id));
      return h;
    }
    add(this.words[at + 1]);
    const refs = new Set<number>();
    if (positions === 'no-refs') this.forEachRef(id, (i) => refs.add(i));
    for (let i = at + 2; i < this.at[id + 1]; i++) if (!refs.has(i)) add(this.words[i]);
    return h;
  }
}
