// SPDX-License-Identifier: MIT
// Keys and values of a map between JS and bytes: by its BTF types where it has them, else as plain integers or bytes.
import { decodeValue, encodeValue, type Btf, type BtfValue } from '@tsbpf/btf';
import {
  compileReader,
  compileWriter,
  scalarReader,
  scalarWriter,
  type ValueReader,
  type ValueWriter,
} from './value-io.ts';
import {
  BPF_MAP_TYPE_ARRAY_OF_MAPS,
  BPF_MAP_TYPE_CGROUP_ARRAY,
  BPF_MAP_TYPE_HASH_OF_MAPS,
  BPF_MAP_TYPE_LRU_PERCPU_HASH,
  BPF_MAP_TYPE_PERCPU_ARRAY,
  BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE,
  BPF_MAP_TYPE_PERCPU_HASH,
  BPF_MAP_TYPE_PERF_EVENT_ARRAY,
  BPF_MAP_TYPE_PROG_ARRAY,
  BPF_MAP_TYPE_REUSEPORT_SOCKARRAY,
  BPF_MAP_TYPE_SOCKHASH,
  BPF_MAP_TYPE_SOCKMAP,
  BPF_MAP_TYPE_XSKMAP,
  EINVAL,
  ERANGE,
  UsageError,
} from '@tsbpf/uapi';

/** Something with a file descriptor, as program arrays and maps of maps take for a value. */
export interface HasFd {
  readonly fd: number;
}

const PER_CPU: ReadonlySet<number> = new Set([
  BPF_MAP_TYPE_PERCPU_HASH,
  BPF_MAP_TYPE_PERCPU_ARRAY,
  BPF_MAP_TYPE_LRU_PERCPU_HASH,
  BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE,
]);

/** Maps whose values are fds when they are put in. */
const TAKES_FDS: ReadonlySet<number> = new Set([
  BPF_MAP_TYPE_PROG_ARRAY,
  BPF_MAP_TYPE_PERF_EVENT_ARRAY,
  BPF_MAP_TYPE_CGROUP_ARRAY,
  BPF_MAP_TYPE_ARRAY_OF_MAPS,
  BPF_MAP_TYPE_HASH_OF_MAPS,
  BPF_MAP_TYPE_SOCKMAP,
  BPF_MAP_TYPE_SOCKHASH,
  BPF_MAP_TYPE_XSKMAP,
  BPF_MAP_TYPE_REUSEPORT_SOCKARRAY,
]);

export const isPerCpu = (mapType: number): boolean => PER_CPU.has(mapType);

/** What a codec must know of its map. */
export interface MapLayout {
  readonly name: string;
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly btf: Btf | undefined;
  readonly btfKeyTypeId: number;
  readonly btfValueTypeId: number;
  readonly littleEndian: boolean;
  /** Possible CPUs; asked only of per-CPU maps. */
  cpus(): number;
}

const isFd = (value: unknown): value is HasFd =>
  typeof value === 'object' &&
  value !== null &&
  !(value instanceof Uint8Array) &&
  typeof (value as HasFd).fd === 'number';

const never: ValueWriter = () => false;

function general(lenBytes: number, decode: (bytes: Uint8Array) => BtfValue): ValueReader {
  return (view, at) => decode(new Uint8Array(view.buffer, view.byteOffset + at, lenBytes));
}

export class MapCodec {
  readonly #layout: MapLayout;

  constructor(layout: MapLayout) {
    this.#layout = layout;
  }

  get littleEndian(): boolean {
    return this.#layout.littleEndian;
  }

  /** What `decodeKey` does, made for this key. */
  keyReader(): ValueReader {
    const { keySize, btfKeyTypeId } = this.#layout;
    return this.#reader(keySize, btfKeyTypeId) ?? general(keySize, (bytes) => this.decodeKey(bytes));
  }

  /** What `decodeValue` does, made for this value. */
  valueReader(): ValueReader {
    const { type, valueSize, btfValueTypeId } = this.#layout;
    const one = this.#reader(valueSize, btfValueTypeId);
    const all = this.valueBytes;
    if (one === undefined) return general(all, (bytes) => this.decodeValue(bytes));
    if (!isPerCpu(type)) return one;
    const slot = this.#slot;
    return (view, at) => {
      const values: BtfValue[] = [];
      for (let off = 0; off < all; off += slot) values.push(one(view, at + off));
      return values;
    };
  }

  /** Writes what `encodeKey` gives where it can: false elsewhere. */
  keyWriter(): ValueWriter {
    const { keySize, btfKeyTypeId } = this.#layout;
    return this.#writer(keySize, btfKeyTypeId);
  }

  /** Writes what `encodeValue` gives where it can: false elsewhere. */
  valueWriter(): ValueWriter {
    const { type, valueSize, btfValueTypeId } = this.#layout;
    return isPerCpu(type) || TAKES_FDS.has(type) ? never : this.#writer(valueSize, btfValueTypeId);
  }

