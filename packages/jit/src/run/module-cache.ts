// SPDX-License-Identifier: MIT
import { InternalError } from '@tsbpf/uapi';
import type { Translation } from '../translate/program.ts';
import { TooLargeError } from '../translate/too-large.ts';

/** A translated module, compiled: instances of it differ in what they are linked to. */
export interface Compiled extends Omit<Translation, 'bytes'> {
  readonly module: WebAssembly.Module;
  readonly codeBytes: number;
}

/** Modules kept, those not asked for longest go first. */
const KEPT = 64;

/** FNV-1a over words: where to look for equal bytes. */
function digest(bytes: Uint8Array): number {
  let hash = 0x811c9dc5 ^ bytes.length;
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ bytes[i], 0x01000193);
  return hash;
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/**
 * Compiles modules, and equal ones once: a program that is loaded again starts with the optimised code of its former
 * runs. One per engine, since code names offsets of its kernel's memory.
 */
export class ModuleCache {
  readonly #kept = new Map<number, { readonly bytes: Uint8Array; readonly module: WebAssembly.Module }>();

  /** @errno ENOSYS TooLargeError: the Wasm engine has no room for it, or does not compile that much at once */
  compile({ bytes, programs }: Translation): Compiled {
    const key = digest(bytes);
    const known = this.#kept.get(key);
    const module = known !== undefined && equal(known.bytes, bytes) ? known.module : compileBytes(bytes);
    this.#kept.delete(key);
    this.#kept.set(key, { bytes, module });
    if (this.#kept.size > KEPT) {
      for (const oldest of this.#kept.keys()) {
        this.#kept.delete(oldest);
        break;
      }
    }
    return { programs, module, codeBytes: bytes.length };
  }
}

function compileBytes(bytes: Uint8Array<ArrayBuffer>): WebAssembly.Module {
  try {
    return new WebAssembly.Module(bytes);
  } catch (cause) {
    // Browsers bound what their main thread compiles, and engines their code.
    if (cause instanceof RangeError) {
      throw new TooLargeError(`the Wasm engine does not compile ${bytes.length} bytes: ${cause.message}`);
    }
    throw new InternalError('the Wasm engine refuses a translated program', { cause });
  }
}
