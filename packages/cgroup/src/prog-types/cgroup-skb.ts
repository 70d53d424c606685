// SPDX-License-Identifier: MIT
import { BPF_CGROUP_INET_EGRESS, BPF_CGROUP_INET_INGRESS, BPF_PROG_TYPE_CGROUP_SKB } from '@tsbpf/uapi';
import { defineProgType, helperChooser, PROG_TYPE_HELPERS, type ProgTypeDef, type ReturnRange } from '@tsbpf/core';
import { accessSkb, CGROUP_SKB_FIELDS, rewriteSkb } from '@tsbpf/net/rows';
import { DENY_OR_ALLOW } from '../access/return-codes.ts';

/** Bit 1 asks the sender to slow down; a program that sets it may only be attached to egress. */
const EGRESS: ReturnRange = { lo: 0, hi: 3, enforceAttachIn: [2, 3] };

/** CGROUP_SKB: packets of a cgroup's sockets. @see net/core/filter.c, cg_skb_verifier_ops */
export const cgroupSkbProgType: ProgTypeDef = defineProgType({
  type: BPF_PROG_TYPE_CGROUP_SKB,
  name: 'cgroup_skb',
  since: '4.10',
  progCtx: { name: '__sk_buff', kind: 'struct' },
  kernelCtx: 'sk_buff',
  expectedAttachTypes: [BPF_CGROUP_INET_INGRESS, BPF_CGROUP_INET_EGRESS],
  unprivileged: true,
  verifier: {
    getFuncProto: helperChooser(PROG_TYPE_HELPERS.CGROUP_SKB),
    isValidAccess: (request) => accessSkb(CGROUP_SKB_FIELDS, request),
    convertCtxAccess: rewriteSkb,
    packetAccess: 'read',
    returnRange: (prog) => (prog.expectedAttachType === BPF_CGROUP_INET_EGRESS ? EGRESS : DENY_OR_ALLOW),
  },
  ops: {},
});
