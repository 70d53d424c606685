// SPDX-License-Identifier: MIT
import {
  BPF_MAP_GET_NEXT_KEY,
  BPF_MAP_LOOKUP_ELEM,
  EINVAL,
  ENOENT,
  ENOTSUPP,
  UsageError,
  type MapWalk,
  type Sys,
} from '@tsbpf/uapi';
import type { BtfValue } from '@tsbpf/btf';
import type { ValueReader } from './value-io.ts';
import { failed } from './syscall.ts';

/** What a walk must know of its map. Sizes in bytes, the value's as system calls pass it. */
export interface WalkedMap {
  readonly sys: Sys;
  readonly name: string;
  readonly fd: number;
  readonly keySize: number;
  readonly valueBytes: number;
}

/** A walk by bpf(2) alone, key after key as Linux gives them, through two pairs of buffers. */
class KeyByKey implements MapWalk {
  readonly keyAt = 0;
  readonly valueAt = 0;
  readonly keys: DataView;
  readonly values: DataView;
  readonly #map: WalkedMap;
  readonly #key: Uint8Array;
  readonly #next: Uint8Array;
  readonly #value: Uint8Array;
  #begun = false;

  constructor(map: WalkedMap) {
    this.#map = map;
    this.#key = new Uint8Array(map.keySize);
    this.#next = new Uint8Array(map.keySize);
    this.#value = new Uint8Array(map.valueBytes);
    this.keys = new DataView(this.#key.buffer);
    this.values = new DataView(this.#value.buffer);
  }

  next(): boolean {
    const { sys, name, fd } = this.#map;
    for (;;) {
      const key = this.#begun ? this.#key : undefined;
      const result = sys.bpf(BPF_MAP_GET_NEXT_KEY, { map_fd: fd, key, next_key: this.#next });
      if (result === -ENOENT) return false;
      if (result < 0) throw failed('BPF_MAP_GET_NEXT_KEY', result, `map '${name}'`);
      this.#begun = true;
      this.#key.set(this.#next);
      const found = sys.bpf(BPF_MAP_LOOKUP_ELEM, { map_fd: fd, key: this.#key, value: this.#value });
      if (found === 0) return true;
      // It went away in between.
      if (found !== -ENOENT) throw failed('BPF_MAP_LOOKUP_ELEM', found, `map '${name}'`);
    }
  }
}

/** The system's own walk where it has one for the map, else key by key. */
export function walkOf(map: WalkedMap): MapWalk {
  const walk = map.sys.walkMap?.(map.fd) ?? -ENOTSUPP;
  if (typeof walk !== 'number') return walk;
  if (walk === -ENOTSUPP) return new KeyByKey(map);
  throw failed('walk', walk, `map '${map.name}'`);
}

/**
 * A place in a map, moved on by {@link MapCursor.next}: for going over many elements without an object for each. What
 * it reads is the element's key and value at that moment; numbers are in the byte order of the map's object.
 *
 * In a simulated kernel elements are read where they lie, and an element that is in the map from the first `next` to the
 * last is met exactly once, whatever happens to it meanwhile; elements that come or go during the walk are met at most
 * once. Elsewhere the walk is that of BPF_MAP_GET_NEXT_KEY: one that meets a removed key starts anew.
 */
export class MapCursor<K = BtfValue, V = BtfValue> {
  readonly #walk: MapWalk;
  readonly #name: string;
  readonly #keySize: number;
  readonly #valueBytes: number;
  readonly #readers: MapReaders;
  readonly #littleEndian: boolean;
  /** Where the element lies; views of nothing where the cursor is at none. */
  #keys: DataView = NOWHERE;
  #keyAt = 0;
  #values: DataView = NOWHERE;
  #valueAt = 0;

  constructor(map: WalkedMap, readers: MapReaders) {
    this.#walk = walkOf(map);
    this.#name = map.name;
    this.#keySize = map.keySize;
    this.#valueBytes = map.valueBytes;
    this.#readers = readers;
    this.#littleEndian = readers.littleEndian;
  }

  /** Goes to the first element, then to the next one; false after the last. */
  next(): boolean {
    const walk = this.#walk;
    if (!walk.next()) {
      this.#keys = this.#values = NOWHERE;
      return false;
    }
    this.#keys = walk.keys;
    this.#keyAt = walk.keyAt;
    this.#values = walk.values;
    this.#valueAt = walk.valueAt;
    return true;
  }

  /** The key, as `BpfMap.keys` gives it. */
  get key(): K {
    if (this.#keys === NOWHERE) throw this.#nowhere();
    return this.#readers.key(this.#keys, this.#keyAt) as K;
  }

  /** The value, as `BpfMap.get` gives it. */
  get value(): V {
    if (this.#keys === NOWHERE) throw this.#nowhere();
    return this.#readers.value(this.#values, this.#valueAt) as V;
  }

  /** A copy of the key's bytes. */
  get keyBytes(): Uint8Array {
    if (this.#keys === NOWHERE) throw this.#nowhere();
    return bytesAt(this.#keys, this.#keyAt, this.#keySize);
  }

  /** A copy of the value's bytes, as BPF_MAP_LOOKUP_ELEM gives them. */
  get valueBytes(): Uint8Array {
    if (this.#keys === NOWHERE) throw this.#nowhere();
    return bytesAt(this.#values, this.#valueAt, this.#valueBytes);
  }

  /** An unsigned number of the key's, at a byte of it. */
  keyU32(at = 0): number {
    if (at < 0 || at + 4 > this.#keySize || this.#keys === NOWHERE) throw this.#outside('key', at, 4);
    return this.#keys.getUint32(this.#keyAt + at, this.#littleEndian);
  }

  keyU64(at = 0): bigint {
    if (at < 0 || at + 8 > this.#keySize || this.#keys === NOWHERE) throw this.#outside('key', at, 8);
    return this.#keys.getBigUint64(this.#keyAt + at, this.#littleEndian);
  }

  /** An unsigned number of the value's, at a byte of it. */
  valueU32(at = 0): number {
    if (at < 0 || at + 4 > this.#valueBytes || this.#keys === NOWHERE) throw this.#outside('value', at, 4);
    return this.#values.getUint32(this.#valueAt + at, this.#littleEndian);
  }

  valueU64(at = 0): bigint {
    if (at < 0 || at + 8 > this.#valueBytes || this.#keys === NOWHERE) throw this.#outside('value', at, 8);
    return this.#values.getBigUint64(this.#valueAt + at, this.#littleEndian);
  }

  #nowhere(): UsageError {
    return new UsageError(`map '${this.#name}': the cursor is at no element: call next() first`, { errno: EINVAL });
  }

  #outside(what: 'key' | 'value', at: number, size: number): UsageError {
    if (this.#keys === NOWHERE) return this.#nowhere();
    const lenBytes = what === 'key' ? this.#keySize : this.#valueBytes;
    return new UsageError(`map '${this.#name}': ${size} bytes at byte ${at} of a ${what} of ${lenBytes}`, {
      errno: EINVAL,
    });
  }
}

/** What turns a key and a value into JS values. */
export interface MapReaders {
  readonly key: ValueReader;
  readonly value: ValueReader;
  readonly littleEndian: boolean;
}

const NOWHERE: DataView = new DataView(new ArrayBuffer(0));

function bytesAt(view: DataView, at: number, lenBytes: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + at, lenBytes).slice();
}

/** A walk as an iterator, written out: a generator costs more than the element. */
abstract class WalkIterator<T> implements IterableIterator<T> {
  protected readonly walk: MapWalk;
  protected readonly readers: MapReaders;

  constructor(map: WalkedMap, readers: MapReaders) {
    this.walk = walkOf(map);
    this.readers = readers;
  }

  abstract next(): IteratorResult<T>;

  [Symbol.iterator](): this {
    return this;
  }
}

export class KeyIterator<K> extends WalkIterator<K> {
  override next(): IteratorResult<K> {
    const { walk } = this;
    if (!walk.next()) return { value: undefined, done: true };
    return { value: this.readers.key(walk.keys, walk.keyAt) as K, done: false };
  }
}

export class ValueIterator<V> extends WalkIterator<V> {
  override next(): IteratorResult<V> {
    const { walk } = this;
    if (!walk.next()) return { value: undefined, done: true };
    return { value: this.readers.value(walk.values, walk.valueAt) as V, done: false };
  }
}

export class EntryIterator<K, V> extends WalkIterator<[K, V]> {
  override next(): IteratorResult<[K, V]> {
    const { walk, readers } = this;
    if (!walk.next()) return { value: undefined, done: true };
    const key = readers.key(walk.keys, walk.keyAt) as K;
    return { value: [key, readers.value(walk.values, walk.valueAt) as V], done: false };
  }
}
