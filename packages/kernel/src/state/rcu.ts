// SPDX-License-Identifier: MIT
import type { Rcu } from '@tsbpf/core';

/** Grace periods that end with the outermost run or system call. */
export function createRcu(): Rcu {
  let depth = 0;
  let waiting: (() => void)[] = [];
  const flush = (): void => {
    // Callbacks may queue more; those run too, in order.
    while (depth === 0 && waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      for (const callback of batch) callback();
    }
  };
  return {
    get depth() {
      return depth;
    },
    enter() {
      depth++;
    },
    exit() {
      depth--;
      if (depth === 0 && waiting.length > 0) flush();
    },
    callRcu(callback) {
      if (depth === 0 && waiting.length === 0) callback();
      else waiting.push(callback);
    },
  };
}
