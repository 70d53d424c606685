// SPDX-License-Identifier: MIT
// Functions that every test run of a packet program calls, as targets for fentry and fexit programs.
import { EFAULT, InternalError } from '@tsbpf/uapi';
import type { CallRegs, KernelText } from '@tsbpf/core';

/** Arguments of bpf_fentry_test1 to 5, and what each returns: their sum. @see net/bpf/test_run.c */
const CALLS: readonly (readonly number[])[] = [[1], [2, 3], [4, 5, 6], [7, 8, 9, 10], [11, 12, 13, 14, 15]];

const nameOf = (index: number): string => `bpf_fentry_test${index + 1}`;

/** Adds the functions to the kernel's text. */
export function defineFentryTargets(text: KernelText): void {
  CALLS.forEach((args, index) => {
    text.define(nameOf(index), ({ lo, hi }) => {
      let sum = 0;
      for (let arg = 1; arg <= args.length; arg++) sum = (sum + (lo[arg] ?? 0)) | 0;
      lo[0] = sum;
      hi[0] = 0;
    });
  });
}

/** Calls them; 0, or -EFAULT when one does not answer the sum. */
export function callFentryTargets(text: KernelText): number {
  for (const [index, args] of CALLS.entries()) {
    const entry = text.byName(nameOf(index))?.entry;
    if (entry === undefined) throw new InternalError(`no ${nameOf(index)} in the kernel's text`);
    const regs: CallRegs = { lo: new Int32Array(6), hi: new Int32Array(6) };
    args.forEach((arg, i) => (regs.lo[i + 1] = arg));
    entry(regs);
    if (regs.lo[0] !== args.reduce((sum, arg) => sum + arg, 0)) return -EFAULT;
  }
  return 0;
}
