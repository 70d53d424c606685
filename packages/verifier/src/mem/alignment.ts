// SPDX-License-Identifier: MIT
// @see kernel/bpf/verifier.c, check_ptr_alignment
import type { RegType } from '@tsbpf/core';
import { EACCES } from '@tsbpf/uapi';
import { refuse } from '../refuse.ts';
import { type Bounds, formatTnum, knownImm, tnumAdd, tnumIsAligned, tnumIsConst } from '../scalar/index.ts';
import type { Analysis } from '../state/analysis.ts';
import type { Reg } from '../state/reg.ts';
import { isPacketPtr } from '../state/reg-class.ts';

/** Packets start two bytes behind a multiple of four where the machine needs alignment (NET_IP_ALIGN). */
const PACKET_ALIGN = 2;

const DESCRIPTIONS: Readonly<Partial<Record<RegType, string>>> = {
  PTR_TO_FLOW_KEYS: 'flow keys ',
  PTR_TO_MAP_VALUE: 'value ',
  PTR_TO_CTX: 'context ',
  PTR_TO_STACK: 'stack ',
  PTR_TO_SOCKET: 'sock ',
  PTR_TO_SOCK_COMMON: 'sock_common ',
  PTR_TO_TCP_SOCK: 'tcp_sock ',
  PTR_TO_XDP_SOCK: 'xdp_sock ',
};

/** Is the low end of bounds + fixed a multiple of `size`? What carries into it is in the low word. */
function isAligned(bounds: Bounds, fixed: number, size: number): boolean {
  if (tnumIsConst(bounds)) return ((bounds.valueLo + fixed) & (size - 1)) === 0;
  return tnumIsAligned(tnumAdd(bounds, knownImm(fixed | 0)), size);
}

/**
 * Accesses of the stack are always aligned, all others where the program asked for it or the access must be.
 * @param off the instruction's own
 * @errno EACCES
 */
export function checkAlignment(a: Analysis, reg: Reg, off: number, size: number, must: boolean): void {
  if (size === 1) return;
  const strict = must || a.v.strictAlignment || reg.type === 'PTR_TO_STACK';
  if (!strict) return;
  const packet = isPacketPtr(reg.type);
  const fixed = (packet ? PACKET_ALIGN : 0) + reg.off + off;
  if (isAligned(reg.bounds, fixed, size)) return;
  const rest = `${formatTnum(reg.bounds)}+${reg.off}+${off} size ${size}\n`;
  refuse(
    a.v,
    EACCES,
    packet
      ? `misaligned packet access off ${PACKET_ALIGN}+${rest}`
      : `misaligned ${DESCRIPTIONS[reg.type] ?? ''}access off ${rest}`,
  );
}
