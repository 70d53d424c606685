// SPDX-License-Identifier: MIT
import type { Tracepoint, TracepointArg, Tracepoints } from '@tsbpf/core';

type Listener = (args: readonly TracepointArg[]) => void;

/** Raw tracepoints and who listens to them, in registration order. */
export function createTracepoints(): Tracepoints {
  const declared = new Map<string, { tp: Tracepoint; listeners: Listener[] }>();
  return {
    declare(tp) {
      if (!declared.has(tp.name)) declared.set(tp.name, { tp, listeners: [] });
    },
    find: (name) => declared.get(name)?.tp,
    active: (name) => (declared.get(name)?.listeners.length ?? 0) > 0,
    fire(name, args) {
      for (const listener of declared.get(name)?.listeners ?? []) listener(args);
    },
    listen(name, listener) {
      const entry = declared.get(name);
      if (entry === undefined) return () => undefined;
      entry.listeners = [...entry.listeners, listener];
      return () => {
        entry.listeners = entry.listeners.filter((other) => other !== listener);
      };
    },
  };
}
