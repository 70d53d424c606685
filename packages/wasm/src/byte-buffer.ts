// SPDX-License-Identifier: MIT

const TEXT_ENCODER = new TextEncoder();

/** Bytes that grow, with WebAssembly's variable-length numbers (LEB128, always in their shortest form). */
export class ByteBuffer {
  #bytes: Uint8Array;
  #length = 0;

  constructor(capacity = 256) {
    this.#bytes = new Uint8Array(capacity);
  }

  get length(): number {
    return this.#length;
  }

  u8(value: number): void {
    if (this.#length === this.#bytes.length) this.#grow(1);
    this.#bytes[this.#length++] = value;
  }

  /** Unsigned 32-bit; negative int32 values are taken as unsigned. */
  u32(value: number): void {
    if (this.#bytes.length - this.#length < 5) this.#grow(5);
    let rest = value >>> 0;
    while (rest > 0x7f) {
      this.#bytes[this.#length++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#bytes[this.#length++] = rest;
  }

  /** Signed 32-bit; unsigned values above int32 are taken as their negative twins. */
  s32(value: number): void {
    if (this.#bytes.length - this.#length < 5) this.#grow(5);
    let rest = value | 0;
    while (rest < -64 || rest > 63) {
      this.#bytes[this.#length++] = (rest & 0x7f) | 0x80;
      rest >>= 7;
    }
    this.#bytes[this.#length++] = rest & 0x7f;
  }

  /** Signed 64-bit from its two words. */
  s64Words(lo: number, hi: number): void {
    lo |= 0;
    hi |= 0;
    if (hi === lo >> 31) return this.s32(lo);
    if (this.#bytes.length - this.#length < 10) this.#grow(10);
    while (hi !== lo >> 31 || lo < -64 || lo > 63) {
      this.#bytes[this.#length++] = (lo & 0x7f) | 0x80;
      lo = (lo >>> 7) | (hi << 25);
      hi >>= 7;
    }
    this.#bytes[this.#length++] = lo & 0x7f;
  }

  /** Signed 64-bit; values above int64 are taken as their negative twins. */
  s64(value: bigint): void {
    this.s64Words(Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n)));
  }

  f64(value: number): void {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setFloat64(0, value, true);
    this.raw(bytes);
  }

  raw(bytes: Uint8Array): void {
    if (this.#bytes.length - this.#length < bytes.length) this.#grow(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** A byte vector: length and bytes. */
  vec(bytes: Uint8Array): void {
    this.u32(bytes.length);
    this.raw(bytes);
  }

  /** A name: the vector of its UTF-8 bytes. */
  name(text: string): void {
    this.vec(TEXT_ENCODER.encode(text));
  }

  /** What was written, as a view: valid until the next write. */
  view(start = 0, end = this.#length): Uint8Array {
    return this.#bytes.subarray(start, end);
  }

  /** What was written, as a copy. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  #grow(lenBytes: number): void {
    const grown = new Uint8Array(Math.max(this.#length + lenBytes, this.#bytes.length * 2));
    grown.set(this.#bytes);
    this.#bytes = grown;
  }
}

/** Bytes that {@link ByteBuffer.u32} writes for a value. */
export function u32Len(value: number): number {
  const bits = 32 - Math.clz32(value >>> 0);
  return bits <= 7 ? 1 : Math.ceil(bits / 7);
}
