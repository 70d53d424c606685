// SPDX-License-Identifier: MIT

/** An argument of a tracepoint: a number (of 32 bits or fewer), a 64-bit integer, or an offset in kernel memory. */
export type TracepointArg = number | bigint | { readonly off: number };

/** A tracepoint the simulated kernel declares. */
export interface Tracepoint {
  readonly name: string;
  readonly numArgs: number;
  /** Bytes behind the first argument that a writable raw tracepoint program may access; 0 for none. */
  readonly writableSize: number;
}

/** Raw tracepoints: declared by the subsystem they belong to, listened to by programs. */
export interface Tracepoints {
  declare(tp: Tracepoint): void;
  find(name: string): Tracepoint | undefined;
  /** Whether anything listens: callers skip preparing arguments where nothing does. */
  active(name: string): boolean;
  fire(name: string, args: readonly TracepointArg[]): void;
  /** Adds a listener (in registration order) and returns what removes it. */
  listen(name: string, listener: (args: readonly TracepointArg[]) => void): () => void;
}
