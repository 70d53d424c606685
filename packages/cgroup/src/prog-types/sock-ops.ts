// SPDX-License-Identifier: MIT
import { BPF_PROG_TYPE_SOCK_OPS } from '@tsbpf/uapi';
import {
  defineProgType,
  helperChooser,
  PROG_TYPE_HELPERS,
  type AccessInfo,
  type AccessRequest,
  type ProgTypeDef,
} from '@tsbpf/core';
import { DENY_OR_ALLOW } from '../access/return-codes.ts';
import { REPLY, SK, SK_TXHASH, SOCK_OPS_BYTES } from '../access/sock-ops-fields.ts';
import { rewriteSockOps } from '../access/sock-ops-rewrite.ts';

const WORD = 4;
/** bytes_received and bytes_acked, of 64 bits each, lie between here and `sk`. */
const BYTE_COUNTS = 168;

/** Whole fields only. The upper half of `sk` passes, too, and fails at the rewrite. */
function access({ off, size, write }: AccessRequest): AccessInfo | undefined {
  if (off < 0 || off >= SOCK_OPS_BYTES || off % size !== 0) return undefined;
  if (write && off !== REPLY && off !== SK_TXHASH) return undefined;
  if (size !== (off >= BYTE_COUNTS && off <= SK ? 2 * WORD : WORD)) return undefined;
  return { regType: off === SK ? 'PTR_TO_SOCKET_OR_NULL' : 'SCALAR_VALUE', ctxFieldSize: 0 };
}

/** SOCK_OPS: events of a cgroup's TCP sockets. @see net/core/filter.c, sock_ops_verifier_ops */
export const sockOpsProgType: ProgTypeDef = defineProgType({
  type: BPF_PROG_TYPE_SOCK_OPS,
  name: 'sock_ops',
  since: '4.13',
  progCtx: { name: 'bpf_sock_ops', kind: 'struct' },
  kernelCtx: 'bpf_sock_ops_kern',
  verifier: {
    getFuncProto: helperChooser(PROG_TYPE_HELPERS.SOCK_OPS),
    isValidAccess: access,
    convertCtxAccess: rewriteSockOps,
    returnRange: () => DENY_OR_ALLOW,
  },
  ops: {},
});
