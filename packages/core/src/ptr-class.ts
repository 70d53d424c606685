// SPDX-License-Identifier: MIT
import type { AccessInfo, AccessRequest, CtxAccess, CtxRewrite } from './prog-type.ts';
import type { RegType } from './reg-type.ts';

/**
 * A class of pointers to kernel structures that programs read through a public view: bpf_sock through PTR_TO_SOCKET and
 * PTR_TO_SOCK_COMMON, bpf_tcp_sock, bpf_xdp_sock.
 */
export interface PtrClassOps {
  readonly regType: RegType;
  /** The program-side structure, such as `bpf_sock`. */
  readonly progStruct: string;
  isValidAccess(access: AccessRequest): AccessInfo | undefined;
  convertAccess(access: CtxAccess): CtxRewrite;
}

/** Declares a pointer class. */
export function definePtrClass(ops: PtrClassOps): PtrClassOps {
  return ops;
}
