// SPDX-License-Identifier: MIT
// Direct packet access. @see kernel/bpf/verifier.c, check_packet_access, may_access_direct_pkt_data
import type { FuncProto } from '@tsbpf/core';
import { BPF_PROG_TYPE_EXT, EACCES } from '@tsbpf/uapi';
import { refuse } from '../refuse.ts';
import { type Analysis, regAt } from '../state/analysis.ts';
import { unknownScalar } from '../state/reg.ts';
import { isAnyPacketPtr } from '../state/reg-class.ts';
import { ownFrame } from '../state/state.ts';
import { ownStack } from '../state/frame.ts';

/** Whether the program may load from (store to) the packet. Extensions have none of their target's rights. */
function packetAccess(a: Analysis): 'none' | 'read' | 'read-write' {
  if (a.v.prog.type === BPF_PROG_TYPE_EXT) return 'none';
  const { packetAccess } = a.v.def.verifier;
  return (typeof packetAccess === 'function' ? packetAccess(a.v.facts) : packetAccess) ?? 'none';
}

/** @errno EACCES the program's type may not write packets */
export function checkPacketWrite(a: Analysis): void {
  if (packetAccess(a) !== 'read-write') refuse(a.v, EACCES, 'cannot write into packet\n');
  a.v.seenDirectWrite = true;
}

/** Whether a helper takes pointers into the packet. */
export function helperTakesPacket(a: Analysis, proto: FuncProto): boolean {
  if (packetAccess(a) === 'none') return false;
  return proto.pktAccess === true || a.v.def.verifier.packetPointersToAnyHelper === true;
}

/**
 * The access lies in the part of the packet that was compared with its end. The range counts from where the pointer's
 * variable part is, so that only fixed offsets matter.
 * @param off the register's fixed offset included
 * @errno EACCES
 */
export function checkPacketAccess(a: Analysis, regno: number, off: number, size: number, zeroOk: boolean): void {
  const { v } = a;
  const reg = regAt(a, regno);
  if (reg.bounds.sminHi < 0) {
    refuse(v, EACCES, `R${regno} min value is negative, either use unsigned index or do a if (index >=0) check.\n`);
  }
  if (off < 0 || size < 0 || (size === 0 && !zeroOk) || off + size > reg.range) {
    v.log.write(
      `invalid access to packet, off=${off} size=${size}, R${regno}(id=${reg.id},off=${reg.off},r=${reg.range})\n`,
    );
    refuse(v, EACCES, `R${regno} offset is outside of the packet\n`);
  }
  const last = (off + reg.bounds.umaxLo + size - 1) >>> 0;
  if (last > v.maxPktOffset) v.maxPktOffset = last;
}

/** The packet may have moved: every pointer into it, in all functions, is a number now. */
export function forgetPacketPointers(a: Analysis): void {
  const nothing = unknownScalar(a.precise);
  for (let i = 0; i < a.cur.frames.length; i++) {
    const f = a.cur.frames[i];
    for (let r = 0; r < f.regs.length; r++) {
      if (isAnyPacketPtr(f.regs[r].type)) ownFrame(a.cur, i).regs[r] = nothing;
    }
    for (let spi = 0; spi < f.stack.length; spi++) {
      const slot = a.cur.frames[i].stack[spi];
      if (typeof slot !== 'number' && isAnyPacketPtr(slot.type)) ownStack(ownFrame(a.cur, i))[spi] = nothing;
    }
  }
}
