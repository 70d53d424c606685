// SPDX-License-Identifier: MIT
import { BTF_HEADER_LEN, BTF_KIND_INT, packInfo, parseBtf, type Btf } from '@tsbpf/btf';
import * as K from '@tsbpf/btf';

/** Words behind the three of every record, by kind: a number, or one that each item takes. */
const FIXED_WORDS: Readonly<Record<number, number>> = {
  [K.BTF_KIND_INT]: 1,
  [K.BTF_KIND_ARRAY]: 3,
  [K.BTF_KIND_VAR]: 1,
  [K.BTF_KIND_DECL_TAG]: 1,
};
const ITEM_WORDS: Readonly<Record<number, number>> = {
  [K.BTF_KIND_STRUCT]: 3,
  [K.BTF_KIND_UNION]: 3,
  [K.BTF_KIND_ENUM]: 2,
  [K.BTF_KIND_ENUM64]: 3,
  [K.BTF_KIND_FUNC_PROTO]: 2,
  [K.BTF_KIND_DATASEC]: 3,
};

/**
 * BTF that is changed in place. Ids and string offsets stay what they were, because the records of `.BTF.ext` refer
 * to them; types and strings can only be appended, and a record can only be replaced by one of the same length.
 */
export class BtfEditor {
  readonly littleEndian: boolean;
  readonly #offsets: number[] = [0];
  #words: number[];
  #strings: number[];

  constructor(btf: Btf) {
    this.littleEndian = btf.littleEndian;
    const { bytes } = btf;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const u32 = (at: number): number => view.getUint32(at, this.littleEndian);
    const hdrLen = u32(4);
    const typeStart = hdrLen + u32(8);
    const typeLen = u32(12);
    const strStart = hdrLen + u32(16);
    this.#words = [];
    for (let at = typeStart; at + 4 <= typeStart + typeLen; at += 4) this.#words.push(u32(at));
    this.#strings = Array.from(bytes.subarray(strStart, strStart + u32(20)));
    for (let at = 0; at < this.#words.length;) {
      this.#offsets.push(at);
      const kind = K.infoKind(this.#words[at + 1]);
      at += 3 + (FIXED_WORDS[kind] ?? (ITEM_WORDS[kind] ?? 0) * K.infoVlen(this.#words[at + 1]));
    }
  }

  /** One past the last id. */
  get typeCount(): number {
    return this.#offsets.length;
  }

  kind(id: number): number {
    return K.infoKind(this.word(id, 1));
  }

  vlen(id: number): number {
    return K.infoVlen(this.word(id, 1));
  }

  kflag(id: number): boolean {
    return K.infoKflag(this.word(id, 1));
  }

  name(id: number): string {
    const off = this.word(id, 0);
    return new TextDecoder().decode(new Uint8Array(this.#strings.slice(off, this.#strings.indexOf(0, off))));
  }

  /** A word of the type's record: 0 the name, 1 info, 2 size or type, 3 and up what the kind has. */
  word(id: number, index: number): number {
    return this.#words[this.#offsets[id] + index];
  }

  setWord(id: number, index: number, value: number): void {
    this.#words[this.#offsets[id] + index] = value >>> 0;
  }

  /** Sets the info word; kinds must take records of the same length. */
  setInfo(id: number, kind: number, vlen: number, kflag = false): void {
    this.setWord(id, 1, packInfo(kind, vlen, kflag));
  }

  /** Appends a string. The result is its offset. */
  addString(text: string): number {
    const off = this.#strings.length;
    for (const byte of new TextEncoder().encode(text)) this.#strings.push(byte);
    this.#strings.push(0);
    return off;
  }

  /** Appends an INT. The result is its id. */
  addInt(name: string, size: number, { signed }: { signed: boolean }): number {
    const encoding = signed ? K.BTF_INT_SIGNED << 24 : 0;
    return this.addRecord([this.addString(name), packInfo(BTF_KIND_INT, 0, false), size, encoding | (size * 8)]);
  }

  /** Appends a record as it is. The result is its id. */
  addRecord(words: readonly number[]): number {
    this.#offsets.push(this.#words.length);
    for (const word of words) this.#words.push(word >>> 0);
    return this.#offsets.length - 1;
  }

  bytes(): Uint8Array {
    const typeLen = this.#words.length * 4;
    const bytes = new Uint8Array(BTF_HEADER_LEN + typeLen + this.#strings.length);
    const view = new DataView(bytes.buffer);
    const le = this.littleEndian;
    view.setUint16(0, K.BTF_MAGIC, le);
    view.setUint8(2, K.BTF_VERSION);
    [BTF_HEADER_LEN, 0, typeLen, typeLen, this.#strings.length].forEach((word, i) =>
      view.setUint32(4 + 4 * i, word, le),
    );
    this.#words.forEach((word, i) => view.setUint32(BTF_HEADER_LEN + 4 * i, word, le));
    bytes.set(this.#strings, BTF_HEADER_LEN + typeLen);
    return bytes;
  }

  build(): Btf {
    return parseBtf(this.bytes());
  }
}
