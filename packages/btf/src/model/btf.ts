// SPDX-License-Identifier: MIT
import { E2BIG, EINVAL, ELOOP, BtfError } from '@tsbpf/uapi';
import { decodeType } from '../kind/table.ts';
import * as K from '../kinds.ts';
import type { BtfFunc, BtfFuncProto, BtfMember, BtfType } from '../types.ts';
import { findNamed, type NameLookup, type NameTable } from './lookup.ts';
import { indexTypes } from './offsets.ts';
import { cstringAt, parseSections } from './source.ts';

/** Modifiers, typedefs and tags in a row that we follow. The kernel refuses more than 32. */
const MAX_CHAIN = 256;
const VOID: BtfType = { id: 0, kind: K.BTF_KIND_UNKN, name: 'void' };

/**
 * A BTF blob, or a split one on top of its base. Immutable; types are decoded from the bytes when asked for, so that
 * opening a kernel's BTF costs one pass and four bytes per type. The bytes must not change afterwards.
 *
 * Every method that takes an id throws BtfError for one that the blob does not have.
 * @see Documentation/bpf/btf.rst
 */
export class Btf {
  readonly bytes: Uint8Array;
  readonly base: Btf | undefined;
  readonly littleEndian: boolean;
  /** First id of the blob's own types: 1, or the base's `typeCount`. */
  readonly startId: number;
  /** One past the last id: void and the base's types count. */
  readonly typeCount: number;
  readonly #words: Uint32Array;
  /** First word of each record. */
  readonly #starts: Uint32Array;
  readonly #strings: Uint8Array;
  readonly #startStrOff: number;
  readonly #lookup: NameLookup = { asked: 0, byName: undefined, byEssentialName: undefined };
  #pointerSize: 4 | 8 | undefined;

  constructor(bytes: Uint8Array, options: { base?: Btf } = {}) {
    const { base } = options;
    const sections = parseSections(bytes, { split: base !== undefined });
    this.bytes = bytes;
    this.base = base;
    this.littleEndian = sections.littleEndian;
    this.startId = base?.typeCount ?? 1;
    this.#words = sections.words;
    this.#strings = sections.strings;
    this.#startStrOff = base?.strLen ?? 0;
    this.#starts = indexTypes(sections.words, sections.typeLen, this.startId);
    this.typeCount = this.startId + this.#starts.length;
  }

  /** Bytes of the string sections, the base's included: string offsets are below it. */
  get strLen(): number {
    return this.#startStrOff + this.#strings.length;
  }

