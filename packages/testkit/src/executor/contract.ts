// SPDX-License-Identifier: MIT
import type { ExecutorFactory } from '@tsbpf/core';
import type { KernelMemoryOptions } from '@tsbpf/memory';
import { ExecKernel } from '../exec-kernel.ts';
import { callCases } from './calls.ts';
import type { ExecutorCase } from './case.ts';
import { instructionCases } from './instructions.ts';
import { mapCases } from './maps.ts';
import { packetCases } from './packets.ts';
import { slotCases } from './slots.ts';
import { tailCallCases } from './tail-calls.ts';

const CASES: readonly ExecutorCase[] = [
  ...instructionCases,
  ...callCases,
  ...mapCases,
  ...tailCallCases,
  ...packetCases,
  ...slotCases,
];

/**
 * What every engine must do, as rows for `it.each`: each answers what happened, and what had to, on a kernel of its own.
 */
export function executorContract(
  makeExecutor: ExecutorFactory,
  options: { memory?: KernelMemoryOptions } = {},
): readonly { readonly name: string; readonly expected: unknown; actual(): unknown }[] {
  return CASES.map(({ name, run, expected }) => ({
    name,
    expected,
    actual: () => run(new ExecKernel(makeExecutor, options)),
  }));
}
