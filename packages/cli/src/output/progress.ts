// SPDX-License-Identifier: MIT
// Progress of long work, on stderr and only where a person watches.

const AFTER_MS = 1000;
const EVERY = 4096;

export interface Progress {
  update(count: number): void;
  done(): void;
}

/** Shows a count once the work has taken a second, where stderr is a terminal. */
export function progress(label: string): Progress {
  if (!process.stderr.isTTY) return { update: () => undefined, done: () => undefined };
  const start = performance.now();
  let shown = false;
  return {
    update(count) {
      if (count % EVERY !== 0 || performance.now() - start < AFTER_MS) return;
      shown = true;
      process.stderr.write(`\r${label} ${count}`);
    },
    done() {
      if (shown) process.stderr.write('\r\u001b[K');
    },
  };
}
