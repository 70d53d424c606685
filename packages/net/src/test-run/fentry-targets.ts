// SPDX-License-Identifier: MIT
// Functions that every test run of a packet program calls, as targets for fentry and fexit programs.
import { EFAULT, InternalError } from '@tsbpf/uapi';
import type { CallRegs, KernelText } from '@tsbpf/core';

/** Arguments of bpf_fentry_test1 to 6, and what each returns. @see net/bpf/test_run.c, bpf_test_init */
const CALLS: readonly { readonly args: readonly number[]; readonly ret: number }[] = [
  { args: [1], ret: 2 },
  { args: [2, 3], ret: 5 },
  { args: [4, 5, 6], ret: 15 },
  { args: [7, 8, 9, 10], ret: 34 },
  { args: [11, 12, 13, 14, 15], ret: 65 },
  { args: [16, 17, 18, 19, 20, 21], ret: 111 },
];

const nameOf = (index: number): string => `bpf_fentry_test${index + 1}`;

/** Adds the functions to the kernel's text: each adds its arguments up, and a single one to 1. */
export function defineFentryTargets(text: KernelText): void {
  CALLS.forEach(({ args }, index) => {
    text.define(nameOf(index), ({ lo, hi }) => {
      let sum = args.length === 1 ? 1 : 0;
      for (let arg = 1; arg <= args.length; arg++) sum = (sum + (lo[arg] ?? 0)) | 0;
      lo[0] = sum;
      hi[0] = 0;
    });
  });
}

/** Calls them, and what is attached to them; 0, or -EFAULT when one does not answer as it should. */
export function callFentryTargets(text: KernelText): number {
  for (const [index, { args, ret }] of CALLS.entries()) {
    const symbol = text.byName(nameOf(index));
    const entry = symbol?.patched ?? symbol?.entry;
    if (entry === undefined) throw new InternalError(`no ${nameOf(index)} in the kernel's text`);
    const regs: CallRegs = { lo: new Int32Array(7), hi: new Int32Array(7) };
    args.forEach((arg, i) => (regs.lo[i + 1] = arg));
    entry(regs);
    if (regs.lo[0] !== ret) return -EFAULT;
  }
  return 0;
}
