// SPDX-License-Identifier: MIT
import type { KernelEnv } from '@tsbpf/core';
import { follow, Wake, type Source } from './wake.ts';

/**
 * The lines of bpf_trace_printk, as `/sys/kernel/tracing/trace_pipe` gives them: each is read once, whoever reads it.
 * `for await` waits for more until {@link close}.
 */
export class TracePipe implements AsyncIterable<string>, Source<string> {
  readonly wake = new Wake();
  #lines: string[] = [];
  #closed = false;

  /** Hears of every line that the kernel writes from now on. */
  constructor(env: KernelEnv) {
    const write = env.tracePrintk.bind(env);
    env.tracePrintk = (line) => {
      write(line);
      this.#lines.push(line);
      this.wake.wake();
    };
  }

  /** Takes the lines that were not read yet. */
  take(): string[] {
    return this.#lines.splice(0);
  }

  done(): boolean {
    return this.#closed;
  }

  /** Ends iterations, once they have what was written. */
  close(): void {
    this.#closed = true;
    this.wake.wake();
  }

  [Symbol.asyncIterator](): AsyncIterator<string> {
    return follow<string>(this);
  }
}
