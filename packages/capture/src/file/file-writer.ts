// SPDX-License-Identifier: MIT

/** Bytes that grow, in the byte order of the file being written. */
export class FileWriter {
  #bytes = new Uint8Array(4096);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;
  readonly #littleEndian: boolean;

  constructor(littleEndian: boolean) {
    this.#littleEndian = littleEndian;
  }

  get length(): number {
    return this.#length;
  }

  u8(value: number): void {
    this.#view.setUint8(this.#advance(1), value);
  }

  u16(value: number): void {
    const off = this.#advance(2);
    this.#view.setUint16(off, value, this.#littleEndian);
  }

  u32(value: number): void {
    const off = this.#advance(4);
    this.#view.setUint32(off, value, this.#littleEndian);
  }

  s64(value: bigint): void {
    const off = this.#advance(8);
    this.#view.setBigInt64(off, value, this.#littleEndian);
  }

  setU32(off: number, value: number): void {
    this.#view.setUint32(off, value, this.#littleEndian);
  }

  raw(bytes: Uint8Array): void {
    const off = this.#advance(bytes.length);
    this.#bytes.set(bytes, off);
  }

  /** Zeroes up to a multiple of four bytes. */
  pad4(): void {
    this.#advance((4 - (this.#length & 3)) & 3);
  }

  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  #advance(lenBytes: number): number {
    const off = this.#length;
    this.#length += lenBytes;
    if (this.#length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#length, this.#bytes.length * 2));
      grown.set(this.#bytes);
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    return off;
  }
}
