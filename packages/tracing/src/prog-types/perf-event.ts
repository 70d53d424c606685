// SPDX-License-Identifier: MIT
import { BPF_DW, BPF_PROG_TYPE_PERF_EVENT } from '@tsbpf/uapi';
import { ldxMem } from '@tsbpf/insn';
import {
  defineProgType,
  helperChooser,
  PROG_TYPE_HELPERS,
  type AccessInfo,
  type AccessRequest,
  type CtxAccess,
  type CtxRewrite,
  type ProgTypeDef,
} from '@tsbpf/core';
import { PT_REGS_BYTES } from './kprobe.ts';

const WORD = 8;
/** `struct bpf_perf_event_data` on x86-64: registers, then two words of which parts may be read. */
const SAMPLE_PERIOD = PT_REGS_BYTES;
const ADDR = SAMPLE_PERIOD + WORD;
const CTX_BYTES = ADDR + WORD;

function access({ off, size, write }: AccessRequest): AccessInfo | undefined {
  if (write || off < 0 || off >= CTX_BYTES || off % size !== 0) return undefined;
  const narrow = off >= SAMPLE_PERIOD;
  if (!narrow && size !== WORD) return undefined;
  return { regType: 'SCALAR_VALUE', ctxFieldSize: narrow ? WORD : 0 };
}

/** Two loads: the pointer in the kernel's context, then what it points to. Both members of the sample are whole words. */
function convert({ insn, off, types }: CtxAccess): CtxRewrite {
  const { dst, src } = insn;
  const through = (pointer: string, at: number, targetSize: number): CtxRewrite => ({
    insns: [
      ldxMem(BPF_DW, dst, src, types.resolve(`bpf_perf_event_data_kern.${pointer}`).off),
      ldxMem(BPF_DW, dst, dst, at),
    ],
    targetSize,
  });
  if (off === SAMPLE_PERIOD) return through('data', types.resolve('perf_sample_data.period').off, WORD);
  if (off === ADDR) return through('data', types.resolve('perf_sample_data.addr').off, WORD);
  return through('regs', off, 0);
}

/** PERF_EVENT: samples of perf events. @see kernel/trace/bpf_trace.c, perf_event_verifier_ops */
export const perfEventProgType: ProgTypeDef = defineProgType({
  type: BPF_PROG_TYPE_PERF_EVENT,
  name: 'perf_event',
  since: '4.9',
  progCtx: { name: 'bpf_perf_event_data', kind: 'struct' },
  kernelCtx: 'bpf_perf_event_data_kern',
  verifier: {
    getFuncProto: helperChooser(PROG_TYPE_HELPERS.PERF_EVENT),
    isValidAccess: access,
    convertCtxAccess: convert,
  },
  ops: {},
});
