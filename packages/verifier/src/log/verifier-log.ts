// SPDX-License-Identifier: MIT
import type { LogRequest } from '@tsbpf/core';

const LEVEL1 = 1;
const LEVEL2 = 2;
const STATS = 4;
/** Linux formats a piece of the log in a buffer of 1,024 bytes, its NUL included. */
const MAX_CHUNK = 1023;

/**
 * The log buffer of Linux v5.6: text is kept from the start; once the buffer is full nothing more is added and the load
 * fails with ENOSPC.
 * @see kernel/bpf/verifier.c, bpf_verifier_vlog
 */
export class VerifierLog {
  readonly level: number;
  readonly #size: number;
  #chunks: string[] = [];
  #len = 0;

  constructor(request: LogRequest | undefined) {
    this.level = request?.level ?? 0;
    this.#size = request?.sizeBytes ?? 0;
  }

  /** Anything is logged at all. */
  get on(): boolean {
    return this.level !== 0;
  }

  /** The trace of instructions and states is logged. */
  get level1(): boolean {
    return (this.level & (LEVEL1 | LEVEL2)) !== 0;
  }

  get level2(): boolean {
    return (this.level & LEVEL2) !== 0;
  }

  get stats(): boolean {
    return (this.level & STATS) !== 0;
  }

  /** No more text is kept: the verdict will be ENOSPC. */
  get full(): boolean {
    return this.level !== 0 && this.#len >= this.#size - 1;
  }

  /** Adds one formatted piece. A character is a byte: text is ASCII, source lines may have others. */
  write(text: string): void {
    if (this.level === 0 || this.full) return;
    const room = Math.min(MAX_CHUNK, this.#size - 1 - this.#len);
    const piece = text.length > room ? text.slice(0, room) : text;
    this.#chunks.push(piece);
    this.#len += piece.length;
  }

  text(): string {
    if (this.#chunks.length > 1) this.#chunks = [this.#chunks.join('')];
    return this.#chunks[0] ?? '';
  }
}
