// SPDX-License-Identifier: MIT
import type { ExecKernel } from '../exec-kernel.ts';

/** A case of the executor contract: what a test does on a fresh kernel, and what must come of it. */
export interface ExecutorCase {
  readonly name: string;
  /** Answers what happened; {@link expected} says what had to. */
  readonly run: (kernel: ExecKernel) => unknown;
  readonly expected: unknown;
}

/** What `act` throws: the error's class and errno. */
export function thrown(act: () => unknown): { name: string; errno: number } | string {
  try {
    act();
  } catch (error) {
    const { name, errno } = error as { name: string; errno: number };
    return { name, errno };
  }
  return 'nothing thrown';
}
