// SPDX-License-Identifier: MIT
import type { CtxAccess, CtxRewrite } from '@tsbpf/core';
import { load, loadChain, loadOrStore, NO_REWRITE, store, type Place } from '@tsbpf/net/rows';
import { withSavedReg } from './indirect-store.ts';
import { addressAt, FAMILY, PROTOCOL, SK, TYPE, USER_FAMILY, USER_PORT } from './sock-addr-fields.ts';

const KERN = 'bpf_sock_addr_kern';

/** A member of what a pointer in the context points to; stores borrow a register. */
function through(access: CtxAccess, pointer: string, place: Place): CtxRewrite {
  if (!access.write) return loadChain(access, pointer, place);
  const { insn, types } = access;
  const insns = withSavedReg(access, `${KERN}.tmp_reg`, (reg) => [
    load(types, pointer, reg, insn.dst),
    store(types, place, reg, insn.src),
  ]);
  return { insns, targetSize: 0 };
}

/** The rewrite of an access to `bpf_sock_addr`. @see net/core/filter.c, sock_addr_convert_ctx_access */
export function rewriteSockAddr(access: CtxAccess): CtxRewrite {
  const { off, size, types } = access;
  const address = addressAt(off);
  if (address !== undefined) {
    const { off: start } = types.resolve(address.member);
    return through(access, address.pointer, { off: start + off - address.off, size });
  }
  switch (off) {
    case USER_FAMILY:
      return loadChain(access, `${KERN}.uaddr`, 'sockaddr.sa_family');
    case USER_PORT:
      // At the same place for IPv4 and IPv6.
      return through(access, `${KERN}.uaddr`, 'sockaddr_in6.sin6_port');
    case FAMILY:
      return loadChain(access, `${KERN}.sk`, 'sock_common.skc_family');
    case TYPE:
      return loadChain(access, `${KERN}.sk`, 'sock.sk_type');
    case PROTOCOL:
      return loadChain(access, `${KERN}.sk`, 'sock.sk_protocol');
    case SK:
      return loadOrStore(access, `${KERN}.sk`);
    default:
      return NO_REWRITE;
  }
}