  #reader(size: number, typeId: number): ValueReader | undefined {
    const { btf, littleEndian } = this.#layout;
    if (btf === undefined || typeId === 0) return scalarReader({ size, signed: false, bool: false, littleEndian });
    return btf.resolveSize(typeId) === size ? compileReader(btf, typeId) : undefined;
  }

  #writer(size: number, typeId: number): ValueWriter {
    const { btf, littleEndian } = this.#layout;
    if (btf === undefined || typeId === 0) {
      return scalarWriter({ size, signed: false, bool: false, littleEndian, lenient: true }) ?? never;
    }
    return (btf.resolveSize(typeId) === size ? compileWriter(btf, typeId) : undefined) ?? never;
  }

  encodeKey(key: BtfValue): Uint8Array {
    const { keySize, btfKeyTypeId } = this.#layout;
    return this.#encode('key', key, keySize, btfKeyTypeId);
  }

  decodeKey(bytes: Uint8Array): BtfValue {
    return this.#decode(bytes, this.#layout.btfKeyTypeId);
  }

  /** Bytes of a value as the kernel takes it: of a per-CPU map, a slot for each CPU. */
  get valueBytes(): number {
    const { type, valueSize } = this.#layout;
    return isPerCpu(type) ? this.#slot * this.#layout.cpus() : valueSize;
  }

  get #slot(): number {
    return Math.ceil(this.#layout.valueSize / 8) * 8;
  }

  /** A per-CPU map takes an array with a value for each CPU, or one for all of them. */
  encodeValue(value: BtfValue | HasFd): Uint8Array {
    const { name, type, valueSize, btfValueTypeId } = this.#layout;
    if (isFd(value) && (btfValueTypeId === 0 || TAKES_FDS.has(type)))
      return this.#integer('value', value.fd, valueSize);
    const plain = value as BtfValue;
    if (!isPerCpu(type)) return this.#encode('value', plain, valueSize, btfValueTypeId);
    const bytes = new Uint8Array(this.valueBytes);
    if (plain instanceof Uint8Array && plain.length === bytes.length) return plain;
    const cpus = this.#layout.cpus();
    const perCpu = Array.isArray(plain) ? plain : new Array<BtfValue>(cpus).fill(plain);
    if (perCpu.length !== cpus) {
      throw new UsageError(`map '${name}': ${perCpu.length} values for ${cpus} CPUs`, { errno: EINVAL });
    }
    perCpu.forEach((one, cpu) => bytes.set(this.#encode('value', one, valueSize, btfValueTypeId), cpu * this.#slot));
    return bytes;
  }

  decodeValue(bytes: Uint8Array): BtfValue {
    const { type, valueSize, btfValueTypeId } = this.#layout;
    if (!isPerCpu(type)) return this.#decode(bytes, btfValueTypeId);
    const values: BtfValue[] = [];
    for (let at = 0; at < bytes.length; at += this.#slot) {
      values.push(this.#decode(bytes.subarray(at, at + valueSize), btfValueTypeId));
    }
    return values;
  }

  #encode(what: string, value: BtfValue, size: number, typeId: number): Uint8Array {
    const { name, btf } = this.#layout;
    if (value instanceof Uint8Array) {
      if (value.length === size) return value;
      if (btf === undefined || typeId === 0) {
        throw new UsageError(`map '${name}': ${what} of ${value.length} bytes, expected ${size}`, { errno: EINVAL });
      }
    }
    if (btf !== undefined && typeId !== 0) return encodeValue(btf, typeId, value);
    if (typeof value === 'number' || typeof value === 'bigint') return this.#integer(what, value, size);
    throw new UsageError(`map '${name}': it has no types, so a ${what} is ${size} bytes or an integer`, {
      errno: EINVAL,
    });
  }

  #integer(what: string, value: number | bigint, size: number): Uint8Array {
    const { name, littleEndian } = this.#layout;
    if (typeof value === 'number' && !Number.isSafeInteger(value)) {
      throw new UsageError(`map '${name}': ${what} ${value} is no integer`, { errno: EINVAL });
    }
    const big = BigInt(value);
    const bits = BigInt(size * 8);
    if (![1, 2, 4, 8].includes(size) || big >= 1n << bits || big < -(1n << (bits - 1n))) {
      throw new UsageError(`map '${name}': ${what} ${value} does not fit in ${size} bytes`, { errno: ERANGE });
    }
    const bytes = new Uint8Array(size);
    for (let i = 0; i < size; i++) bytes[littleEndian ? i : size - 1 - i] = Number((big >> BigInt(8 * i)) & 0xffn);
    return bytes;
  }

  #decode(bytes: Uint8Array, typeId: number): BtfValue {
    const { btf, littleEndian } = this.#layout;
    if (btf !== undefined && typeId !== 0) return decodeValue(btf, typeId, bytes);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    switch (bytes.length) {
      case 1:
        return view.getUint8(0);
      case 2:
        return view.getUint16(0, littleEndian);
      case 4:
        return view.getUint32(0, littleEndian);
      case 8:
        return view.getBigUint64(0, littleEndian);
      default:
        return bytes.slice();
    }
  }
}
