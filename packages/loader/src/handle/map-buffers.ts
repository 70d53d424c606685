// SPDX-License-Identifier: MIT
import type { BtfValue } from '@tsbpf/btf';
import type { HasFd, MapCodec } from './map-codec.ts';
import type { MapReaders } from './map-cursor.ts';
import type { ValueWriter } from './value-io.ts';

/** A key and a value of a map that exists, and what puts JS values into them and takes them out. */
export class MapBuffers {
  readonly value: Uint8Array;
  readonly readers: MapReaders;
  readonly #codec: MapCodec;
  readonly #key: Uint8Array;
  readonly #keyView: DataView;
  readonly #valueView: DataView;
  readonly #keyWriter: ValueWriter;
  readonly #valueWriter: ValueWriter;

  constructor(codec: MapCodec, keySize: number) {
    this.#codec = codec;
    this.#key = new Uint8Array(keySize);
    this.value = new Uint8Array(codec.valueBytes);
    this.#keyView = new DataView(this.#key.buffer);
    this.#valueView = new DataView(this.value.buffer);
    this.readers = { key: codec.keyReader(), value: codec.valueReader(), littleEndian: codec.littleEndian };
    this.#keyWriter = codec.keyWriter();
    this.#valueWriter = codec.valueWriter();
  }

  /** The key's bytes, which the next key overwrites. */
  putKey(key: unknown): Uint8Array {
    return this.#keyWriter(this.#keyView, 0, key) ? this.#key : this.#codec.encodeKey(key as BtfValue);
  }

  /** The value's bytes, which the next value overwrites. */
  putValue(value: unknown): Uint8Array {
    return this.#valueWriter(this.#valueView, 0, value)
      ? this.value
      : this.#codec.encodeValue(value as BtfValue | HasFd);
  }

  /** What `value` holds. */
  readValue(): BtfValue {
    return this.readers.value(this.#valueView, 0);
  }
}
