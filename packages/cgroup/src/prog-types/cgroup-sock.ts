// SPDX-License-Identifier: MIT
import {
  BPF_CGROUP_INET4_POST_BIND,
  BPF_CGROUP_INET6_POST_BIND,
  BPF_CGROUP_INET_SOCK_CREATE,
  BPF_PROG_TYPE_CGROUP_SOCK,
} from '@tsbpf/uapi';
import {
  defineProgType,
  helperChooser,
  PROG_TYPE_HELPERS,
  type AccessInfo,
  type AccessRequest,
  type ProgTypeDef,
} from '@tsbpf/core';
import { accessAligned, fieldAt, rewriteSock, SOCKET_FIELDS } from '@tsbpf/net/rows';
import { DENY_OR_ALLOW } from '../access/return-codes.ts';

const POST_BIND = [BPF_CGROUP_INET4_POST_BIND, BPF_CGROUP_INET6_POST_BIND];

/** Fields of `bpf_sock` that only programs of some attach types see. */
const ONLY: Readonly<Record<string, readonly number[]>> = {
  bound_dev_if: [BPF_CGROUP_INET_SOCK_CREATE],
  mark: [BPF_CGROUP_INET_SOCK_CREATE],
  priority: [BPF_CGROUP_INET_SOCK_CREATE],
  src_ip4: [BPF_CGROUP_INET4_POST_BIND],
  src_ip6: [BPF_CGROUP_INET6_POST_BIND],
  src_port: POST_BIND,
};
/** Fields that may be written, where they are seen. */
const WRITABLE = ['bound_dev_if', 'mark', 'priority'];

function access(request: AccessRequest): AccessInfo | undefined {
  const { off, write, prog } = request;
  const info = accessAligned(SOCKET_FIELDS, { ...request, write: false });
  const name = fieldAt(SOCKET_FIELDS, off)?.name ?? '';
  if (info === undefined || ONLY[name]?.includes(prog.expectedAttachType) === false) return undefined;
  return write && !WRITABLE.includes(name) ? undefined : info;
}

/** CGROUP_SOCK: sockets being created, and bound. @see net/core/filter.c, cg_sock_verifier_ops */
export const cgroupSockProgType: ProgTypeDef = defineProgType({
  type: BPF_PROG_TYPE_CGROUP_SOCK,
  name: 'cgroup_sock',
  since: '4.10',
  progCtx: { name: 'bpf_sock', kind: 'struct' },
  kernelCtx: 'sock',
  expectedAttachTypes: [BPF_CGROUP_INET_SOCK_CREATE, ...POST_BIND],
  defaultAttachType: BPF_CGROUP_INET_SOCK_CREATE,
  attachMustMatch: true,
  verifier: {
    getFuncProto: helperChooser(PROG_TYPE_HELPERS.CGROUP_SOCK),
    isValidAccess: access,
    convertCtxAccess: rewriteSock,
    returnRange: () => DENY_OR_ALLOW,
  },
  ops: {},
});
