// SPDX-License-Identifier: MIT
import { BPF_CGROUP_GETSOCKOPT, BPF_CGROUP_SETSOCKOPT, BPF_PROG_TYPE_CGROUP_SOCKOPT } from '@tsbpf/uapi';
import {
  defineProgType,
  helperChooser,
  PROG_TYPE_HELPERS,
  type AccessInfo,
  type AccessRequest,
  type CtxAccess,
  type CtxRewrite,
  type ProgTypeDef,
  type RegType,
} from '@tsbpf/core';
import { loadOrStore, NO_REWRITE } from '@tsbpf/net/rows';
import { DENY_OR_ALLOW } from '../access/return-codes.ts';

const WORD = 4;
const SOCKOPT_BYTES = 40;
/** May be written whatever the attach type, which extensions have none of. */
const OPTLEN = 32;
const RETVAL = 36;

/** Members that carry the same name on both sides, by program-side offset. */
const MEMBERS: Readonly<Record<number, string>> = {
  0: 'sk',
  8: 'optval',
  16: 'optval_end',
  24: 'level',
  28: 'optname',
  [OPTLEN]: 'optlen',
  [RETVAL]: 'retval',
};
const POINTERS: Readonly<Record<number, RegType>> = { 0: 'PTR_TO_SOCKET', 8: 'PTR_TO_PACKET', 16: 'PTR_TO_PACKET_END' };
/** The other fields that may be written, and at which attach type. */
const WRITABLE: Readonly<Record<number, number>> = {
  24: BPF_CGROUP_SETSOCKOPT,
  28: BPF_CGROUP_SETSOCKOPT,
  [RETVAL]: BPF_CGROUP_GETSOCKOPT,
};

/** Upper halves of pointers pass as words, and fail at the rewrite. @see kernel/bpf/cgroup.c, cg_sockopt_is_valid_access */
function access({ off, size, write, prog }: AccessRequest): AccessInfo | undefined {
  if (off < 0 || off >= SOCKOPT_BYTES || off % size !== 0) return undefined;
  const attach = prog.expectedAttachType;
  if (off === RETVAL && attach !== BPF_CGROUP_GETSOCKOPT) return undefined;
  if (write && off !== OPTLEN && WRITABLE[off] !== attach) return undefined;
  const regType = POINTERS[off] ?? 'SCALAR_VALUE';
  if (size !== (off in POINTERS ? 2 * WORD : WORD)) return undefined;
  return { regType, ctxFieldSize: 0 };
}

function convert(ctx: CtxAccess): CtxRewrite {
  const member = MEMBERS[ctx.off];
  return member === undefined ? NO_REWRITE : loadOrStore(ctx, `bpf_sockopt_kern.${member}`);
}

/** CGROUP_SOCKOPT: socket options set and got. @see kernel/bpf/cgroup.c, cg_sockopt_verifier_ops */
export const cgroupSockoptProgType: ProgTypeDef = defineProgType({
  type: BPF_PROG_TYPE_CGROUP_SOCKOPT,
  name: 'cgroup_sockopt',
  since: '5.3',
  progCtx: { name: 'bpf_sockopt', kind: 'struct' },
  kernelCtx: 'bpf_sockopt_kern',
  expectedAttachTypes: [BPF_CGROUP_GETSOCKOPT, BPF_CGROUP_SETSOCKOPT],
  attachMustMatch: true,
  verifier: {
    getFuncProto: helperChooser(PROG_TYPE_HELPERS.CGROUP_SOCKOPT),
    isValidAccess: access,
    convertCtxAccess: convert,
    packetAccess: 'read-write',
    packetPointersToAnyHelper: true,
    returnRange: () => DENY_OR_ALLOW,
  },
  ops: {},
});
