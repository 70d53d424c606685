// SPDX-License-Identifier: MIT
import {
  BPF_CGROUP_INET4_BIND,
  BPF_CGROUP_INET4_CONNECT,
  BPF_CGROUP_INET6_BIND,
  BPF_CGROUP_INET6_CONNECT,
  BPF_CGROUP_UDP4_RECVMSG,
  BPF_CGROUP_UDP4_SENDMSG,
  BPF_CGROUP_UDP6_RECVMSG,
  BPF_CGROUP_UDP6_SENDMSG,
  BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
} from '@tsbpf/uapi';
import { defineProgType, helperChooser, PROG_TYPE_HELPERS, type ProgTypeDef, type ReturnRange } from '@tsbpf/core';
import { DENY_OR_ALLOW } from '../access/return-codes.ts';
import { accessSockAddr } from '../access/sock-addr-access.ts';
import { rewriteSockAddr } from '../access/sock-addr-rewrite.ts';

/** Nothing can be denied once a message has arrived. */
const ALLOW_ONLY: ReturnRange = { lo: 1, hi: 1 };
const RECEIVING = [BPF_CGROUP_UDP4_RECVMSG, BPF_CGROUP_UDP6_RECVMSG];

/** CGROUP_SOCK_ADDR: addresses given to bind, connect, sendmsg. @see net/core/filter.c, cg_sock_addr_verifier_ops */
export const cgroupSockAddrProgType: ProgTypeDef = defineProgType({
  type: BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
  name: 'cgroup_sock_addr',
  since: '4.17',
  progCtx: { name: 'bpf_sock_addr', kind: 'struct' },
  kernelCtx: 'bpf_sock_addr_kern',
  expectedAttachTypes: [
    BPF_CGROUP_INET4_BIND,
    BPF_CGROUP_INET6_BIND,
    BPF_CGROUP_INET4_CONNECT,
    BPF_CGROUP_INET6_CONNECT,
    BPF_CGROUP_UDP4_SENDMSG,
    BPF_CGROUP_UDP6_SENDMSG,
    ...RECEIVING,
  ],
  attachMustMatch: true,
  verifier: {
    getFuncProto: helperChooser(PROG_TYPE_HELPERS.CGROUP_SOCK_ADDR),
    isValidAccess: accessSockAddr,
    convertCtxAccess: rewriteSockAddr,
    returnRange: (prog) => (RECEIVING.includes(prog.expectedAttachType) ? ALLOW_ONLY : DENY_OR_ALLOW),
  },
  ops: {},
});
