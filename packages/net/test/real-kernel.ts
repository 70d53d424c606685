// SPDX-License-Identifier: MIT
// A kernel with verifier and checked interpreter, for tests that run programs.
import { BPF_PROG_LOAD, BPF_PROG_TEST_RUN, InternalError, type Sys, type TestRunAttr } from '@tsbpf/uapi';
import { mergeRegistries, withDeclaredGaps, type Registries } from '@tsbpf/core';
import { helperRows } from '@tsbpf/helpers';
import { assembleSource, encodeInsns } from '@tsbpf/insn';
import { createInterpreter } from '@tsbpf/interpreter';
import { createJit } from '@tsbpf/jit';
import { createKernel, type Kernel } from '@tsbpf/kernel';
import { mapTypes } from '@tsbpf/maps';
import { verify } from '@tsbpf/verifier';
import { vmlinuxBtf } from '@tsbpf/vmlinux';
import { netOf, netRegistries } from '../src/index.ts';

/** Both engines: the interpreter validates every access. */
export const ENGINES = ['interpreter', 'jit'] as const;

export function realKernel(
  engine: (typeof ENGINES)[number] = 'interpreter',
  ...more: readonly Partial<Registries>[]
): Kernel {
  const registries = mergeRegistries(netRegistries(), { helpers: helperRows, mapTypes }, ...more);
  const kernel = createKernel({
    version: '5.6',
    registries: { ...registries, helpers: withDeclaredGaps(registries.helpers) },
    verify,
    executor: (state) =>
      engine === 'jit'
        ? createJit(state, { fallback: createInterpreter(state, {}) })
        : createInterpreter(state, { checked: true }),
    vmlinux: vmlinuxBtf(),
  });
  netOf(kernel.state);
  return kernel;
}

/** Loads assembly; the fd. A rejection throws with the log. */
export function loadAsm(sys: Sys, prog_type: number, source: string, maps: Record<string, number> = {}): number {
  const log_buf = new Uint8Array(1 << 16);
  const { insns } = assembleSource(source, { maps });
  const attr = { prog_type, insns: encodeInsns(insns), license: 'GPL', log_level: 1, log_buf };
  const fd = sys.bpf(BPF_PROG_LOAD, attr);
  if (fd < 0) {
    throw new InternalError(`load: ${fd}\n${new TextDecoder().decode(log_buf.subarray(0, log_buf.indexOf(0)))}`);
  }
  return fd;
}

/** What a test run answered, without what differs from machine to machine. */
export function testRun(sys: Sys, attr: TestRunAttr): Record<string, unknown> {
  const full: TestRunAttr = { data_out: new Uint8Array(8192), ...attr };
  const err = sys.bpf(BPF_PROG_TEST_RUN, full);
  const data = full.data_out?.slice(0, Math.min(full.data_size_out ?? 0, full.data_out.length));
  return { err, retval: full.retval, data, size: full.data_size_out, ctx: full.ctx_out };
}
