// SPDX-License-Identifier: MIT
import { decodeValue, type BtfValue } from '@tsbpf/btf';
import type { KernelObject, KernelServices } from '@tsbpf/core';
import { ENOENT, UsageError } from '@tsbpf/uapi';
import { walkPath, type Place } from './field-path.ts';
import { Arena, type KernelValue } from './kernel-value.ts';

/**
 * A kernel structure that a script made, laid out by the kernel's BTF, with all that it points to. It stays until freed.
 */
export class FakeObject implements KernelObject {
  readonly kind = 'fake_object';
  readonly structName: string;
  readonly off: number;
  readonly #arena: Arena;
  readonly #place: Place;

  /**
   * Members that are not given are zero.
   * @errno ENOENT UsageError: the kernel has no such structure or member; EINVAL, ERANGE UsageError: a value that does not fit
   */
  constructor(kernel: KernelServices, structName: string, values: { readonly [path: string]: KernelValue } = {}) {
    const typeId = kernel.types.structId(structName);
    if (typeId === undefined) {
      throw new UsageError(`the kernel's BTF has no structure ${structName}`, { errno: ENOENT });
    }
    this.structName = structName;
    this.#arena = new Arena(kernel);
    try {
      this.off = this.#arena.build(typeId, values, structName);
    } catch (error) {
      this.#arena.free();
      throw error;
    }
    this.#place = { typeId, off: this.off, bitOff: 0, bits: 0 };
  }

  /** Its address, as programs see it. */
  get addr(): bigint {
    return this.#arena.kernel.mem.toAddr(this.off);
  }

  /** The value at a path; pointers on the way are followed. @errno ENOENT, EFAULT, EINVAL UsageError */
  get(path: string): BtfValue {
    const { kernel } = this.#arena;
    const { btf } = kernel.types;
    const place = walkPath(kernel, this.#place, path, { at: this.structName });
    const bytes = place.bits === 0 ? btf.resolveSize(place.typeId) : Math.ceil((place.bitOff + place.bits) / 8);
    const raw = kernel.mem.readBytes(place.off, bytes);
    if (place.bits === 0) return decodeValue(btf, place.typeId, raw);
    const word = raw.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
    const value = BigInt.asUintN(place.bits, word >> BigInt(place.bitOff));
    return place.bits > 32 ? value : Number(value);
  }

  /** Changes what is at a path; pointers on the way that are NULL get an object. */
  set(path: string, value: KernelValue): void {
    this.#arena.put(this.#arena.walk(this.#place, path, this.structName), value, `${this.structName}.${path}`);
  }

  /** Frees it and all that was made for it to point to. */
  free(): void {
    this.#arena.free();
  }
}
