// SPDX-License-Identifier: MIT
import { BPF_PROG_TYPE_CGROUP_DEVICE } from '@tsbpf/uapi';
import { defineProgType, helperChooser, PROG_TYPE_HELPERS, type ProgTypeDef } from '@tsbpf/core';
import { accessAligned, type CtxField } from '@tsbpf/net/rows';
import { DENY_OR_ALLOW } from '../access/return-codes.ts';

/** Program-side `struct bpf_cgroup_dev_ctx`, which is the kernel's own, too: nothing is rewritten. */
const FIELDS: readonly CtxField[] = [
  { name: 'access_type', off: 0, size: 4, read: 'narrow' },
  { name: 'major', off: 4, size: 4, read: 'whole' },
  { name: 'minor', off: 8, size: 4, read: 'whole' },
];

/** CGROUP_DEVICE: device nodes being opened or made. @see kernel/bpf/cgroup.c, cg_dev_verifier_ops */
export const cgroupDeviceProgType: ProgTypeDef = defineProgType({
  type: BPF_PROG_TYPE_CGROUP_DEVICE,
  name: 'cgroup_device',
  since: '4.15',
  progCtx: { name: 'bpf_cgroup_dev_ctx', kind: 'struct' },
  kernelCtx: 'bpf_cgroup_dev_ctx',
  verifier: {
    getFuncProto: helperChooser(PROG_TYPE_HELPERS.CGROUP_DEVICE),
    isValidAccess: (request) => accessAligned(FIELDS, request),
    returnRange: () => DENY_OR_ALLOW,
  },
  ops: {},
});
