// SPDX-License-Identifier: MIT
import { BPF_PROG_TYPE_RAW_TRACEPOINT, BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE } from '@tsbpf/uapi';
import {
  defineProgType,
  helperChooser,
  PROG_TYPE_HELPERS,
  type AccessInfo,
  type AccessRequest,
  type ProgTypeDef,
} from '@tsbpf/core';
import { rawRead } from './word-context.ts';

/** Arguments that a program may name; how many a tracepoint has is checked when it is attached. */
export const MAX_TRACEPOINT_ARGS = 12;
const WORD = 8;

const readArgs = (request: AccessRequest): AccessInfo | undefined =>
  rawRead(request, { from: 0, sizeBytes: WORD * MAX_TRACEPOINT_ARGS });

/** RAW_TRACEPOINT: sees a tracepoint's arguments. @see kernel/trace/bpf_trace.c, raw_tracepoint_verifier_ops */
export const rawTracepointProgType: ProgTypeDef = defineProgType({
  type: BPF_PROG_TYPE_RAW_TRACEPOINT,
  name: 'raw_tracepoint',
  since: '4.17',
  progCtx: { name: 'bpf_raw_tracepoint_args', kind: 'struct' },
  kernelCtx: 'u64',
  verifier: { getFuncProto: helperChooser(PROG_TYPE_HELPERS.RAW_TRACEPOINT), isValidAccess: readArgs },
  ops: {},
});

/**
 * RAW_TRACEPOINT_WRITABLE: its first argument is a buffer that the program may change.
 * @see kernel/trace/bpf_trace.c, raw_tracepoint_writable_verifier_ops
 */
export const rawTracepointWritableProgType: ProgTypeDef = defineProgType({
  type: BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE,
  name: 'raw_tracepoint_writable',
  since: '5.2',
  progCtx: { name: 'bpf_raw_tracepoint_args', kind: 'struct' },
  kernelCtx: 'u64',
  verifier: {
    getFuncProto: helperChooser(PROG_TYPE_HELPERS.RAW_TRACEPOINT_WRITABLE),
    isValidAccess(request) {
      if (request.off !== 0) return readArgs(request);
      if (request.write || request.size !== WORD) return undefined;
      return { regType: 'PTR_TO_TP_BUFFER', ctxFieldSize: 0 };
    },
  },
  ops: {},
});
