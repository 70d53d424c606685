// SPDX-License-Identifier: MIT
import { BPF_PROG_TYPE_TRACING } from '@tsbpf/uapi';
import { defineProgType, helperChooser, PROG_TYPE_HELPERS, type ProgTypeDef } from '@tsbpf/core';

/**
 * TRACING: fentry, fexit and BTF-typed raw tracepoints. The context is the argument list of the function attached to,
 * which the verifier types by BTF itself; there is no table of fields to ask.
 * @see kernel/trace/bpf_trace.c, tracing_verifier_ops
 */
export const tracingProgType: ProgTypeDef = defineProgType({
  type: BPF_PROG_TYPE_TRACING,
  name: 'tracing',
  since: '5.5',
  progCtx: undefined,
  kernelCtx: undefined,
  verifier: { getFuncProto: helperChooser(PROG_TYPE_HELPERS.TRACING), isValidAccess: () => undefined },
  ops: {},
});
