// SPDX-License-Identifier: MIT
import { E2BIG, BtfError } from '@tsbpf/uapi';
import { BTF_HEADER_LEN, BTF_MAGIC, BTF_VERSION } from '../kinds.ts';

const encoder = new TextEncoder();

/** A growing run of bytes. */
export class ByteSink {
  #bytes = new Uint8Array(1024);
  #view = new DataView(this.#bytes.buffer);
  readonly #littleEndian: boolean;
  length = 0;

  constructor(littleEndian: boolean) {
    this.#littleEndian = littleEndian;
  }

  u32(value: number): void {
    this.#reserve(4);
    this.#view.setUint32(this.length, value >>> 0, this.#littleEndian);
    this.length += 4;
  }

  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  bytes(): Uint8Array {
    return this.#bytes.slice(0, this.length);
  }

  #reserve(extra: number): void {
    if (this.length + extra <= this.#bytes.length) return;
    const bigger = new Uint8Array(Math.max(this.#bytes.length * 2, this.length + extra));
    bigger.set(this.#bytes);
    this.#bytes = bigger;
    this.#view = new DataView(bigger.buffer);
  }
}

/** A string section in the making: equal strings share an offset. */
export class StringSection {
  readonly #offsets = new Map<string, number>();
  readonly #sink = new ByteSink(true);
  readonly #startOff: number;
  readonly #baseOffset: (text: string) => number | undefined;

  constructor(options: { startOff: number; baseOffset: (text: string) => number | undefined }) {
    this.#startOff = options.startOff;
    this.#baseOffset = options.baseOffset;
    if (this.#startOff === 0) this.add('');
  }

  add(text: string): number {
    if (text === '' && this.#startOff > 0) return 0;
    const known = this.#offsets.get(text) ?? this.#baseOffset(text);
    if (known !== undefined) return known;
    const off = this.#startOff + this.#sink.length;
    this.#sink.raw(encoder.encode(`${text}\0`));
    this.#offsets.set(text, off);
    return off;
  }

  bytes(): Uint8Array {
    return this.#sink.bytes();
  }
}

/** Puts header, types and strings together. */
export function assembleBtf(types: Uint8Array, strings: Uint8Array, littleEndian: boolean): Uint8Array {
  const out = new Uint8Array(BTF_HEADER_LEN + types.length + strings.length);
  if (out.length > 0xffffffff) throw new BtfError('BTF would exceed 4 GiB', { errno: E2BIG });
  const view = new DataView(out.buffer);
  view.setUint16(0, BTF_MAGIC, littleEndian);
  view.setUint8(2, BTF_VERSION);
  view.setUint32(4, BTF_HEADER_LEN, littleEndian);
  view.setUint32(12, types.length, littleEndian);
  view.setUint32(16, types.length, littleEndian);
  view.setUint32(20, strings.length, littleEndian);
  out.set(types, BTF_HEADER_LEN);
  out.set(strings, BTF_HEADER_LEN + types.length);
  return out;
}
