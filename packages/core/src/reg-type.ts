// SPDX-License-Identifier: MIT

/** What the verifier knows a register to hold. @see include/linux/bpf.h, enum bpf_reg_type */
export type RegType =
  | 'NOT_INIT'
  | 'SCALAR_VALUE'
  | 'PTR_TO_CTX'
  | 'CONST_PTR_TO_MAP'
  | 'PTR_TO_MAP_VALUE'
  | 'PTR_TO_MAP_VALUE_OR_NULL'
  | 'PTR_TO_STACK'
  | 'PTR_TO_PACKET_META'
  | 'PTR_TO_PACKET'
  | 'PTR_TO_PACKET_END'
  | 'PTR_TO_FLOW_KEYS'
  | 'PTR_TO_SOCKET'
  | 'PTR_TO_SOCKET_OR_NULL'
  | 'PTR_TO_SOCK_COMMON'
  | 'PTR_TO_SOCK_COMMON_OR_NULL'
  | 'PTR_TO_TCP_SOCK'
  | 'PTR_TO_TCP_SOCK_OR_NULL'
  | 'PTR_TO_TP_BUFFER'
  | 'PTR_TO_XDP_SOCK'
  | 'PTR_TO_BTF_ID';
