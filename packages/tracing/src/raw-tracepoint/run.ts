// SPDX-License-Identifier: MIT
import type { BpfProg, KernelServices, TracepointArg } from '@tsbpf/core';
import { MAX_TRACEPOINT_ARGS } from '../prog-types/raw-tracepoint.ts';

const WORD = 8;

/** An argument as a program finds it: integers of 32 bits or fewer zero-extended, pointers as addresses. */
function argWord(kernel: KernelServices, arg: TracepointArg): bigint {
  if (typeof arg === 'bigint') return arg;
  return typeof arg === 'number' ? BigInt(arg >>> 0) : kernel.mem.toAddr(arg.off);
}

/** Runs a program over the arguments of a tracepoint; its result matters to nobody but who watches. @see kernel/trace/bpf_trace.c, bpf_trace_run1 */
export function runOnArgs(kernel: KernelServices, prog: BpfProg, args: readonly TracepointArg[]): number {
  const { mem } = kernel;
  const ctx = mem.alloc(WORD * MAX_TRACEPOINT_ARGS, { kind: 'ctx', name: 'raw_tracepoint' });
  if (ctx === 0) return 0;
  try {
    args.slice(0, MAX_TRACEPOINT_ARGS).forEach((arg, i) => mem.write64(ctx + WORD * i, argWord(kernel, arg)));
    return kernel.runProg(prog, ctx);
  } finally {
    mem.free(ctx);
  }
}
