// SPDX-License-Identifier: MIT
import type { Btf, BtfValue } from '@tsbpf/btf';
import {
  BPF_MAP_DELETE_ELEM,
  BPF_MAP_FREEZE,
  BPF_MAP_GET_NEXT_KEY,
  BPF_MAP_LOOKUP_AND_DELETE_ELEM,
  BPF_MAP_LOOKUP_ELEM,
  BPF_MAP_UPDATE_ELEM,
  BPF_OBJ_GET_INFO_BY_FD,
  BPF_OBJ_PIN,
  EINVAL,
  ENOENT,
  UsageError,
  type MapInfo,
  type Sys,
} from '@tsbpf/uapi';
import type { MapSpec } from '../open/spec.ts';
import { MapBatch } from './map-batch.ts';
import { MapBuffers } from './map-buffers.ts';
import { EntryIterator, KeyIterator, MapCursor, ValueIterator, walkOf, type WalkedMap } from './map-cursor.ts';
import { MapCodec, type HasFd } from './map-codec.ts';
import { MapSettings } from './map-settings.ts';
import { failed, must, needSys, unlink } from './syscall.ts';

/** A key or value: typed by the map's BTF; else an integer of its size; always its bytes. */
export type MapValue = BtfValue;

export interface MapInit {
  readonly spec: MapSpec;
  readonly sys: Sys | undefined;
  readonly btf: Btf | undefined;
  readonly littleEndian: boolean;
  readonly pinRootPath: string;
}

const NO_FD = -1;

/**
 * A map of an object. Its settings may change until the object is loaded; its elements are there from then on.
 *
 * Keys and values are what the map's BTF types say: numbers up to 32 bits, bigint above, objects for structs. Without
 * types they are integers, or bytes where the size is no integer's. A value of a per-CPU map is an array by CPU.
 *
 * `K` and `V` are what the reader of the code says they are, see {@link BpfObject.map}; nothing checks that at run time.
 */
export class BpfMap<K = MapValue, V = MapValue> extends MapSettings {
  readonly #sys: Sys | undefined;
  readonly #codec: MapCodec;
  readonly #btf: Btf | undefined;
  #fd = NO_FD;
  #reused = false;
  #made: MapBuffers | undefined;