  /** Bytes of a pointer, as an INT named like C's `long` tells; 8 where there is none. */
  get pointerSize(): 4 | 8 {
    return (this.#pointerSize ??= this.base?.pointerSize ?? this.#guessPointerSize());
  }

  /** The string at an offset into the string section. @throws BtfError outside it. */
  strAt(off: number): string {
    if (off < this.#startStrOff && this.base) return this.base.strAt(off);
    const at = off - this.#startStrOff;
    if (at >= this.#strings.length) {
      // A split blob may have no strings of its own; offset 0 is the empty name everywhere.
      if (off === 0) return '';
      throw new BtfError(`string offset ${off} is outside the string section of ${this.strLen} bytes`, {
        errno: EINVAL,
      });
    }
    return cstringAt(this.#strings, at);
  }

  has(id: number): boolean {
    return Number.isInteger(id) && id >= 0 && id < this.typeCount;
  }

  kind(id: number): number {
    return id === 0 ? 0 : K.infoKind(this.#word(id, 1));
  }

  vlen(id: number): number {
    return id === 0 ? 0 : K.infoVlen(this.#word(id, 1));
  }

  kflag(id: number): boolean {
    return id !== 0 && K.infoKflag(this.#word(id, 1));
  }

  /** Offset of the type's name in the string section; 0 where it is anonymous. */
  nameOff(id: number): number {
    return id === 0 ? 0 : this.#word(id, 0);
  }

  /** The type's name; empty where it is anonymous, `void` for id 0. */
  name(id: number): string {
    return id === 0 ? 'void' : this.strAt(this.nameOff(id));
  }

  /** The third word of the record: a size in bytes, or the id of the type referred to, as the kind has it. */
  sizeOrType(id: number): number {
    return id === 0 ? 0 : this.#word(id, 2);
  }

  /** A word behind the type's record, by index: raw access for walks that must not decode. */
  extraWord(id: number, index: number): number {
    return this.#word(id, 3 + index);
  }

  /** The type, decoded. Not cached: equal calls give equal, not identical, objects. */
  type(id: number): BtfType {
    if (id === 0) return VOID;
    if (id < this.startId && this.base) return this.base.type(id);
    this.#check(id);
    return decodeType(this, this.#words, this.#starts[id - this.startId], id);
  }

  /** The type, decoded, which must be of the kind given. @throws BtfError otherwise. */
  typeOf<Kind extends BtfType['kind']>(id: number, ...kinds: readonly Kind[]): Extract<BtfType, { kind: Kind }> {
    const type = this.type(id);
    if (!(kinds as readonly number[]).includes(type.kind)) {
      throw new BtfError(
        `[${id}] is ${K.BTF_KIND_NAMES[type.kind]}, expected ${kinds.map((k) => K.BTF_KIND_NAMES[k]).join(' or ')}`,
        { errno: EINVAL, typeId: id },
      );
    }
    return type as Extract<BtfType, { kind: Kind }>;
  }

  /** Members of a struct or union; of any other type, none. */
  members(id: number): readonly BtfMember[] {
    const type = this.type(id);
    return type.kind === K.BTF_KIND_STRUCT || type.kind === K.BTF_KIND_UNION ? type.members : [];
  }

  /** The FUNC_PROTO of a FUNC, of a pointer to one, or the proto itself. @throws BtfError for anything else. */
  funcProto(id: number): BtfFuncProto {
    let at = this.skipModifiers(id);
    if (this.kind(at) === K.BTF_KIND_PTR) at = this.skipModifiers(this.sizeOrType(at));
    if (this.kind(at) === K.BTF_KIND_FUNC) at = this.sizeOrType(at);
    return this.typeOf(at, K.BTF_KIND_FUNC_PROTO);
  }

  /** Linkage of a FUNC: BTF_FUNC_STATIC, BTF_FUNC_GLOBAL or BTF_FUNC_EXTERN. */
  funcLinkage(id: number): BtfFunc['linkage'] {
    return this.typeOf(id, K.BTF_KIND_FUNC).linkage;
  }

  /** The id behind const, volatile, restrict, typedef and type tags. @errno ELOOP where they never end. */
  skipModifiers(id: number): number {
    let at = id;
    for (let steps = 0; steps <= MAX_CHAIN; steps++) {
      switch (this.kind(at)) {
        case K.BTF_KIND_TYPEDEF:
        case K.BTF_KIND_VOLATILE:
        case K.BTF_KIND_CONST:
        case K.BTF_KIND_RESTRICT:
        case K.BTF_KIND_TYPE_TAG:
          at = this.sizeOrType(at);
          break;
        default:
          return at;
      }
    }
    throw new BtfError(`[${id}] modifiers and typedefs form a loop`, { errno: ELOOP, typeId: id });
  }

  /**
   * Bytes that a value of the type takes, through modifiers, variables and arrays.
   * @errno EINVAL for a type without a size (void, FWD, FUNC, FUNC_PROTO); ELOOP; E2BIG beyond 2^32-1.
   */
  resolveSize(id: number): number {
    let at = id;
    let factor = 1;
    for (let steps = 0; steps <= MAX_CHAIN; steps++) {
      switch (this.kind(at)) {
        case K.BTF_KIND_INT:
        case K.BTF_KIND_STRUCT:
        case K.BTF_KIND_UNION:
        case K.BTF_KIND_ENUM:
        case K.BTF_KIND_ENUM64:
        case K.BTF_KIND_DATASEC:
        case K.BTF_KIND_FLOAT:
          return this.#checkedSize(id, factor * this.sizeOrType(at));
        case K.BTF_KIND_PTR:
          return this.#checkedSize(id, factor * this.pointerSize);
        case K.BTF_KIND_TYPEDEF:
        case K.BTF_KIND_VOLATILE:
        case K.BTF_KIND_CONST:
        case K.BTF_KIND_RESTRICT:
        case K.BTF_KIND_VAR:
        case K.BTF_KIND_DECL_TAG:
        case K.BTF_KIND_TYPE_TAG:
          at = this.sizeOrType(at);
          break;
        case K.BTF_KIND_ARRAY:
          factor = this.#checkedSize(id, factor * this.extraWord(at, 2));
          at = this.extraWord(at, 0);
          break;
        default:
          throw new BtfError(`[${at}] ${K.BTF_KIND_NAMES[this.kind(at)]} has no size`, { errno: EINVAL, typeId: at });
      }
    }
    throw new BtfError(`[${id}] the type refers to itself`, { errno: ELOOP, typeId: id });
  }

  /** Lowest id with this name, and kind where given; undefined where there is none. Builds an index when first used. */
  findByName(name: string, kind?: number): number | undefined {
    for (const id of this.idsByName(name)) if (kind === undefined || this.kind(id) === kind) return id;
    return undefined;
  }

  /** Every id with this name, ascending, the base's first. */
  *idsByName(name: string): Generator<number> {
    if (name === '') return;
    if (this.base) yield* this.base.idsByName(name);
    yield* findNamed(this, this.#table(), name, { essential: false });
  }

  /** Every id whose name without `___flavor` is `name`, ascending, the base's first. */
  *idsByEssentialName(name: string): Generator<number> {
    if (name === '') return;
    if (this.base) yield* this.base.idsByEssentialName(name);
    yield* findNamed(this, this.#table(), name, { essential: true });
  }

  /** Bytes of the string section that holds the offset, and the offset in it; undefined outside. For indexes. */
  stringBytes(off: number): { bytes: Uint8Array; at: number } | undefined {
    if (off < this.#startStrOff && this.base) return this.base.stringBytes(off);
    const at = off - this.#startStrOff;
    return at < this.#strings.length ? { bytes: this.#strings, at } : undefined;
  }

  #table(): NameTable {
    return {
      words: this.#words,
      starts: this.#starts,
      strings: this.#strings,
      startStrOff: this.#startStrOff,
      lookup: this.#lookup,
    };
  }

  #check(id: number): void {
    if (!this.has(id)) {
      throw new BtfError(`type id ${id} is outside 0..${this.typeCount - 1}`, { errno: EINVAL, typeId: id });
    }
  }

  #word(id: number, index: number): number {
    if (id < this.startId && this.base) return this.base.#word(id, index);
    this.#check(id);
    return this.#words[this.#starts[id - this.startId] + index];
  }

  #checkedSize(id: number, size: number): number {
    if (size > 0xffffffff) throw new BtfError(`[${id}] size overflows 32 bits`, { errno: E2BIG, typeId: id });
    return size;
  }

  #guessPointerSize(): 4 | 8 {
    for (let id = this.startId; id < this.typeCount; id++) {
      if (this.kind(id) !== K.BTF_KIND_INT) continue;
      const size = this.sizeOrType(id);
      if ((size === 4 || size === 8) && LONG_NAMES.has(this.name(id))) return size;
    }
    return 8;
  }
}

/** Spellings of C's long, whose size is a pointer's. */
const LONG_NAMES: ReadonlySet<string> = new Set([
  'long',
  'long int',
  'int long',
  'unsigned long',
  'long unsigned',
  'unsigned long int',
  'unsigned int long',
  'long unsigned int',
  'long int unsigned',
  'int unsigned long',
  'int long unsigned',
]);

/**
 * Opens a BTF blob: the `.BTF` section of an object or /sys/kernel/btf/vmlinux. With `base`, a module's split BTF.
 * @throws BtfError for bytes that are not BTF.
 */
export function parseBtf(bytes: Uint8Array, options: { base?: Btf } = {}): Btf {
  return new Btf(bytes, options);
}
