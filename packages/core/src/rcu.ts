// SPDX-License-Identifier: MIT

/**
 * Grace periods. There is one thread: a grace period ends when the outermost program run, or system call, ends.
 * Freed map elements and replaced programs stay valid until then.
 */
export interface Rcu {
  /** Nested runs and system calls in progress. */
  readonly depth: number;
  enter(): void;
  /** At the outermost level runs what {@link callRcu} collected, in order. */
  exit(): void;
  /** Runs `callback` after the grace period: at once where nothing runs. */
  callRcu(callback: () => void): void;
}
