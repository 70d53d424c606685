// SPDX-License-Identifier: MIT

/** Lets readers wait until something arrives. */
export class Wake {
  #waiting: (() => void)[] = [];
  readonly #others: Wake[] = [];

  /** Resolves with the next {@link wake}. */
  next(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
    for (const other of this.#others) other.wake();
  }

  /** Wakes another's readers, too. */
  also(other: Wake): void {
    this.#others.push(other);
  }
}

/** What can be read as it arrives. */
export interface Source<T> {
  /** Takes what there is. */
  take(): readonly T[];
  /** Nothing will arrive any more. */
  done(): boolean;
  readonly wake: Wake;
}

/** Yields what arrives, and waits for more until the source is done. */
export async function* follow<T>(source: Source<T>): AsyncGenerator<T, void> {
  for (;;) {
    const more = source.wake.next();
    const items = source.take();
    yield* items;
    if (items.length > 0) continue;
    if (source.done()) return;
    await more;
  }
}
