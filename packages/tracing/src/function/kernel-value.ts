// SPDX-License-Identifier: MIT
// Values of scripts, written into kernel memory as their BTF types say.
import {
  BTF_KIND_ARRAY,
  BTF_KIND_FWD,
  BTF_KIND_INT,
  BTF_KIND_PTR,
  BTF_KIND_STRUCT,
  BTF_KIND_UNION,
  encodeValue,
  type BtfValue,
} from '@tsbpf/btf';
import type { KernelServices } from '@tsbpf/core';
import { BpfError, EINVAL, ENOMEM, ERANGE, UsageError } from '@tsbpf/uapi';
import { walkPath, type Place } from './field-path.ts';

/** Something in kernel memory: a fake object, or whatever else has an offset. */
export interface KernelPointer {
  readonly off: number;
}

/**
 * A C value in JS: numbers, booleans and bigints; names of enumerators; strings for arrays of bytes; objects for
 * structures, keyed by member or by path (`cred.uid.val`, `fds[2]`), across pointers too. For a pointer: null, an
 * address as a bigint, something in kernel memory, or what it shall point to (a string, bytes, an array, an object).
 */
export type KernelValue =
  | number
  | bigint
  | boolean
  | string
  | null
  | Uint8Array
  | KernelPointer
  | readonly KernelValue[]
  | { readonly [path: string]: KernelValue };

/** Whether an object stands for something that is in kernel memory already. */
export function isPointer(value: KernelValue): value is KernelPointer {
  if (typeof value !== 'object' || value === null || !('off' in value) || typeof value.off !== 'number') return false;
  return ('kind' in value && typeof value.kind === 'string') || Object.keys(value).length === 1;
}

const bad = (path: string, why: string, errno: number = EINVAL): UsageError =>
  new UsageError(`${path}: ${why}`, { errno });

const isObject = (value: KernelValue): value is { readonly [path: string]: KernelValue } =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);

/** Lays values out in kernel memory and keeps what it allocated, to be freed together. */
export class Arena {
  readonly kernel: KernelServices;
  readonly #owned: number[] = [];

  constructor(kernel: KernelServices) {
    this.kernel = kernel;
  }

  /** Zeroed bytes. @errno ENOMEM UsageError */
  alloc(lenBytes: number, name: string): number {
    const off = this.kernel.mem.alloc(lenBytes, { kind: 'object', name });
    if (off === 0) throw bad(name, `no room for ${lenBytes} bytes in the kernel memory`, ENOMEM);
    this.#owned.push(off);
    return off;
  }

