// SPDX-License-Identifier: MIT
import { BPF_PROG_TYPE_TRACEPOINT } from '@tsbpf/uapi';
import { defineProgType, helperChooser, PROG_TYPE_HELPERS, type ProgTypeDef } from '@tsbpf/core';
import { rawRead } from './word-context.ts';

/** The first word of a record is the kernel's: a pointer to registers. */
const HIDDEN_BYTES = 8;
/** The longest record. @see include/linux/trace_events.h, PERF_MAX_TRACE_SIZE */
export const MAX_RECORD_BYTES = 2048;

/**
 * TRACEPOINT: sees the record of a trace event. How long that is, is checked when the program is attached.
 * @see kernel/trace/bpf_trace.c, tracepoint_verifier_ops
 */
export const tracepointProgType: ProgTypeDef = defineProgType({
  type: BPF_PROG_TYPE_TRACEPOINT,
  name: 'tracepoint',
  since: '4.7',
  progCtx: { name: '__u64', kind: 'typedef' },
  kernelCtx: 'u64',
  verifier: {
    getFuncProto: helperChooser(PROG_TYPE_HELPERS.TRACEPOINT),
    isValidAccess: (request) => rawRead(request, { from: HIDDEN_BYTES, sizeBytes: MAX_RECORD_BYTES }),
  },
  ops: {},
});
