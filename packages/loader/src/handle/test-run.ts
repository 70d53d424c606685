// SPDX-License-Identifier: MIT
import { BPF_PROG_TEST_RUN, ENOSPC, type Sys, type TestRunAttr } from '@tsbpf/uapi';
import { failed } from './syscall.ts';

export interface TestRunOptions {
  /** The packet. */
  readonly data?: Uint8Array;
  /** The context's bytes. */
  readonly ctx?: Uint8Array;
  /** Runs; one where not given. */
  readonly repeat?: number;
  /** Room for the packet afterwards, in bytes; as much as it took, and some more, where not given. */
  readonly dataOutSize?: number;
}

export interface TestRunResult {
  /** Unsigned 32 bits. */
  readonly retval: number;
  /** The packet afterwards; undefined where there was none. */
  readonly data: Uint8Array | undefined;
  /** The context afterwards; undefined where none was given. */
  readonly ctx: Uint8Array | undefined;
  /** Mean of one run, in nanoseconds. */
  readonly durationNs: number;
}

/** Room for what a program may put in front of or behind a packet. */
const SLACK_BYTES = 512;

/** Runs a loaded program once or more without attaching it. @errno ENOSPC (SyscallError) `dataOutSize` is too small */
export function testRun(
  prog: { readonly name: string; readonly fd: number; readonly sys: Sys },
  options: TestRunOptions,
): TestRunResult {
  const { data, ctx, repeat, dataOutSize } = options;
  const run = (size: number): { attr: TestRunAttr; result: number } => {
    const attr: TestRunAttr = {
      prog_fd: prog.fd,
      ...(repeat === undefined ? {} : { repeat }),
      ...(data === undefined ? {} : { data_in: data, data_out: new Uint8Array(size) }),
      ...(ctx === undefined ? {} : { ctx_in: ctx, ctx_out: new Uint8Array(ctx.length) }),
    };
    return { attr, result: prog.sys.bpf(BPF_PROG_TEST_RUN, attr) };
  };
  let { attr, result } = run(dataOutSize ?? (data?.length ?? 0) + SLACK_BYTES);
  if (result === -ENOSPC && dataOutSize === undefined && (attr.data_size_out ?? 0) > 0) {
    ({ attr, result } = run(attr.data_size_out ?? 0));
  }
  if (result < 0) throw failed('BPF_PROG_TEST_RUN', result, `prog '${prog.name}': test run`);
  return {
    retval: (attr.retval ?? 0) >>> 0,
    data: attr.data_out?.subarray(0, attr.data_size_out ?? attr.data_out.length),
    ctx: attr.ctx_out?.subarray(0, attr.ctx_size_out ?? attr.ctx_out.length),
    durationNs: attr.duration ?? 0,
  };
}
