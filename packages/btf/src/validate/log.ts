// SPDX-License-Identifier: MIT

/** Longest text that one write to the kernel's log may have, in bytes. */
const MAX_WRITE = 1023;

/**
 * A kernel log buffer of v5.6: text is cut where the buffer ends, and nothing is written once it is full.
 * Text is Latin-1: one character per byte.
 */
export class KernelLog {
  readonly #lenTotal: number;
  #parts: string[] = [];
  #lenUsed = 0;

  constructor(lenTotal: number) {
    this.#lenTotal = lenTotal;
  }

  get needed(): boolean {
    return this.#lenTotal > 0 && !this.full;
  }

  get full(): boolean {
    return this.#lenUsed >= this.#lenTotal - 1;
  }

  write(text: string): void {
    if (!this.needed) return;
    const room = this.#lenTotal - this.#lenUsed - 1;
    const kept = text.slice(0, Math.min(room, MAX_WRITE));
    this.#parts.push(kept);
    this.#lenUsed += kept.length;
  }

  text(): string {
    const text = this.#parts.join('');
    this.#parts = [text];
    return text;
  }
}
