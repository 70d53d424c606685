// SPDX-License-Identifier: MIT
import type { HelperFn, HelperOverrides } from '@tsbpf/core';

type Make = (original: HelperFn | undefined) => HelperFn;

export interface MutableOverrides extends HelperOverrides {
  /** Replaces a helper variant; what it returns puts the former one back. */
  set(variant: string, make: Make): () => void;
}

export function createOverrides(): MutableOverrides {
  const stacks = new Map<string, Make[]>();
  // A plain property: engines compare it before each run, and accessors of object literals are slow.
  const overrides = {
    generation: 0,
    get: (variant: string): Make | undefined => stacks.get(variant)?.at(-1),
    set(variant: string, make: Make): () => void {
      const stack = stacks.get(variant) ?? [];
      stack.push(make);
      stacks.set(variant, stack);
      overrides.generation++;
      return () => {
        const at = stack.lastIndexOf(make);
        if (at >= 0) stack.splice(at, 1);
        overrides.generation++;
      };
    },
  };
  return overrides;
}