  constructor(init: MapInit) {
    const { spec, sys, btf, littleEndian } = init;
    super(spec, init.pinRootPath);
    this.#sys = sys;
    this.#btf = btf;
    this.#codec = new MapCodec({
      get name() {
        return spec.name;
      },
      get type() {
        return spec.type;
      },
      get keySize() {
        return spec.keySize;
      },
      get valueSize() {
        return spec.valueSize;
      },
      get btfKeyTypeId() {
        return spec.btfKeyTypeId;
      },
      get btfValueTypeId() {
        return spec.btfValueTypeId;
      },
      btf,
      littleEndian,
      cpus: () => needSys(sys, `map '${spec.name}'`).possibleCpus(),
    });
  }

  /** @errno EINVAL (UsageError) the map does not exist yet */
  get fd(): number {
    if (this.#fd === NO_FD) {
      throw new UsageError(`map '${this.name}': it does not exist before the object is loaded`, { errno: EINVAL });
    }
    return this.#fd;
  }

  get exists(): boolean {
    return this.#fd !== NO_FD;
  }

  /** Whether the map was there before the object was loaded. */
  get reused(): boolean {
    return this.#reused;
  }

  /** The object's BTF, which the type ids refer to. */
  get btf(): Btf | undefined {
    return this.#btf;
  }

  /** Takes an existing map in place of a new one. The object closes the fd with itself. */
  reuseFd(fd: number): void {
    this.changeable('fd');
    const info: MapInfo = {};
    must(this.#system, BPF_OBJ_GET_INFO_BY_FD, { bpf_fd: fd, info }, `map '${this.name}': reuse of fd ${fd}`);
    this.type = info.type ?? 0;
    this.keySize = info.key_size ?? 0;
    this.valueSize = info.value_size ?? 0;
    this.maxEntries = info.max_entries ?? 0;
    this.mapFlags = info.map_flags ?? 0;
    this.adoptFd(fd, { reused: true });
  }

  /** For the loader: the map exists now. */
  adoptFd(fd: number, options: { reused: boolean }): void {
    this.#fd = fd;
    this.#reused = options.reused;
    this.created = true;
    this.#made = undefined;
  }

  /** For the loader: the fd is gone. */
  dropFd(): void {
    this.#fd = NO_FD;
    this.#made = undefined;
  }

  /** Buffers that single operations use over and over: system calls copy from and to them. */
  get #buffers(): MapBuffers {
    return (this.#made ??= new MapBuffers(this.#codec, this.keySize));
  }

  get #system(): Sys {
    return needSys(this.#sys, `map '${this.name}'`);
  }

  /** The value at a key, or of a keyless map its next element; undefined where there is none. */
  get(key?: K, options?: { flags?: bigint }): V | undefined {
    const buffers = this.#buffers;
    const attr = { map_fd: this.fd, key: this.#key(key), value: buffers.value, flags: options?.flags ?? 0n };
    const result = this.#system.bpf(BPF_MAP_LOOKUP_ELEM, attr);
    if (result === -ENOENT) return undefined;
    if (result < 0) throw failed('BPF_MAP_LOOKUP_ELEM', result, `map '${this.name}'`);
    return buffers.readValue() as V;
  }

  /** The same with bytes; of a per-CPU map, a slot rounded up to 8 for each CPU. */
  getBytes(key: Uint8Array | undefined, { flags = 0n }: { flags?: bigint } = {}): Uint8Array | undefined {
    const value = new Uint8Array(this.#codec.valueBytes);
    const result = this.#system.bpf(BPF_MAP_LOOKUP_ELEM, { map_fd: this.fd, key, value, flags });
    if (result === -ENOENT) return undefined;
    if (result < 0) throw failed('BPF_MAP_LOOKUP_ELEM', result, `map '${this.name}'`);
    return value;
  }

  /** Whether there is an element at the key. */
  has(key: K): boolean {
    return this.getBytes(this.#key(key)) !== undefined;
  }

  /** Puts a value at a key. `flags` are BPF_ANY, BPF_NOEXIST, BPF_EXIST, BPF_F_LOCK. @throws SyscallError */
  set(key: K, value: V | HasFd, options?: { flags?: bigint | number }): this {
    const buffers = this.#buffers;
    this.#update(buffers.putKey(key), buffers.putValue(value), options?.flags);
    return this;
  }

  /** The same with bytes. */
  setBytes(key: Uint8Array | undefined, value: Uint8Array, { flags = 0n }: { flags?: bigint | number } = {}): void {
    this.#update(key, value, flags);
  }

  #update(key: Uint8Array | undefined, value: Uint8Array, flags: bigint | number = 0n): void {
    const attr = { map_fd: this.fd, key, value, flags: typeof flags === 'bigint' ? flags : BigInt(flags) };
    const result = this.#system.bpf(BPF_MAP_UPDATE_ELEM, attr);
    if (result < 0) throw failed('BPF_MAP_UPDATE_ELEM', result, `map '${this.name}': update`);
  }

  /** Removes an element; false where there was none. @throws SyscallError where elements cannot be removed */
  delete(key: K): boolean {
    const result = this.#system.bpf(BPF_MAP_DELETE_ELEM, { map_fd: this.fd, key: this.#key(key) });
    if (result === -ENOENT) return false;
    if (result < 0) throw failed('BPF_MAP_DELETE_ELEM', result, `map '${this.name}'`);
    return true;
  }

  /** Takes an element out; undefined where there is none. Without a key, of a queue or stack. */
  lookupAndDelete(key?: K): V | undefined {
    const value = new Uint8Array(this.#codec.valueBytes);
    const result = this.#system.bpf(BPF_MAP_LOOKUP_AND_DELETE_ELEM, { map_fd: this.fd, key: this.#key(key), value });
    if (result === -ENOENT) return undefined;
    if (result < 0) throw failed('BPF_MAP_LOOKUP_AND_DELETE_ELEM', result, `map '${this.name}'`);
    return this.#codec.decodeValue(value) as V;
  }

  /** Adds to a queue or stack. */
  push(value: V, options: { flags?: bigint | number } = {}): void {
    this.setBytes(undefined, this.#buffers.putValue(value), options);
  }

  /** Takes from a queue or stack. */
  pop(): V | undefined {
    return this.lookupAndDelete();
  }

  /** Looks at what `pop` would take. */
  peek(): V | undefined {
    return this.get();
  }

  /** The keys, in the order of {@link BpfMap.cursor}. */
  keys(): IterableIterator<K> {
    return new KeyIterator<K>(this.#walked, this.#buffers.readers);
  }

  /** Keys as bytes, in the kernel's order. An element that goes away meanwhile may start the walk anew, as in Linux. */
  *keyBytes(): Generator<Uint8Array> {
    let key: Uint8Array | undefined;
    for (;;) {
      const next = new Uint8Array(this.keySize);
      const result = this.#system.bpf(BPF_MAP_GET_NEXT_KEY, { map_fd: this.fd, key, next_key: next });
      if (result === -ENOENT) return;
      if (result < 0) throw failed('BPF_MAP_GET_NEXT_KEY', result, `map '${this.name}'`);
      yield next;
      key = next;
    }
  }

  /** A place that moves over the elements: the fastest way to read many. */
  cursor(): MapCursor<K, V> {
    return new MapCursor<K, V>(this.#walked, this.#buffers.readers);
  }

  /** Keys and values, in the order of {@link BpfMap.cursor}. */
  entries(): IterableIterator<[K, V]> {
    return new EntryIterator<K, V>(this.#walked, this.#buffers.readers);
  }

  values(): IterableIterator<V> {
    return new ValueIterator<V>(this.#walked, this.#buffers.readers);
  }

  [Symbol.iterator](): IterableIterator<[K, V]> {
    return this.entries();
  }

  /** Elements, counted one by one. */
  get size(): number {
    let count = 0;
    for (const walk = walkOf(this.#walked); walk.next();) count++;
    return count;
  }

  get #walked(): WalkedMap {
    return {
      sys: this.#system,
      name: this.name,
      fd: this.fd,
      keySize: this.keySize,
      valueBytes: this.#codec.valueBytes,
    };
  }

  /** Many elements in one call. */
  get batch(): MapBatch<K, V> {
    return new MapBatch<K, V>({
      sys: this.#system,
      name: this.name,
      fd: this.fd,
      keySize: this.keySize,
      valueBytes: this.#codec.valueBytes,
      codec: this.#codec,
    });
  }

  /** User space can change no element from now on. @throws SyscallError */
  freeze(): void {
    must(this.#system, BPF_MAP_FREEZE, { map_fd: this.fd }, `map '${this.name}': freeze`);
  }

  /** Names the map in a bpf file system. @throws SyscallError */
  pin(path: string): void {
    must(this.#system, BPF_OBJ_PIN, { pathname: path, bpf_fd: this.fd }, `map '${this.name}': pin at '${path}'`);
  }

  /** Takes the name away again. @errno EOPNOTSUPP (NotSupportedError) the system cannot remove names */
  unpin(path: string): void {
    unlink(this.#system, path, `map '${this.name}'`);
  }

  /** What the kernel says of the map. */
  info(): MapInfo {
    const info: MapInfo = {};
    must(this.#system, BPF_OBJ_GET_INFO_BY_FD, { bpf_fd: this.fd, info }, `map '${this.name}': info`);
    return info;
  }

  /** Maps the values of an array (BPF_F_MMAPABLE) into memory. @throws SyscallError */
  mmap(options: { lenBytes: number; offset?: number; writable?: boolean }): Uint8Array {
    const { lenBytes, offset = 0, writable = true } = options;
    const bytes = this.#system.mmap(this.fd, { lenBytes, offset, writable });
    if (typeof bytes === 'number') throw failed('mmap', bytes, `map '${this.name}'`);
    return bytes;
  }

  #key(key: K | undefined): Uint8Array | undefined {
    if (key === undefined) {
      if (this.keySize === 0) return undefined;
      throw new UsageError(`map '${this.name}': a key of ${this.keySize} bytes is missing`, { errno: EINVAL });
    }
    return this.#buffers.putKey(key);
  }
}
