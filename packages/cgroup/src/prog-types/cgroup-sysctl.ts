// SPDX-License-Identifier: MIT
import { BPF_PROG_TYPE_CGROUP_SYSCTL } from '@tsbpf/uapi';
import {
  defineProgType,
  helperChooser,
  PROG_TYPE_HELPERS,
  type CtxAccess,
  type CtxRewrite,
  type ProgTypeDef,
} from '@tsbpf/core';
import { accessAligned, load, loadChain, loadOrStore, NO_REWRITE, store, type CtxField } from '@tsbpf/net/rows';
import { withSavedReg } from '../access/indirect-store.ts';
import { DENY_OR_ALLOW } from '../access/return-codes.ts';

const WRITE = 0;
const FILE_POS = 4;
const FIELDS: readonly CtxField[] = [
  { name: 'write', off: WRITE, size: 4, read: 'narrow' },
  { name: 'file_pos', off: FILE_POS, size: 4, read: 'narrow', write: 'whole' },
];

const KERN = 'bpf_sysctl_kern';
/** The low word of what `ppos` points to. */
const LOW_WORD = { off: 0, size: 4 };

/** @see kernel/bpf/cgroup.c, sysctl_convert_ctx_access */
function convert(access: CtxAccess): CtxRewrite {
  const { insn, types, off } = access;
  if (off === WRITE) return loadOrStore(access, `${KERN}.write`);
  if (off !== FILE_POS) return NO_REWRITE;
  if (!access.write) return loadChain(access, `${KERN}.ppos`, LOW_WORD);
  const insns = withSavedReg(access, `${KERN}.tmp_reg`, (reg) => [
    load(types, `${KERN}.ppos`, reg, insn.dst),
    store(types, LOW_WORD, reg, insn.src),
  ]);
  return { insns, targetSize: LOW_WORD.size };
}

/** CGROUP_SYSCTL: files below /proc/sys read and written. @see kernel/bpf/cgroup.c, cg_sysctl_verifier_ops */
export const cgroupSysctlProgType: ProgTypeDef = defineProgType({
  type: BPF_PROG_TYPE_CGROUP_SYSCTL,
  name: 'cgroup_sysctl',
  since: '5.2',
  progCtx: { name: 'bpf_sysctl', kind: 'struct' },
  kernelCtx: KERN,
  verifier: {
    getFuncProto: helperChooser(PROG_TYPE_HELPERS.CGROUP_SYSCTL),
    isValidAccess: (request) => accessAligned(FIELDS, request),
    convertCtxAccess: convert,
    returnRange: () => DENY_OR_ALLOW,
  },
  ops: {},
});
