// SPDX-License-Identifier: MIT
import type { KernelMemory } from '@tsbpf/memory';

/** Bytes of the state in kernel memory. */
export const ORDER_STATE_SIZE = 16;
/** Next word never used, end of its chunk, first chunk, last chunk. */
export const BUMP = 0;
const END = 4;
const FIRST = 8;
const LAST = 12;

/** A chunk begins with the offset of the next one and its own end. */
const CHUNK_HEADER = 8;
const WORD = 4;
const FIRST_CHUNK_WORDS = 16;
const MAX_CHUNK_WORDS = 1 << 18;

/** Set in the word of an element that is in the table. */
export const LIVE = 1;

/**
 * The order that walks of a hash table follow: a list of words, one for each element that was ever in use, each holding
 * the offset of the element with {@link LIVE}, or 0. An element that replaces another takes over its word, so that a
 * walk meets an entry once however often it is updated meanwhile; a new entry takes the word that its element last had.
 * Elements are taken one after the other, so that a walk reads memory from low to high, which hash buckets do not allow.
 */
export class ElemOrder {
  readonly #mem: KernelMemory;
  readonly #name: string;
  readonly stateOff: number;

  /** `stateOff`: {@link ORDER_STATE_SIZE} zeroed bytes. */
  constructor(mem: KernelMemory, options: { stateOff: number; name: string }) {
    this.#mem = mem;
    this.#name = options.name;
    this.stateOff = options.stateOff;
  }

  /** Makes room for so many words at once; false where memory is exhausted. Memory may grow. */
  reserve(words: number): boolean {
    const mem = this.#mem;
    const lenBytes = CHUNK_HEADER + words * WORD;
    const chunk = mem.alloc(lenBytes, { kind: 'map', name: this.#name });
    if (chunk === 0) return false;
    const last = mem.read32(this.stateOff + LAST);
    mem.write32(last === 0 ? this.stateOff + FIRST : last, chunk);
    mem.write32(chunk + WORD, chunk + lenBytes);
    mem.write32(this.stateOff + LAST, chunk);
    mem.write32(this.stateOff + BUMP, chunk + CHUNK_HEADER);
    mem.write32(this.stateOff + END, chunk + lenBytes);
    return true;
  }

  /** The offset of a word that nobody had yet; 0 where memory is exhausted. Memory grows only where none is reserved. */
  take(): number {
    const mem = this.#mem;
    let word = mem.read32(this.stateOff + BUMP);
    if (word === mem.read32(this.stateOff + END)) {
      const last = mem.read32(this.stateOff + LAST);
      const had = last === 0 ? 0 : (mem.read32(last + WORD) - last - CHUNK_HEADER) / WORD;
      if (!this.reserve(Math.min(MAX_CHUNK_WORDS, Math.max(FIRST_CHUNK_WORDS, 2 * had)))) return 0;
      word = mem.read32(this.stateOff + BUMP);
    }
    mem.write32(this.stateOff + BUMP, word + WORD);
    return word;
  }

  /** The chunk after the one given, or the first; 0 for none. */
  nextChunk(chunk: number): number {
    return this.#mem.read32(chunk === 0 ? this.stateOff + FIRST : chunk);
  }

  /** Offsets of a chunk's words: the first one's, and the end of those in use. */
  words(chunk: number): { from: number; to: number } {
    const inUse = chunk === this.#mem.read32(this.stateOff + LAST);
    return { from: chunk + CHUNK_HEADER, to: this.#mem.read32(inUse ? this.stateOff + BUMP : chunk + WORD) };
  }

  destroy(): void {
    for (let chunk = this.nextChunk(0); chunk !== 0;) {
      const next = this.nextChunk(chunk);
      this.#mem.free(chunk);
      chunk = next;
    }
  }
}