  free(): void {
    for (const off of this.#owned.splice(0)) this.kernel.mem.free(off);
  }

  /** A new object of a type; answers its offset. */
  build(typeId: number, value: KernelValue, path: string): number {
    const { btf } = this.kernel.types;
    const off = this.alloc(btf.resolveSize(typeId), path);
    this.put({ typeId, off, bitOff: 0, bits: 0 }, value, path);
    return off;
  }

  /** Writes a value where the place is. */
  put(place: Place, value: KernelValue, path: string): void {
    const { mem, types } = this.kernel;
    const { btf } = types;
    const id = btf.skipModifiers(place.typeId);
    const kind = btf.kind(id);
    if (kind === BTF_KIND_STRUCT || kind === BTF_KIND_UNION) {
      if (!isObject(value) || isPointer(value)) throw bad(path, 'a structure takes an object');
      for (const [key, inner] of Object.entries(value)) {
        this.put(this.walk(place, key, path), inner, `${path}.${key}`);
      }
    } else if (kind === BTF_KIND_ARRAY && Array.isArray(value)) {
      const elements: readonly KernelValue[] = value;
      elements.forEach((inner, i) => this.put(this.walk(place, `[${i}]`, path), inner, `${path}[${i}]`));
    } else if (kind === BTF_KIND_PTR) {
      if (isObject(value) && !isPointer(value) && mem.read64(place.off) !== 0n) {
        this.put(this.walk(place, '*', path), value, path);
      } else mem.write64(place.off, this.pointer(id, value, path));
    } else if (kind === BTF_KIND_ARRAY && typeof value === 'string') {
      mem.writeBytes(place.off, this.#encode(id, new TextEncoder().encode(value), path));
    } else if (place.bits > 0) this.#putBits(place, value, path);
    else mem.writeBytes(place.off, this.#encode(id, value, path));
  }

  /** The place a path leads to from another. Pointers that are NULL get an object to point to. */
  walk(from: Place, path: string, at: string): Place {
    return walkPath(this.kernel, from, path, {
      at,
      fill: (ptr, typeId, name) => {
        const off = this.alloc(this.kernel.types.btf.resolveSize(typeId), name);
        this.kernel.mem.write64(ptr, this.kernel.mem.toAddr(off));
        return off;
      },
    });
  }

  /** The word for a value of a type that fits a register: integers zero-extended from their size, pointers whole. */
  word(typeId: number, value: KernelValue, path: string): bigint {
    const { btf } = this.kernel.types;
    const id = btf.skipModifiers(typeId);
    if (btf.kind(id) === BTF_KIND_PTR) return this.pointer(id, value, path);
    return this.#encode(id, value, path).reduceRight((word, byte) => (word << 8n) | BigInt(byte), 0n);
  }

  /** The address for a value of a pointer type. */
  pointer(ptrId: number, value: KernelValue, path: string): bigint {
    const { mem, types } = this.kernel;
    const { btf } = types;
    if (value === null || value === false) return 0n;
    if (typeof value === 'bigint') return BigInt.asUintN(64, value);
    if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt.asUintN(64, BigInt(value));
    if (isPointer(value)) return mem.toAddr(value.off);
    const pointee = btf.skipModifiers(btf.sizeOrType(ptrId));
    const takesBytes = pointee === 0 || (btf.kind(pointee) === BTF_KIND_INT && btf.resolveSize(pointee) === 1);
    if (takesBytes && (typeof value === 'string' || value instanceof Uint8Array)) {
      const bytes = typeof value === 'string' ? new TextEncoder().encode(`${value}\0`) : value;
      const off = this.alloc(bytes.length, path);
      mem.writeBytes(off, bytes);
      return mem.toAddr(off);
    }
    if (pointee === 0 || typeof value !== 'object') throw bad(path, 'this pointer takes an address, or null');
    if (btf.kind(pointee) === BTF_KIND_FWD)
      throw bad(path, `the kernel's BTF does not say what ${btf.name(pointee)} is`);
    if (Array.isArray(value)) {
      const size = btf.resolveSize(pointee);
      const off = this.alloc(size * value.length, path);
      const elements: readonly KernelValue[] = value;
      elements.forEach((inner, i) => {
        this.put({ typeId: pointee, off: off + size * i, bitOff: 0, bits: 0 }, inner, `${path}[${i}]`);
      });
      return mem.toAddr(off);
    }
    return mem.toAddr(this.build(pointee, value, path));
  }

  #encode(id: number, value: KernelValue, path: string): Uint8Array {
    try {
      return encodeValue(this.kernel.types.btf, id, value as BtfValue);
    } catch (error) {
      if (error instanceof BpfError) throw bad(path, error.message.replace(/^value: /, ''), error.errno);
      throw error;
    }
  }

  #putBits({ off, bitOff, bits }: Place, value: KernelValue, path: string): void {
    if (typeof value !== 'number' && typeof value !== 'bigint' && typeof value !== 'boolean') {
      throw bad(path, 'a bit field takes a number');
    }
    const number = BigInt(value);
    if (BigInt.asUintN(bits, number) !== number && BigInt.asIntN(bits, number) !== number) {
      throw bad(path, `${number} does not fit ${bits} bits`, ERANGE);
    }
    const { mem } = this.kernel;
    for (let i = 0; i < bits; i++) {
      const bit = bitOff + i;
      const at = off + (bit >>> 3);
      const mask = 1 << (bit & 7);
      const isSet = (number >> BigInt(i)) & 1n;
      mem.write8(at, isSet === 0n ? mem.read8(at) & ~mask : mem.read8(at) | mask);
    }
  }
}
