// SPDX-License-Identifier: MIT
import type { Rcu } from '@tsbpf/core';

/** Grace periods that end with the outermost run or system call. */
export function createRcu(): Rcu {
  let depth = 0;
  let flushing = false;
  let waiting: (() => void)[] = [];
  const flush = (): void => {
    flushing = true;
    try {
      // Callbacks may queue more; those run too, in order.
      for (let i = 0; i < waiting.length; i++) waiting[i]?.();
    } finally {
      waiting = [];
      flushing = false;
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
      if (depth === 0 && !flushing && waiting.length > 0) flush();
    },
    callRcu(callback) {
      waiting.push(callback);
      if (depth === 0 && !flushing) flush();
    },
  };
}
