// SPDX-License-Identifier: MIT
// Every load, store and helper's byte goes through here: by what the address register points to.
// @see kernel/bpf/verifier.c, check_mem_access
import { EACCES } from '@tsbpf/uapi';
import { setUnknown } from '../insn/reg-access.ts';
import { refuse } from '../refuse.ts';
import { truncate } from '../scalar/index.ts';
import { type Analysis, isSecret, regAt, setReg } from '../state/analysis.ts';
import { REG_FP } from '../state/frame.ts';
import { LIVE_WRITTEN } from '../state/liveness-bits.ts';
import { notInit, pointer, scalar, withBounds } from '../state/reg.ts';
import { REG_TYPE_NAMES, isPacketPtr, isSockPtr, mayBeNull } from '../state/reg-class.ts';
import { ownTop } from '../state/state.ts';
import { checkAlignment } from './alignment.ts';
import { checkCtxAccess, checkCtxReg } from './ctx.ts';
import { checkBtfAccess, checkFlowKeysAccess, checkSockLoad, checkTpBufferAccess } from './kernel-object.ts';
import { constantOfMap } from './map-constant.ts';
import { checkMapAccess, checkMapDirection } from './map-value.ts';
import { checkPacketAccess, checkPacketWrite } from './packet.ts';
import { checkStackOffset, loadStack, noteStackDepth, storeStack } from './stack.ts';

/** An access through a register. */
export interface Access {
  /** The register that holds the address. */
  readonly regno: number;
  /** The instruction's offset. */
  readonly off: number;
  readonly size: 1 | 2 | 4 | 8;
  readonly write: boolean;
  /** The register stored or loaded; -1 for none. */
  readonly value: number;
  /** Atomic operations are aligned on every machine. */
  readonly aligned?: boolean;
}

function checkLeak(a: Analysis, access: Access, into: string): void {
  const { write, value } = access;
  if (write && value >= 0 && isSecret(a, regAt(a, value))) {
    refuse(a.v, EACCES, `R${value} leaks addr into ${into}\n`);
  }
}

function loadsValue(access: Access): boolean {
  return !access.write && access.value >= 0;
}

/**
 * Checks an access and gives the loaded register what it now holds.
 * @errno EACCES, EINVAL
 */
export function accessMemory(a: Analysis, access: Access): void {
  const { regno, size, write, value } = access;
  const reg = regAt(a, regno);
  checkAlignment(a, reg, access.off, size, access.aligned === true);
  const off = (access.off + reg.off) | 0;

  switch (reg.type) {
    case 'PTR_TO_MAP_VALUE':
      checkLeak(a, access, 'map');
      checkMapDirection(a, reg, off, size, write);
      checkMapAccess(a, regno, off, size, false);
      if (loadsValue(access)) loadMapValue(a, access, off);
      break;
    case 'PTR_TO_CTX':
      accessCtx(a, access, off);
      break;
    case 'PTR_TO_STACK':
      accessStack(a, access, off);
      break;
    case 'PTR_TO_FLOW_KEYS':
      checkLeak(a, access, 'flow keys');
      checkFlowKeysAccess(a, off, size);
      if (loadsValue(access)) setUnknown(a, value);
      break;
    case 'PTR_TO_TP_BUFFER':
      checkTpBufferAccess(a, regno, off, size);
      if (loadsValue(access)) setUnknown(a, value);
      break;
    case 'PTR_TO_BTF_ID':
      accessBtf(a, access, off);
      break;
    default:
      if (isPacketPtr(reg.type)) {
        if (write) checkPacketWrite(a);
        checkLeak(a, access, 'packet');
        checkPacketAccess(a, regno, off, size, false);
        if (loadsValue(access)) setUnknown(a, value);
      } else if (isSockPtr(reg.type)) {
        if (write) refuse(a.v, EACCES, `R${regno} cannot write into ${REG_TYPE_NAMES[reg.type]}\n`);
        checkSockLoad(a, regno, off, size);
        if (value >= 0) setUnknown(a, value);
      } else {
        refuse(a.v, EACCES, `R${regno} invalid mem access '${REG_TYPE_NAMES[reg.type]}'\n`);
      }
  }
  if (size < 8 && loadsValue(access)) zeroExtend(a, value, size);
}

/** Narrow loads clear the upper bytes. */
function zeroExtend(a: Analysis, regno: number, size: 1 | 2 | 4 | 8): void {
  const reg = regAt(a, regno);
  if (reg.type === 'SCALAR_VALUE') setReg(a, regno, withBounds(reg, truncate(reg.bounds, size)));
}

function loadMapValue(a: Analysis, access: Access, off: number): void {
  const constant = constantOfMap(a, regAt(a, access.regno), off, access.size);
  if (constant === undefined) setUnknown(a, access.value);
  else setReg(a, access.value, scalar(constant, regAt(a, access.value).precise));
}

function accessCtx(a: Analysis, access: Access, off: number): void {
  const { regno, size, write, value } = access;
  checkLeak(a, access, 'ctx');
  checkCtxReg(a, regAt(a, regno), regno);
  const info = checkCtxAccess(a, off, size, write);
  if (!loadsValue(access)) return;
  if (info.regType === 'SCALAR_VALUE') {
    setUnknown(a, value);
    return;
  }
  const id = mayBeNull(info.regType) ? ++a.idGen : 0;
  const frame = ownTop(a.cur);
  frame.regs[value] = pointer(info.regType, frame.regs[value].precise, { id, btfId: info.btfId });
  frame.defs[value] = 0;
}

function accessStack(a: Analysis, access: Access, fixedOff: number): void {
  const { regno, size, write, value } = access;
  const reg = regAt(a, regno);
  const off = (fixedOff + reg.bounds.valueLo) | 0;
  checkStackOffset(a, reg, off, size);
  noteStackDepth(a, a.cur.frames[reg.frameno], off);
  if (write) {
    storeStack(a, reg.frameno, off, size, value);
    return;
  }
  const loaded = loadStack(a, reg.frameno, off, size, value);
  if (loaded === undefined) return;
  const frame = ownTop(a.cur);
  frame.regs[value] = loaded;
  frame.live[value] |= LIVE_WRITTEN;
  if (size === 8) frame.defs[value] = 0;
}

function accessBtf(a: Analysis, access: Access, off: number): void {
  const { regno, size, write, value } = access;
  const loaded = checkBtfAccess(a, regno, { off, size, write });
  if (loaded === undefined) return;
  if (value < 0) {
    loseAllRegs(a, loaded.regType === 'SCALAR_VALUE');
    return;
  }
  if (loaded.regType === 'SCALAR_VALUE') setUnknown(a, value);
  else setReg(a, value, pointer('PTR_TO_BTF_ID', regAt(a, value).precise, { btfId: loaded.btfId }));
}

/**
 * An atomic addition through a BTF pointer: the load it begins with has no register to fill, of which v5.6 complains
 * before it forgets all of them, the address as well. Its store fails for that.
 */
function loseAllRegs(a: Analysis, scalarLoad: boolean): void {
  a.v.log.write(`${scalarLoad ? 'mark_reg_unknown' : 'mark_reg_known_zero'}(regs, 4294967295)\n`);
  const { regs } = ownTop(a.cur);
  for (let r = 0; r < (scalarLoad ? REG_FP : regs.length); r++) regs[r] = notInit(a.precise);
}
