// SPDX-License-Identifier: MIT
// Classes of register types, and their names in the log.
// @see kernel/bpf/verifier.c, reg_type_str and the predicates near it
import type { RegType } from '@tsbpf/core';

/** Names as the log of v5.6 has them; a BTF pointer's struct follows its own. */
export const REG_TYPE_NAMES: Readonly<Record<RegType, string>> = {
  NOT_INIT: '?',
  SCALAR_VALUE: 'inv',
  PTR_TO_CTX: 'ctx',
  CONST_PTR_TO_MAP: 'map_ptr',
  PTR_TO_MAP_VALUE: 'map_value',
  PTR_TO_MAP_VALUE_OR_NULL: 'map_value_or_null',
  PTR_TO_STACK: 'fp',
  PTR_TO_PACKET: 'pkt',
  PTR_TO_PACKET_META: 'pkt_meta',
  PTR_TO_PACKET_END: 'pkt_end',
  PTR_TO_FLOW_KEYS: 'flow_keys',
  PTR_TO_SOCKET: 'sock',
  PTR_TO_SOCKET_OR_NULL: 'sock_or_null',
  PTR_TO_SOCK_COMMON: 'sock_common',
  PTR_TO_SOCK_COMMON_OR_NULL: 'sock_common_or_null',
  PTR_TO_TCP_SOCK: 'tcp_sock',
  PTR_TO_TCP_SOCK_OR_NULL: 'tcp_sock_or_null',
  PTR_TO_TP_BUFFER: 'tp_buffer',
  PTR_TO_XDP_SOCK: 'xdp_sock',
  PTR_TO_BTF_ID: 'ptr_',
};

/** Packet pointers that have a range. */
export function isPacketPtr(type: RegType): boolean {
  return type === 'PTR_TO_PACKET' || type === 'PTR_TO_PACKET_META';
}

/** Everything that a change of the packet invalidates. */
export function isAnyPacketPtr(type: RegType): boolean {
  return isPacketPtr(type) || type === 'PTR_TO_PACKET_END';
}

/** Pointers to socket structures, known not to be NULL. */
export function isSockPtr(type: RegType): boolean {
  return (
    type === 'PTR_TO_SOCKET' ||
    type === 'PTR_TO_SOCK_COMMON' ||
    type === 'PTR_TO_TCP_SOCK' ||
    type === 'PTR_TO_XDP_SOCK'
  );
}

export function mayBeNull(type: RegType): boolean {
  return (
    type === 'PTR_TO_MAP_VALUE_OR_NULL' ||
    type === 'PTR_TO_SOCKET_OR_NULL' ||
    type === 'PTR_TO_SOCK_COMMON_OR_NULL' ||
    type === 'PTR_TO_TCP_SOCK_OR_NULL'
  );
}

/** Types whose log form names the reference they may hold. */
export function printsRefObjId(type: RegType): boolean {
  return (
    type === 'PTR_TO_SOCKET' ||
    type === 'PTR_TO_SOCKET_OR_NULL' ||
    type === 'PTR_TO_TCP_SOCK' ||
    type === 'PTR_TO_TCP_SOCK_OR_NULL'
  );
}

/** Pointers that keep what they are through a stack slot: all but those into tracepoint buffers. */
export function isSpillable(type: RegType): boolean {
  return type !== 'NOT_INIT' && type !== 'SCALAR_VALUE' && type !== 'PTR_TO_TP_BUFFER';
}

/** Types through which accesses are rewritten, so that one instruction may not serve two of them. */
export function isRewritten(type: RegType): boolean {
  return (
    type === 'PTR_TO_CTX' ||
    isSockPtr(type) ||
    type === 'PTR_TO_SOCKET_OR_NULL' ||
    type === 'PTR_TO_SOCK_COMMON_OR_NULL' ||
    type === 'PTR_TO_TCP_SOCK_OR_NULL' ||
    type === 'PTR_TO_BTF_ID'
  );
}

/** Types with which pointer arithmetic is never allowed. PTR_TO_MAP_VALUE_OR_NULL has a message of its own. */
export function forbidsArithmetic(type: RegType): boolean {
  return (
    type === 'CONST_PTR_TO_MAP' ||
    type === 'PTR_TO_PACKET_END' ||
    isSockPtr(type) ||
    type === 'PTR_TO_SOCKET_OR_NULL' ||
    type === 'PTR_TO_SOCK_COMMON_OR_NULL' ||
    type === 'PTR_TO_TCP_SOCK_OR_NULL'
  );
}
