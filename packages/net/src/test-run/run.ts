// SPDX-License-Identifier: MIT
// What the runners of BPF_PROG_TEST_RUN share. @see net/bpf/test_run.c
import { ENOSPC, type TestRunAttr } from '@tsbpf/uapi';
import type { BpfProg, KernelServices } from '@tsbpf/core';

const U32_MAX = 0xffffffffn;

/** Nanoseconds of one run, as far as 32 bits hold them. */
export function meanNs(spentNs: bigint, repeat: number): number {
  const mean = spentNs / BigInt(repeat);
  return Number(mean > U32_MAX ? U32_MAX : mean);
}

/** Runs whose results are kept at a time. */
const BATCH = 1024;

/** Runs a program `repeat` times over one context; the last result counts, and the mean duration. */
export function repeatRun(
  kernel: KernelServices,
  prog: BpfProg,
  options: { ctxOff: number; repeat: number },
): { retval: number; duration: number } {
  const repeat = options.repeat === 0 ? 1 : options.repeat;
  const start = kernel.env.ktimeNs();
  // The loop is the engine's own: compiled programs repeat without leaving their code.
  const resultsOff = repeat > 1 ? kernel.mem.alloc(4 * Math.min(repeat, BATCH), { kind: 'test_run' }) : 0;
  let retval = 0;
  if (resultsOff === 0) for (let i = 0; i < repeat; i++) retval = kernel.runProg(prog, options.ctxOff);
  else {
    try {
      for (let left = repeat; left > 0; left -= BATCH) {
        const count = Math.min(left, BATCH);
        kernel.runProgBatch(prog, { ctxOff: options.ctxOff, strideBytes: 0, count, resultsOff });
        retval = kernel.mem.read32(resultsOff + 4 * (count - 1));
      }
    } finally {
      kernel.mem.free(resultsOff);
    }
  }
  return { retval, duration: meanNs(kernel.env.ktimeNs() - start, repeat) };
}

/** Fires bpf_test_finish, whose listeners may change the error. */
function traceFinish(kernel: KernelServices, err: number): number {
  if (!kernel.tracepoints.active('bpf_test_finish')) return err;
  const off = kernel.mem.alloc(4, { kind: 'tp_buffer', name: 'bpf_test_finish', align: 4 });
  if (off === 0) return err;
  kernel.mem.write32(off, err);
  kernel.tracepoints.fire('bpf_test_finish', [{ off }]);
  const result = kernel.mem.readS32(off);
  kernel.mem.free(off);
  return result;
}

/**
 * Hands the resulting data and the results to the user.
 * @errno ENOSPC there is more data than room: what fits is copied, and all results are written
 */
export function finishRun(
  kernel: KernelServices,
  attr: TestRunAttr,
  result: { data: Uint8Array; retval: number; duration: number },
): number {
  const { data } = result;
  const hint = attr.data_out?.length ?? attr.data_size_out ?? 0;
  // Without a size, everything is copied: the user vouches for the room.
  if (attr.data_out !== undefined && hint === 0) attr.data_out = data.slice();
  else attr.data_out?.set(data.subarray(0, hint));
  attr.data_size_out = data.length;
  attr.retval = result.retval;
  attr.duration = result.duration;
  return traceFinish(kernel, hint !== 0 && data.length > hint ? -ENOSPC : 0);
}
