// SPDX-License-Identifier: MIT
import { BPF_JEQ, BPF_LSH } from '@tsbpf/uapi';
import { alu32Imm, jmpImm } from '@tsbpf/insn';
import type { CtxAccess, CtxRewrite } from '@tsbpf/core';
import { load, loadChain, loadOrStore, NO_REWRITE, store } from '@tsbpf/net/rows';
import { withSavedReg } from './indirect-store.ts';
import {
  ADDRESS_FIELDS,
  COMMON_FIELDS,
  FULL_FIELDS,
  IS_FULLSOCK,
  OP,
  REPLY,
  REPLY_END,
  SK,
} from './sock-ops-fields.ts';

const KERN = 'bpf_sock_ops_kern';
const sk = `${KERN}.sk`;
const fullsock = `${KERN}.is_fullsock`;

/**
 * A member of a full socket, or 0. Where destination and source are one register, the flag overwrites the context
 * before it is used: v5.6's own defect, mended in 5.9, on which its kernel faults.
 */
function loadIfFull(access: CtxAccess, ...chain: string[]): CtxRewrite {
  const { insn, types } = access;
  const { insns } = loadChain(access, ...chain);
  return {
    insns: [load(types, fullsock, insn.dst, insn.src), jmpImm(BPF_JEQ, insn.dst, 0, insns.length), ...insns],
    targetSize: 0,
  };
}

function storeIfFull(access: CtxAccess, member: string): CtxRewrite {
  const { insn, types } = access;
  const insns = withSavedReg(access, `${KERN}.temp`, (reg) => [
    load(types, fullsock, reg, insn.dst),
    jmpImm(BPF_JEQ, reg, 0, 2),
    load(types, sk, reg, insn.dst),
    store(types, member, reg, insn.src),
  ]);
  return { insns, targetSize: 0 };
}

/** The rewrite of an access to `bpf_sock_ops`. @see net/core/filter.c, sock_ops_convert_ctx_access */
export function rewriteSockOps(access: CtxAccess): CtxRewrite {
  const { off, insn, types } = access;
  if (off === OP) return loadOrStore(access, `${KERN}.op`);
  if (off === IS_FULLSOCK) return loadOrStore(access, fullsock);
  if (off === SK) return loadIfFull(access, sk);
  if (off >= REPLY && off < REPLY_END && off % 4 === 0) {
    return loadOrStore(access, { off: types.resolve(`${KERN}.replylong`).off + off - REPLY, size: 4 });
  }
  const full = FULL_FIELDS[off];
  if (full !== undefined) return access.write ? storeIfFull(access, full) : loadIfFull(access, sk, full);

  const common = COMMON_FIELDS[off];
  if (common !== undefined) {
    const { insns } = loadChain(access, sk, common.member);
    if (common.shift !== undefined) insns.push(alu32Imm(BPF_LSH, insn.dst, common.shift));
    return { insns, targetSize: 0 };
  }
  const address = ADDRESS_FIELDS.find((field) => off >= field.off && off < field.off + 16 && off % 4 === 0);
  if (address === undefined) return NO_REWRITE;
  return loadChain(access, sk, { off: types.resolve(address.member).off + off - address.off, size: 4 });
}
