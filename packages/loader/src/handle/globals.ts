// SPDX-License-Identifier: MIT
import { BTF_KIND_DATASEC, decodeValue, encodeValue, type BtfValue } from '@tsbpf/btf';
import { BPF_F_MMAPABLE, ENOENT, ERANGE, UsageError } from '@tsbpf/uapi';
import type { BpfMap } from './map.ts';

interface Variable {
  readonly typeId: number;
  readonly offset: number;
  readonly size: number;
}

/** The variables of a section by name, as plain properties: reading and writing one reads and writes the program's. */
export type Globals = Record<string, BtfValue>;

const KEY_0 = new Uint8Array(4);

/**
 * A section's variables: before the object is loaded those of the file, afterwards those of the kernel's map. What the
 * kernel has frozen (.rodata, .kconfig) can only be read by then.
 */
export class DataSection {
  readonly map: BpfMap;
  /** Properties by variable. */
  readonly vars: Globals;
  readonly #variables = new Map<string, Variable>();
  #mapped: Uint8Array | undefined;
  #mapTried = false;

  constructor(map: BpfMap) {
    this.map = map;
    const { btf, spec } = map;
    if (btf !== undefined && spec.btfValueTypeId !== 0) {
      for (const info of btf.typeOf(spec.btfValueTypeId, BTF_KIND_DATASEC).vars) {
        const name = btf.name(info.typeId);
        // Static variables of two functions may share a name: the first has it.
        if (!this.#variables.has(name)) this.#variables.set(name, info);
      }
    }
    this.vars = {};
    for (const name of this.#variables.keys()) {
      Object.defineProperty(this.vars, name, {
        enumerable: true,
        get: () => this.get(name),
        set: (value: BtfValue) => this.set(name, value),
      });
    }
    Object.preventExtensions(this.vars);
  }

  get names(): string[] {
    return [...this.#variables.keys()];
  }

  has(name: string): boolean {
    return this.#variables.has(name);
  }

  /** The whole section. */
  bytes(): Uint8Array {
    const { map } = this;
    const bytes = map.exists ? map.getBytes(KEY_0) : map.initialValue?.slice();
    return bytes ?? new Uint8Array(map.valueSize);
  }

  /** @errno ENOENT (UsageError) no such variable */
  get(name: string): BtfValue {
    const { typeId, offset, size } = this.#variable(name);
    const { btf } = this.map;
    if (btf === undefined) throw this.#missing(name);
    return decodeValue(btf, typeId, this.bytes().subarray(offset, offset + size));
  }

  /** @errno ENOENT (UsageError) no such variable; EPERM (SyscallError) the section is frozen */
  set(name: string, value: BtfValue): void {
    const { typeId, offset, size } = this.#variable(name);
    const { btf, initialValue } = this.map;
    if (btf === undefined) throw this.#missing(name);
    const bytes = encodeValue(btf, typeId, value);
    if (bytes.length > size) {
      throw new UsageError(`variable '${name}' takes ${size} bytes, not ${bytes.length}`, { errno: ERANGE });
    }
    if (this.map.exists) this.#write(bytes, offset);
    else initialValue?.set(bytes, offset);
  }

  /** Through shared memory where there is any, so that what programs write meanwhile stays; else the whole value. */
  #write(bytes: Uint8Array, offset: number): void {
    const mapped = this.#memory();
    if (mapped !== undefined) {
      mapped.set(bytes, offset);
      const now = this.bytes().subarray(offset, offset + bytes.length);
      if (bytes.every((byte, i) => byte === now[i])) return;
    }
    const whole = this.bytes();
    whole.set(bytes, offset);
    this.map.setBytes(KEY_0, whole);
  }

  #memory(): Uint8Array | undefined {
    if (this.#mapTried) return this.#mapped;
    this.#mapTried = true;
    const { map } = this;
    if ((map.mapFlags & BPF_F_MMAPABLE) === 0 || (map.kind !== 'data' && map.kind !== 'bss')) return undefined;
    try {
      this.#mapped = map.mmap({ lenBytes: map.valueSize });
    } catch {
      // A system without shared memory: every write goes through bpf(2).
      this.#mapped = undefined;
    }
    return this.#mapped;
  }

  /** The memory that writes went through, for the object to give back. */
  takeMemory(): Uint8Array | undefined {
    const mapped = this.#mapped;
    this.#mapped = undefined;
    this.#mapTried = true;
    return mapped;
  }

  #variable(name: string): Variable {
    const variable = this.#variables.get(name);
    if (variable === undefined) throw this.#missing(name);
    return variable;
  }

  #missing(name: string): UsageError {
    const known = this.names.join(', ') || 'none; the object has no BTF for it';
    return new UsageError(`section ${this.map.sectionName} has no variable '${name}'; it has: ${known}`, {
      errno: ENOENT,
    });
  }
}
