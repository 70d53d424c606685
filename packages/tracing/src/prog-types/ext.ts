// SPDX-License-Identifier: MIT
import { BPF_PROG_TYPE_EXT } from '@tsbpf/uapi';
import { defineProgType, type ProgTypeDef } from '@tsbpf/core';

/**
 * EXT: replaces a global function of another program. Helpers and context are those of the target's type, to which the
 * verifier turns; the type has none of its own.
 * @see kernel/bpf/syscall.c, bpf_extension_verifier_ops
 */
export const extProgType: ProgTypeDef = defineProgType({
  type: BPF_PROG_TYPE_EXT,
  name: 'ext',
  since: '5.6',
  progCtx: undefined,
  kernelCtx: undefined,
  expectedAttachTypes: [0],
  verifier: { getFuncProto: () => undefined, isValidAccess: () => undefined },
  ops: {},
});
