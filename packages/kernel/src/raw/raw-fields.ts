// SPDX-License-Identifier: MIT
import { EFAULT, type FieldLayout, type StructLayout, type UserMemory } from '@tsbpf/uapi';

/** Reads and writes members of a C structure in bytes, and the user memory its pointers name. Little-endian. */
export class RawFields {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #layout: StructLayout;
  readonly #user: UserMemory;

  constructor(bytes: Uint8Array, layout: StructLayout, user: UserMemory) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#layout = layout;
    this.#user = user;
  }

  #field(name: string): FieldLayout | undefined {
    return this.#layout.fields.find((field) => field.name === name);
  }

  u32(name: string): number {
    const field = this.#field(name);
    return field === undefined ? 0 : this.#view.getUint32(field.off, true);
  }

  u64(name: string): bigint {
    const field = this.#field(name);
    if (field === undefined) return 0n;
    return field.size === 8 ? this.#view.getBigUint64(field.off, true) : BigInt(this.#view.getUint32(field.off, true));
  }

  /** All members of 4 bytes as numbers and of 8 bytes as bigints; pointers are among them. */
  integers(): Record<string, number | bigint> {
    const out: Record<string, number | bigint> = {};
    for (const { name, size } of this.#layout.fields) {
      if (size === 4) out[name] = this.u32(name);
      else if (size === 8) out[name] = this.u64(name);
    }
    return out;
  }

  /** Stores the numbers of `attr` back to its members of 4 bytes, and bigints to those of 8 that are not in `except`. */
  storeIntegers(union: Uint8Array, attr: Readonly<Record<string, unknown>>, except: readonly string[]): void {
    const view = new DataView(union.buffer, union.byteOffset, union.byteLength);
    for (const { name, size, off } of this.#layout.fields) {
      const value = attr[name];
      if (except.includes(name)) continue;
      if (size === 4 && typeof value === 'number') view.setUint32(off, value >>> 0, true);
      else if (size === 8 && typeof value === 'bigint') view.setBigUint64(off, value, true);
    }
  }

  setU32(union: Uint8Array, name: string, value: number): void {
    const field = this.#field(name);
    if (field !== undefined) new DataView(union.buffer, union.byteOffset).setUint32(field.off, value >>> 0, true);
  }

  /** A name of 16 bytes; one without a NUL, or with bytes after it, comes back too long to be valid. */
  name(name: string): string {
    const field = this.#field(name);
    if (field === undefined) return '';
    const bytes = this.#bytes.subarray(field.off, field.off + field.size);
    const end = bytes.indexOf(0);
    const whole = end < 0 || bytes.subarray(end).some((byte) => byte !== 0);
    return String.fromCharCode(...(whole ? bytes : bytes.subarray(0, end)));
  }

  /** What a pointer member points at; undefined where it cannot be read, or is NULL (an error only with `null`). */
  bytes(name: string, lenBytes: number, options: { null?: boolean } = {}): Uint8Array | undefined {
    const addr = this.u64(name);
    if (addr === 0n && options.null !== true) return undefined;
    return lenBytes === 0 ? new Uint8Array(0) : this.#user.read(addr, lenBytes);
  }

  /** A NUL-terminated string of at most `maxBytes`, its NUL included; undefined where it cannot be read. */
  cstring(name: string, maxBytes: number): string | undefined {
    const addr = this.u64(name);
    let text = '';
    for (let i = 0; i < maxBytes - 1; i++) {
      const byte = this.#user.read(addr + BigInt(i), 1)?.[0];
      if (byte === undefined) return undefined;
      if (byte === 0) break;
      text += String.fromCharCode(byte);
    }
    return text;
  }

  /** Writes bytes where a pointer member points; 0 or -EFAULT. Nothing to write is fine. */
  put(name: string, bytes: Uint8Array): number {
    const addr = this.u64(name);
    if (bytes.length === 0) return 0;
    return addr !== 0n && this.#user.write(addr, bytes) ? 0 : -EFAULT;
  }
}
