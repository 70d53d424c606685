// SPDX-License-Identifier: MIT
import { E2BIG, ELOOP, BtfError } from '@tsbpf/uapi';
import * as K from '../kinds.ts';
import type { Btf } from '../model/btf.ts';
import type { BtfType } from '../types.ts';

/** Deepest recursion through types. Real kernels need fewer than 100. */
const MAX_DEPTH = 1500;

/** How far a type's place in the output is settled; 0 before it is looked at. */
export const ORDERING = 1;
export const ORDERED = 2;

export const NOT_EMITTED = 0;
export const EMITTING = 1;
export const EMITTED = 2;

/** The state of a C dump: what is written, what is named how, what is under way. */
export class CDumpState {
  readonly btf: Btf;
  readonly orderState: Uint8Array;
  readonly emitState: Uint8Array;
  readonly fwdEmitted: Uint8Array;
  /** Types that another refers to: an anonymous enum among them is written where it is used. */
  readonly referenced: Uint8Array;
  readonly queue: number[] = [];
  readonly pointerSize: number;
  /** Leave const, volatile and restrict away. */
  readonly stripMods: boolean;
  readonly #names = new Map<number, string>();
  readonly #typeNameUses = new Map<string, number>();
  readonly #identUses = new Map<string, number>();
  readonly #aligns = new Map<number, number>();
  readonly #maxLen: number;
  #parts: string[] = [];
  #len = 0;
  #depth = 0;

  constructor(btf: Btf, options: { stripMods?: boolean } = {}) {
    this.btf = btf;
    this.stripMods = options.stripMods ?? false;
    this.pointerSize = btf.pointerSize;
    this.orderState = new Uint8Array(btf.typeCount);
    this.emitState = new Uint8Array(btf.typeCount);
    this.fwdEmitted = new Uint8Array(btf.typeCount);
    this.referenced = new Uint8Array(btf.typeCount);
    this.orderState[0] = ORDERED;
    this.emitState[0] = EMITTED;
    // C text is shorter than BTF in practice; padding and inlined anonymous types can blow hostile input up.
    this.#maxLen = 4 * 1024 * 1024 + 8 * (btf.bytes.length + (btf.base?.bytes.length ?? 0));
  }

  write(text: string): void {
    this.#parts.push(text);
    this.#len += text.length;
    if (this.#len > this.#maxLen) {
      throw new BtfError(`C text exceeds ${this.#maxLen} characters: this BTF is not a compiler's`, { errno: E2BIG });
    }
  }

  text(): string {
    const text = this.#parts.join('');
    this.#parts = [text];
    return text;
  }

  /** Runs one level of recursion. @errno ELOOP where types nest without end */
  nested<T>(id: number, step: () => T): T {
    if (++this.#depth > MAX_DEPTH) {
      throw new BtfError(`[${id}] types nest deeper than ${MAX_DEPTH}`, { errno: ELOOP, typeId: id });
    }
    try {
      return step();
    } finally {
      this.#depth--;
    }
  }

  /** Name of a struct, union or enum, with `___N` where it is not the first of that name. */
  typeName(type: BtfType): string {
    return this.#resolveName(type, this.#typeNameUses);
  }

  /** Name of a typedef; enumerators share its name space. */
  identName(type: BtfType): string {
    return this.#resolveName(type, this.#identUses);
  }

  /** Name of an enumerator. */
  enumeratorName(name: string): string {
    return this.#unique(name, this.#identUses);
  }

  alignOf(id: number): number {
    const known = this.#aligns.get(id);
    if (known !== undefined) return known;
    // A struct that contains itself would never end: it counts as having no alignment while we are in it.
    this.#aligns.set(id, 0);
    const align = this.nested(id, () => this.#computeAlign(id));
    this.#aligns.set(id, align);
    return align;
  }

  #computeAlign(id: number): number {
    const type = this.btf.type(id);
    switch (type.kind) {
      case K.BTF_KIND_INT:
      case K.BTF_KIND_ENUM:
      case K.BTF_KIND_ENUM64:
      case K.BTF_KIND_FLOAT:
        return Math.min(this.pointerSize, type.size);
      case K.BTF_KIND_PTR:
        return this.pointerSize;
      case K.BTF_KIND_TYPEDEF:
      case K.BTF_KIND_VOLATILE:
      case K.BTF_KIND_CONST:
      case K.BTF_KIND_RESTRICT:
      case K.BTF_KIND_TYPE_TAG:
        return this.alignOf(type.typeId);
      case K.BTF_KIND_ARRAY:
        return this.alignOf(type.elemTypeId);
      case K.BTF_KIND_STRUCT:
      case K.BTF_KIND_UNION: {
        let max = 1;
        for (const m of type.members) {
          const align = this.alignOf(m.typeId);
          if (align === 0) return 0;
          max = Math.max(max, align);
          if (m.bitSize === 0 && m.bitOffset % (8 * align) !== 0) return 1;
        }
        return type.size % max === 0 ? max : 1;
      }
      default:
        return 0;
    }
  }

  #resolveName(type: BtfType, uses: Map<string, number>): string {
    if (type.name === '') return '';
    const known = this.#names.get(type.id);
    if (known !== undefined) return known;
    const isDeclaration = type.kind === K.BTF_KIND_FWD || (type.kind === K.BTF_KIND_ENUM && type.values.length === 0);
    const name = isDeclaration ? type.name : this.#unique(type.name, uses);
    this.#names.set(type.id, name);
    return name;
  }

  #unique(name: string, uses: Map<string, number>): string {
    const count = (uses.get(name) ?? 0) + 1;
    uses.set(name, count);
    return count > 1 ? `${name}___${count}` : name;
  }
}
