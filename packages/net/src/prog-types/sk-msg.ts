// SPDX-License-Identifier: MIT
import { BPF_LSH, BPF_PROG_TYPE_SK_MSG } from '@tsbpf/uapi';
import { alu32Imm } from '@tsbpf/insn';
import {
  defineProgType,
  helperChooser,
  PROG_TYPE_HELPERS,
  type CtxAccess,
  type CtxRewrite,
  type ProgTypeDef,
} from '@tsbpf/core';
import { accessAligned, fieldAt } from '../access/ctx-field.ts';
import { loadChain, loadOrStore, NO_REWRITE } from '../access/emit.ts';
import { SK_MSG_FIELDS } from '../generated/ctx-fields.ts';

/** @see net/core/filter.c, sk_msg_convert_ctx_access */
function convert(access: CtxAccess): CtxRewrite {
  const field = fieldAt(SK_MSG_FIELDS, access.off);
  if (field === undefined) return NO_REWRITE;
  const delta = access.off - field.off;
  const ofSock = (member: string, size?: number): CtxRewrite => {
    const found = access.types.resolve(`sock_common.${member}`);
    return loadChain(access, 'sk_msg.sk', { off: found.off + delta, size: size ?? found.size });
  };
  switch (field.name) {
    case 'data':
    case 'data_end':
      return loadOrStore(access, `sk_msg.${field.name}`);
    case 'family':
      return ofSock('skc_family');
    case 'remote_ip4':
      return ofSock('skc_daddr');
    case 'local_ip4':
      return ofSock('skc_rcv_saddr');
    case 'remote_ip6':
      return ofSock('skc_v6_daddr', 4);
    case 'local_ip6':
      return ofSock('skc_v6_rcv_saddr', 4);
    case 'remote_port': {
      const { insns, targetSize } = ofSock('skc_dport');
      return { insns: [...insns, alu32Imm(BPF_LSH, access.insn.dst, 16)], targetSize };
    }
    case 'local_port':
      return ofSock('skc_num');
    case 'size':
      return loadOrStore(access, 'sk_msg.sg.size');
    default:
      return NO_REWRITE;
  }
}

/** SK_MSG: messages that a socket in a sockmap is about to send. @see net/core/filter.c, sk_msg_is_valid_access */
export const skMsgProgType: ProgTypeDef = defineProgType({
  type: BPF_PROG_TYPE_SK_MSG,
  name: 'sk_msg',
  since: '4.17',
  progCtx: { name: 'sk_msg_md', kind: 'struct' },
  kernelCtx: 'sk_msg',
  verifier: {
    getFuncProto: helperChooser(PROG_TYPE_HELPERS.SK_MSG),
    isValidAccess: (request) => accessAligned(SK_MSG_FIELDS, request),
    convertCtxAccess: convert,
    packetAccess: 'read-write',
  },
  ops: {},
});
