// SPDX-License-Identifier: MIT
import { EINVAL, UsageError } from '@tsbpf/uapi';
import { userSpaceOf, type UserSpace } from '@tsbpf/helpers';
import type { KernelServices } from '@tsbpf/core';

/** Where strings and arrays go that a script passes: below the stack of a process on x86-64. */
const BASE = 0x7ffd_0000_0000n;
const ALIGN = 8n;
const WORD = 8;

/**
 * What a process passes to the kernel: a number as it is, text as the address of a NUL-ended string, bytes as their
 * address, an array as the address of words (as argv, ended by NULL); null for NULL.
 */
export type UserValue = number | bigint | string | null | Uint8Array | readonly UserValue[];

/** 64 bits of an integer. @errno EINVAL UsageError: it is none */
export function integerWord(value: number | bigint): bigint {
  if (typeof value === 'number' && !Number.isInteger(value)) {
    throw new UsageError(`${value} is no integer, and cannot be passed to the kernel`, { errno: EINVAL });
  }
  return BigInt.asUintN(64, BigInt(value));
}

/** The memory of the simulated process, for scripts: they put there what programs read by user addresses. */
export class UserMemory {
  readonly #space: UserSpace;
  #next = BASE;

  constructor(kernel: KernelServices) {
    this.#space = userSpaceOf(kernel);
  }

  /** Zeroed bytes at a new address. */
  alloc(lenBytes: number): bigint {
    const at = this.#next;
    this.#next += (BigInt(lenBytes) + ALIGN - 1n) & -ALIGN;
    this.#space.write(at, new Uint8Array(lenBytes));
    return at;
  }

  /** Puts bytes at an address; pages that are missing are mapped. @errno EFAULT UsageError: outside of user space */
  write(addr: bigint, bytes: Uint8Array): void {
    this.#space.write(addr, bytes);
  }

  /** Undefined where a byte is not mapped. */
  read(addr: bigint, lenBytes: number): Uint8Array | undefined {
    return this.#space.read(addr, lenBytes);
  }

  /** Takes pages away: reading there faults. */
  unmap(addr: bigint, lenBytes: number): void {
    this.#space.unmap(addr, lenBytes);
  }

  /** The address of the bytes, or of a string with its NUL. */
  put(value: string | Uint8Array): bigint {
    const bytes = typeof value === 'string' ? new TextEncoder().encode(`${value}\0`) : value;
    const at = this.alloc(bytes.length);
    this.#space.write(at, bytes);
    return at;
  }

  /** The word that passes a value. @errno EINVAL UsageError: a number that is no integer */
  word(value: UserValue): bigint {
    if (value === null) return 0n;
    if (typeof value === 'number' || typeof value === 'bigint') return integerWord(value);
    if (typeof value === 'string' || value instanceof Uint8Array) return this.put(value);
    const words = [...value.map((each) => this.word(each)), 0n];
    const at = this.alloc(words.length * WORD);
    this.#space.write(at, new Uint8Array(BigUint64Array.from(words).buffer));
    return at;
  }

  /** Does something; the addresses that it was given are used again afterwards. */
  during<T>(what: () => T): T {
    const before = this.#next;
    try {
      return what();
    } finally {
      this.#next = before;
    }
  }
}
