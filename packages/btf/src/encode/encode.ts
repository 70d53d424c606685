// SPDX-License-Identifier: MIT
import { EINVAL, BtfError } from '@tsbpf/uapi';
import { kindDef } from '../kind/table.ts';
import { packInfo } from '../kinds.ts';
import type { Btf } from '../model/btf.ts';
import type { BtfType, BtfTypeInit } from '../types.ts';
import { assembleBtf, ByteSink, StringSection } from './writer.ts';

export interface EncodeBtfOptions {
  /** Byte order of the result; little-endian where not given. */
  readonly littleEndian?: boolean;
  /** What the types come on top of: ids and string offsets continue its own. */
  readonly base?: Btf;
}

/** Writes types one after another. */
export class TypeEncoder {
  readonly #types: ByteSink;
  readonly #strings: StringSection;
  readonly #littleEndian: boolean;

  constructor(options: EncodeBtfOptions) {
    const { littleEndian = options.base?.littleEndian ?? true, base } = options;
    this.#littleEndian = littleEndian;
    this.#types = new ByteSink(littleEndian);
    this.#strings = new StringSection({
      startOff: base?.strLen ?? 0,
      baseOffset: base ? baseOffsets(base) : () => undefined,
    });
  }

  add(type: BtfTypeInit): void {
    const nameOff = this.#strings.add(type.name);
    const def = kindDef(type.kind);
    const words: number[] = [];
    let vlen = 0;
    let kflag = false;
    let sizeOrType = 0;
    def.encode({ ...type, id: 0 } as BtfType, {
      head: (fields) => {
        vlen = fields.vlen ?? 0;
        kflag = fields.kflag ?? false;
        sizeOrType = fields.sizeOrType ?? 0;
      },
      word: (value) => words.push(value),
      str: (text) => this.#strings.add(text),
    });
    if (vlen > 0xffff) throw new BtfError(`"${type.name}" has ${vlen} items, more than 65535`, { errno: EINVAL });
    this.#types.u32(nameOff);
    this.#types.u32(packInfo(type.kind, vlen, kflag));
    this.#types.u32(sizeOrType);
    for (const word of words) this.#types.u32(word);
  }

  addString(text: string): number {
    return this.#strings.add(text);
  }

  finish(): Uint8Array {
    return assembleBtf(this.#types.bytes(), this.#strings.bytes(), this.#littleEndian);
  }
}

/** Offsets of the base's strings: those that its types use as names. */
function baseOffsets(base: Btf): (text: string) => number | undefined {
  return (text) => {
    if (text === '') return 0;
    const id = base.findByName(text);
    return id === undefined ? undefined : base.nameOff(id);
  };
}

/**
 * Encodes types, given in the order of their ids without gaps, as a BTF blob. Strings are shared; their order is that
 * of first use. `parseBtf(encodeBtf(types))` has equal types.
 * @throws BtfError where the ids are not consecutive
 */
export function encodeBtf(types: Iterable<BtfType>, options: EncodeBtfOptions = {}): Uint8Array {
  const encoder = new TypeEncoder(options);
  let id = options.base?.typeCount ?? 1;
  for (const type of types) {
    if (type.kind === 0) continue;
    if (type.id !== id) {
      throw new BtfError(`type [${type.id}] comes where [${id}] must`, { errno: EINVAL, typeId: type.id });
    }
    encoder.add(type);
    id++;
  }
  return encoder.finish();
}

/** The blob's own types, decoded one at a time, in the order of their ids. */
export function* typesOf(btf: Btf): Generator<BtfType> {
  for (let id = btf.startId; id < btf.typeCount; id++) yield btf.type(id);
}
