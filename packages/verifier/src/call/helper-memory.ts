// SPDX-License-Identifier: MIT
// Memory handed to helpers. @see kernel/bpf/verifier.c, check_helper_mem_access, check_stack_boundary
import { EACCES, MAX_BPF_STACK } from '@tsbpf/uapi';
import { checkMapAccess, checkMapDirection } from '../mem/map-value.ts';
import { checkPacketAccess } from '../mem/packet.ts';
import { noteStackDepth, slotOf } from '../mem/stack.ts';
import { markSlotRead } from '../prune/mark-read.ts';
import { refuse } from '../refuse.ts';
import { BPF_MAX_VAR_OFF, formatTnum, tnumIsConst } from '../scalar/index.ts';
import { type Analysis, regAt } from '../state/analysis.ts';
import { ownStack } from '../state/frame.ts';
import { type Reg, isNullScalar } from '../state/reg.ts';
import { REG_TYPE_NAMES, isPacketPtr } from '../state/reg-class.ts';
import { BYTE_MISC, BYTE_ZERO, SLOT_MISC, byteKind, withByte } from '../state/slot.ts';
import { ownFrame } from '../state/state.ts';
import type { CallFacts } from './call-facts.ts';

/**
 * A register points to `size` bytes that a helper may use. `facts` is absent where a buffer that is not initialised is
 * not accepted, because how much the helper fills is not known.
 * @errno EACCES
 */
export function checkHelperMemory(
  a: Analysis,
  regno: number,
  size: number,
  zeroOk: boolean,
  facts: CallFacts | undefined,
): void {
  const reg = regAt(a, regno);
  if (isPacketPtr(reg.type)) {
    checkPacketAccess(a, regno, reg.off, size, zeroOk);
  } else if (reg.type === 'PTR_TO_MAP_VALUE') {
    checkMapDirection(a, reg, reg.off, size, facts?.rawMode === true);
    checkMapAccess(a, regno, reg.off, size, zeroOk);
  } else {
    checkStackBuffer(a, regno, size, zeroOk, facts);
  }
}

function outOfStack(reg: Reg, regno: number, off: number, size: number, zeroOk: boolean): string | undefined {
  const inside = off < 0 && off >= -MAX_BPF_STACK && off + size <= 0 && size >= 0 && (size > 0 || zeroOk);
  if (inside) return undefined;
  const at = tnumIsConst(reg.bounds) ? `off=${off}` : `var_off=${formatTnum(reg.bounds)}`;
  return `invalid stack type R${regno} ${at} access_size=${size}\n`;
}

function checkStackBuffer(
  a: Analysis,
  regno: number,
  size: number,
  zeroOk: boolean,
  facts: CallFacts | undefined,
): void {
  const { v } = a;
  const reg = regAt(a, regno);
  const { bounds } = reg;
  if (reg.type !== 'PTR_TO_STACK') {
    if (zeroOk && size === 0 && isNullScalar(reg)) return;
    refuse(v, EACCES, `R${regno} type=${REG_TYPE_NAMES[reg.type]} expected=${REG_TYPE_NAMES.PTR_TO_STACK}\n`);
  }
  const known = tnumIsConst(bounds);
  let raw = facts?.rawMode === true ? facts : undefined;
  let minOff: number;
  let maxOff: number;
  if (known) {
    minOff = maxOff = (bounds.valueLo + reg.off) | 0;
    const problem = outOfStack(reg, regno, minOff, size, zeroOk);
    if (problem !== undefined) refuse(v, EACCES, problem);
  } else {
    if (!v.allowPtrLeaks) {
      refuse(
        v,
        EACCES,
        `R${regno} indirect variable offset stack access prohibited for !root, var_off=${formatTnum(bounds)}\n`,
      );
    }
    raw = undefined;
    const max = bounds.smaxNumber;
    if (max >= BPF_MAX_VAR_OFF || max <= -BPF_MAX_VAR_OFF) {
      refuse(v, EACCES, `R${regno} unbounded indirect variable offset stack access\n`);
    }
    minOff = (bounds.sminLo + reg.off) | 0;
    maxOff = (bounds.smaxLo + reg.off) | 0;
    const below = outOfStack(reg, regno, minOff, size, zeroOk);
    if (below !== undefined) {
      v.log.write(below);
      refuse(v, EACCES, `R${regno} min value is outside of stack bound\n`);
    }
    const above = outOfStack(reg, regno, maxOff, size, zeroOk);
    if (above !== undefined) {
      v.log.write(above);
      refuse(v, EACCES, `R${regno} max value is outside of stack bound\n`);
    }
  }
  if (raw !== undefined) {
    raw.rawSize = size;
    raw.rawRegno = regno;
    return;
  }
  readBytes(a, reg, { minOff, end: maxOff + size, size, known });
  noteStackDepth(a, a.cur.frames[reg.frameno], minOff);
}

/** The helper reads all of it, and may write it: zeros and known scalars are unknown data afterwards. */
function readBytes(a: Analysis, reg: Reg, buffer: { minOff: number; end: number; size: number; known: boolean }): void {
  const { minOff, end, size, known } = buffer;
  const { frameno } = reg;
  for (let off = minOff; off < end; off++) {
    const frame = a.cur.frames[frameno];
    const spi = slotOf(off);
    const slot = frame.stack[spi];
    const index = (-off - 1) & 7;
    let ok = false;
    if (slot !== undefined && typeof slot !== 'number') {
      ok = slot.type === 'SCALAR_VALUE';
      if (ok) ownStack(ownFrame(a.cur, frameno))[spi] = SLOT_MISC;
    } else if (slot !== undefined) {
      const kind = byteKind(slot, index);
      ok = kind === BYTE_MISC || kind === BYTE_ZERO;
      if (kind === BYTE_ZERO) ownStack(ownFrame(a.cur, frameno))[spi] = withByte(slot, index, BYTE_MISC);
    }
    if (!ok) {
      const at = known ? `off ${minOff}` : `var_off ${formatTnum(reg.bounds)}`;
      refuse(a.v, EACCES, `invalid indirect read from stack ${at}+${off - minOff} size ${size}\n`);
    }
    markSlotRead(a.v, a.cur.frames[frameno], spi);
  }
}
