// SPDX-License-Identifier: MIT
import {
  BPF_MAP_CREATE,
  BPF_MAP_DELETE_BATCH,
  BPF_MAP_DELETE_ELEM,
  BPF_MAP_FREEZE,
  BPF_MAP_GET_NEXT_KEY,
  BPF_MAP_LOOKUP_AND_DELETE_BATCH,
  BPF_MAP_LOOKUP_AND_DELETE_ELEM,
  BPF_MAP_LOOKUP_BATCH,
  BPF_MAP_LOOKUP_ELEM,
  BPF_MAP_TYPE_LRU_PERCPU_HASH,
  BPF_MAP_TYPE_PERCPU_ARRAY,
  BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE,
  BPF_MAP_TYPE_PERCPU_HASH,
  BPF_MAP_UPDATE_BATCH,
  BPF_MAP_UPDATE_ELEM,
  InternalError,
  errnoName,
  type MapCreateAttr,
  type Sys,
} from '@tsbpf/uapi';

/** What a batch call answered. */
export interface BatchAnswer {
  readonly ret: number;
  readonly count: number;
  readonly keys: Uint8Array;
  readonly values: Uint8Array;
  readonly cursor: Uint8Array;
}

/** The little-endian bytes of some words. */
export function u32s(...words: readonly number[]): Uint8Array {
  return new Uint8Array(new Uint32Array(words).buffer);
}

/** Bytes in hex, the name of an errno, or a number: for comparing and printing what a system answered. */
export function answerText(answer: Uint8Array | number): string {
  if (typeof answer === 'number') return answer < 0 ? errnoName(-answer) : String(answer);
  return Array.from(answer, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** A map of any system, through bpf(2): numbers are what the system call answered, `-errno` included. */
export class TestMap {
  readonly sys: Sys;
  readonly fd: number;
  readonly keySize: number;
  /** As system calls pass it. */
  readonly valueSize: number;

  constructor(sys: Sys, attr: MapCreateAttr, fd = sys.bpf(BPF_MAP_CREATE, { ...attr })) {
    if (fd < 0) throw new InternalError(`BPF_MAP_CREATE of type ${attr.map_type}: ${errnoName(-fd)}`);
    const percpu: readonly number[] = [
      BPF_MAP_TYPE_PERCPU_HASH,
      BPF_MAP_TYPE_PERCPU_ARRAY,
      BPF_MAP_TYPE_LRU_PERCPU_HASH,
      BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE,
    ];
    this.sys = sys;
    this.fd = fd;
    this.keySize = attr.key_size ?? 0;
    const valueSize = attr.value_size ?? 0;
    this.valueSize = percpu.includes(attr.map_type) ? Math.ceil(valueSize / 8) * 8 * sys.possibleCpus() : valueSize;
  }

  update(key: Uint8Array | undefined, value: Uint8Array, flags = 0): number {
    return this.sys.bpf(BPF_MAP_UPDATE_ELEM, { map_fd: this.fd, key, value, flags: BigInt(flags) });
  }

  lookup(key: Uint8Array | undefined, flags = 0): Uint8Array | number {
    const value = new Uint8Array(this.valueSize);
    const ret = this.sys.bpf(BPF_MAP_LOOKUP_ELEM, { map_fd: this.fd, key, value, flags: BigInt(flags) });
    return ret < 0 ? ret : value;
  }

  delete(key: Uint8Array | undefined): number {
    return this.sys.bpf(BPF_MAP_DELETE_ELEM, { map_fd: this.fd, key });
  }

  lookupAndDelete(key: Uint8Array | undefined): Uint8Array | number {
    const value = new Uint8Array(this.valueSize);
    const ret = this.sys.bpf(BPF_MAP_LOOKUP_AND_DELETE_ELEM, { map_fd: this.fd, key, value });
    return ret < 0 ? ret : value;
  }

  /** The key after `key`, or the first. */
  next(key: Uint8Array | undefined): Uint8Array | number {
    const nextKey = new Uint8Array(this.keySize);
    const ret = this.sys.bpf(BPF_MAP_GET_NEXT_KEY, { map_fd: this.fd, key, next_key: nextKey });
    return ret < 0 ? ret : nextKey;
  }

  /** All keys in the order of iteration; throws where there is no end. */
  keys(limit = 1_000_000): Uint8Array[] {
    const keys: Uint8Array[] = [];
    for (let key = this.next(undefined); typeof key !== 'number'; key = this.next(key)) {
      keys.push(key);
      if (keys.length > limit) throw new InternalError(`iteration does not end after ${limit} keys`);
    }
    return keys;
  }

  freeze(): number {
    return this.sys.bpf(BPF_MAP_FREEZE, { map_fd: this.fd });
  }

  lookupBatch(
    count: number,
    options: { from?: Uint8Array; remove?: boolean; elemFlags?: bigint; flags?: bigint; noCursor?: boolean } = {},
  ): BatchAnswer {
    const attr = {
      map_fd: this.fd,
      in_batch: options.from,
      out_batch: options.noCursor === true ? undefined : new Uint8Array(Math.max(4, this.keySize)).fill(0xee),
      keys: new Uint8Array(count * this.keySize),
      values: new Uint8Array(count * this.valueSize),
      count,
      elem_flags: options.elemFlags,
      flags: options.flags,
    };
    const cmd = options.remove === true ? BPF_MAP_LOOKUP_AND_DELETE_BATCH : BPF_MAP_LOOKUP_BATCH;
    const ret = this.sys.bpf(cmd, attr);
    return { ret, count: attr.count, keys: attr.keys, values: attr.values, cursor: attr.out_batch ?? new Uint8Array() };
  }

  updateBatch(keys: Uint8Array, values: Uint8Array, count: number, elemFlags = 0n): { ret: number; count: number } {
    const attr = { map_fd: this.fd, keys, values, count, elem_flags: elemFlags };
    const ret = this.sys.bpf(BPF_MAP_UPDATE_BATCH, attr);
    return { ret, count: attr.count };
  }

  deleteBatch(keys: Uint8Array, count: number): { ret: number; count: number } {
    const attr = { map_fd: this.fd, keys, count };
    const ret = this.sys.bpf(BPF_MAP_DELETE_BATCH, attr);
    return { ret, count: attr.count };
  }

  close(): void {
    this.sys.close(this.fd);
  }
}
