// SPDX-License-Identifier: MIT
import {
  BPF_MAP_DELETE_BATCH,
  BPF_MAP_LOOKUP_AND_DELETE_BATCH,
  BPF_MAP_LOOKUP_BATCH,
  BPF_MAP_UPDATE_BATCH,
  ENOENT,
  type BatchAttr,
  type Sys,
} from '@tsbpf/uapi';
import type { BtfValue } from '@tsbpf/btf';
import type { MapCodec } from './map-codec.ts';
import { failed, must } from './syscall.ts';

export interface BatchPage<K = BtfValue, V = BtfValue> {
  readonly entries: [K, V][];
  /** Where the next page begins; undefined after the last. */
  readonly cursor: Uint8Array | undefined;
}

interface BatchInit {
  readonly sys: Sys;
  readonly name: string;
  readonly fd: number;
  readonly keySize: number;
  readonly valueBytes: number;
  readonly codec: MapCodec;
}

/** The batch commands of Linux 5.6 on one map. */
export class MapBatch<K = BtfValue, V = BtfValue> {
  readonly #init: BatchInit;

  constructor(init: BatchInit) {
    this.#init = init;
  }

  /** Up to `count` elements from the cursor on. @errno ENOSPC (SyscallError) a hash bucket holds more than that */
  lookup(count: number, cursor?: Uint8Array): BatchPage<K, V> {
    return this.#page(BPF_MAP_LOOKUP_BATCH, 'BPF_MAP_LOOKUP_BATCH', count, cursor);
  }

  /** The same, and removes them. */
  lookupAndDelete(count: number, cursor?: Uint8Array): BatchPage<K, V> {
    return this.#page(BPF_MAP_LOOKUP_AND_DELETE_BATCH, 'BPF_MAP_LOOKUP_AND_DELETE_BATCH', count, cursor);
  }

  /** Puts elements. The result is how many were put. @throws SyscallError at the first that cannot be */
  update(entries: readonly (readonly [K, V])[], { elemFlags = 0n }: { elemFlags?: bigint } = {}): number {
    const { sys, name, fd, codec } = this.#init;
    const attr: BatchAttr = {
      map_fd: fd,
      keys: join(entries.map(([key]) => codec.encodeKey(key as BtfValue))),
      values: join(entries.map(([, value]) => codec.encodeValue(value as BtfValue))),
      count: entries.length,
      elem_flags: elemFlags,
    };
    must(sys, BPF_MAP_UPDATE_BATCH, attr, `map '${name}': batch update`);
    return attr.count ?? 0;
  }

  /** Removes elements. The result is how many were removed. @throws SyscallError at the first that cannot be */
  delete(keys: readonly K[]): number {
    const { sys, name, fd, codec } = this.#init;
    const attr: BatchAttr = {
      map_fd: fd,
      keys: join(keys.map((key) => codec.encodeKey(key as BtfValue))),
      count: keys.length,
    };
    must(sys, BPF_MAP_DELETE_BATCH, attr, `map '${name}': batch delete`);
    return attr.count ?? 0;
  }

  #page(
    cmd: typeof BPF_MAP_LOOKUP_BATCH | typeof BPF_MAP_LOOKUP_AND_DELETE_BATCH,
    cmdName: string,
    count: number,
    cursor: Uint8Array | undefined,
  ): BatchPage<K, V> {
    const { sys, name, fd, keySize, valueBytes, codec } = this.#init;
    const keys = new Uint8Array(keySize * count);
    const values = new Uint8Array(valueBytes * count);
    const out = new Uint8Array(Math.max(keySize, 4));
    const attr: BatchAttr = { map_fd: fd, in_batch: cursor, out_batch: out, keys, values, count };
    const result = sys.bpf(cmd, attr);
    if (result < 0 && result !== -ENOENT) throw failed(cmdName, result, `map '${name}': batch`);
    const entries: [K, V][] = [];
    for (let i = 0; i < (attr.count ?? 0); i++) {
      entries.push([
        codec.decodeKey(keys.subarray(i * keySize, (i + 1) * keySize)) as K,
        codec.decodeValue(values.subarray(i * valueBytes, (i + 1) * valueBytes)) as V,
      ]);
    }
    return { entries, cursor: result === -ENOENT ? undefined : out };
  }
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
