// SPDX-License-Identifier: MIT
import { BPF_PROG_TYPE_KPROBE } from '@tsbpf/uapi';
import { defineProgType, helperChooser, PROG_TYPE_HELPERS, type ProgTypeDef } from '@tsbpf/core';
import { rawRead } from './word-context.ts';

/** Bytes of `struct pt_regs` on x86-64. */
export const PT_REGS_BYTES = 168;

/** KPROBE: also kretprobe, uprobe and uretprobe. @see kernel/trace/bpf_trace.c, kprobe_verifier_ops */
export const kprobeProgType: ProgTypeDef = defineProgType({
  type: BPF_PROG_TYPE_KPROBE,
  name: 'kprobe',
  since: '4.1',
  progCtx: { name: 'bpf_user_pt_regs_t', kind: 'typedef' },
  kernelCtx: 'pt_regs',
  verifier: {
    getFuncProto: helperChooser(PROG_TYPE_HELPERS.KPROBE),
    isValidAccess: (request) => rawRead(request, { from: 0, sizeBytes: PT_REGS_BYTES, endsInside: true }),
  },
  ops: {},
});
