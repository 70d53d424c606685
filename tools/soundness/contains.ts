// SPDX-License-Identifier: MIT
// Whether a state of the verifier contains what a program's registers and stack really hold.
import type { ObservedFrame, Reg, Slot } from '../../packages/verifier/src/index.ts';
import type { Reality } from './reality.ts';

/** Bounds as the verifier's registers have them. */
type Bounds = Reg['bounds'];

const ADDR = 0xffff_ffff_ffff_ffffn;
/** Where it is only asked whether there is a reason: most states that are tried contain something else. */
const BRIEFLY = 'does not contain it';

/** Is `a` below `b`, both in words, unsigned? */
function below(aLo: number, aHi: number, bLo: number, bHi: number): boolean {
  return aHi === bHi ? aLo >>> 0 < bLo >>> 0 : aHi >>> 0 < bHi >>> 0;
}

/** The same for signed numbers. */
function less(aLo: number, aHi: number, bLo: number, bHi: number): boolean {
  return aHi === bHi ? aLo >>> 0 < bLo >>> 0 : aHi < bHi;
}

function within(b: Bounds, lo: number, hi: number): boolean {
  if (((lo & ~b.maskLo) ^ b.valueLo) !== 0 || ((hi & ~b.maskHi) ^ b.valueHi) !== 0) return false;
  return !(
    below(lo, hi, b.uminLo, b.uminHi) ||
    below(b.umaxLo, b.umaxHi, lo, hi) ||
    less(lo, hi, b.sminLo, b.sminHi) ||
    less(b.smaxLo, b.smaxHi, lo, hi)
  );
}

/** Why a value is not within bounds; undefined where it is. */
export function outOfBounds(b: Bounds, value: bigint, brief = false): string | undefined {
  const u = value & ADDR;
  if (within(b, Number(u & 0xffffffffn) | 0, Number(u >> 32n) | 0)) return undefined;
  if (brief) return BRIEFLY;
  const s = BigInt.asIntN(64, u);
  if (s < b.smin || s > b.smax) return `${s} is not in signed ${b.smin}..${b.smax}`;
  if (u < b.umin || u > b.umax) return `${u} is not in unsigned ${b.umin}..${b.umax}`;
  return `0x${u.toString(16)} is not 0x${b.value.toString(16)} but for 0x${b.mask.toString(16)}`;
}

/** A register as the report shows it. */
export function describeReg({ type, bounds: b, off, id, range }: Reg): string {
  const more = `${off === 0 ? '' : `+${off}`}${id === 0 ? '' : ` id=${id}`}${range === 0 ? '' : ` r=${range}`}`;
  return `${type}${more} s[${b.smin},${b.smax}] u[${b.umin},${b.umax}]`;
}

/** Why a pointer is not so far from a base; nothing is said where there is no base. */
function away(reg: Reg, value: bigint, base: bigint | undefined, brief: boolean): string | undefined {
  return base === undefined ? undefined : outOfBounds(reg.bounds, value - base - BigInt(reg.off), brief);
}

/** Why a register does not contain a value; undefined where it does. Looks at numbers only where `scalars`. */
export function regMismatch(
  reg: Reg,
  value: bigint,
  real: Reality,
  scalars: boolean,
  brief = false,
): string | undefined {
  switch (reg.type) {
    case 'NOT_INIT':
      return undefined;
    case 'SCALAR_VALUE':
      return scalars ? outOfBounds(reg.bounds, value, brief) : undefined;
    case 'PTR_TO_CTX':
      return away(reg, value, real.ctx, brief);
    case 'PTR_TO_STACK':
      return away(reg, value, real.frames[reg.frameno].stackTop, brief);
    case 'CONST_PTR_TO_MAP':
      if (value === 0n) return 'a map is NULL';
      return reg.map?.addr === value || reg.map?.addr === 0n || isTemplate(reg) ? undefined : 'another map';
    case 'PTR_TO_MAP_VALUE_OR_NULL':
      return value === 0n ? undefined : valueMismatch(reg, value, real, brief);
    case 'PTR_TO_MAP_VALUE':
      return valueMismatch(reg, value, real, brief);
    case 'PTR_TO_PACKET':
      return away(reg, value, real.data, brief) ?? rangeMismatch(reg, value, real.dataEnd);
    case 'PTR_TO_PACKET_META':
      return away(reg, value, real.dataMeta, brief) ?? rangeMismatch(reg, value, real.data);
    case 'PTR_TO_PACKET_END':
      return away(reg, value, real.dataEnd, brief);
    case 'PTR_TO_SOCKET_OR_NULL':
    case 'PTR_TO_SOCK_COMMON_OR_NULL':
    case 'PTR_TO_TCP_SOCK_OR_NULL':
    case 'PTR_TO_BTF_ID':
      return undefined;
    default:
      return value === 0n ? `${reg.type} is NULL` : undefined;
  }
}

/** The inner map a map of maps was made with stands for all of them. */
function isTemplate(reg: Reg): boolean {
  return reg.map !== undefined && 'id' in reg.map && reg.map.id === 0;
}

function valueMismatch(reg: Reg, value: bigint, real: Reality, brief: boolean): string | undefined {
  let nearest = 'no value of a map was found';
  for (const [base, map] of real.values) {
    if (!isTemplate(reg) && reg.map?.addr !== map) continue;
    const problem = away(reg, value, base, brief);
    if (problem === undefined) return undefined;
    nearest = problem;
  }
  return nearest;
}

function rangeMismatch(reg: Reg, value: bigint, end: bigint | undefined): string | undefined {
  if (end === undefined || reg.range === 0) return undefined;
  const last = value - BigInt(reg.off) + BigInt(reg.range);
  return last <= end ? undefined : `its range ends ${last - end} bytes behind the packet's end`;
}

function slotMismatch(slot: Slot, addr: bigint, real: Reality, brief: boolean): string | undefined {
  if (typeof slot !== 'number') return regMismatch(slot, real.read64(addr), real, true, brief);
  if ((slot & (slot >> 1) & 0x5555) === 0) return undefined;
  // Byte 0 is the one at the highest address.
  const bytes = real.read64(addr);
  for (let i = 0; i < 8; i++) {
    if (((slot >> (2 * i)) & 3) === 3 && ((bytes >> BigInt(8 * (7 - i))) & 0xffn) !== 0n) return `byte ${i} is not 0`;
  }
  return undefined;
}

/** A pointer whose id says that it equals others with that id, up to its fixed offset. */
function sharesIdentity(reg: Reg): boolean {
  if (reg.id === 0) return false;
  return reg.type === 'PTR_TO_PACKET' || reg.type === 'PTR_TO_MAP_VALUE' || reg.type.endsWith('_OR_NULL');
}

/** Pointers with the same unknown offset, or the same NULL, are equal: does one of them differ from the others? */
function identityProblem(frames: readonly ObservedFrame[], real: Reality, reg: Reg, value: bigint): string | undefined {
  const orNull = reg.type.endsWith('_OR_NULL');
  for (let f = 0; f < frames.length; f++) {
    const { regs } = frames[f];
    for (let r = 0; r < 10; r++) {
      const other = regs[r];
      if (other.id !== reg.id || other === reg || other.type !== reg.type || other.map !== reg.map) continue;
      const there = real.frames[f].regs[r];
      if (there === undefined) continue;
      const apart = BigInt.asIntN(64, value - there);
      const known = orNull ? 0n : BigInt(reg.off - other.off);
      if (apart !== known) return `differs from f${f} R${r}, which has its id ${reg.id}`;
    }
  }
  return undefined;
}

/** Why a state does not contain all that is there; undefined where it does. */
export function stateMismatch(frames: readonly ObservedFrame[], real: Reality, brief = false): string | undefined {
  for (let f = 0; f < frames.length; f++) {
    const there = real.frames[f];
    const { regs: values, okRegs } = there;
    const { regs, stack } = frames[f];
    for (let r = 0; r < 11; r++) {
      const reg = regs[r];
      const value = values[r];
      if (value === undefined || okRegs[r] === reg) continue;
      const problem =
        regMismatch(reg, value, real, true, brief) ??
        (sharesIdentity(reg) ? identityProblem(frames, real, reg, value) : undefined);
      if (problem !== undefined) return brief ? problem : `f${f} R${r} (${describeReg(reg)}): ${problem}`;
      okRegs[r] = reg;
    }
    if (there.okStack === stack) continue;
    const { okSlots, stackTop } = there;
    for (let spi = 0; spi < stack.length; spi++) {
      const slot = stack[spi];
      if (okSlots[spi] === slot) continue;
      const problem = slotMismatch(slot, stackTop - BigInt(8 * (spi + 1)), real, brief);
      if (problem !== undefined) return brief ? problem : `f${f} fp-${8 * (spi + 1)}: ${problem}`;
      okSlots[spi] = slot;
    }
    there.okStack = stack;
  }
  return undefined;
}

/** Why a state does not contain the registers in `read` (bits) of the running function. */
export function readMismatch(
  frames: readonly ObservedFrame[],
  real: Reality,
  read: number,
  scalars: boolean,
  brief = false,
): string | undefined {
  const { regs } = frames[frames.length - 1];
  const values = real.frames[frames.length - 1].regs;
  for (let r = 0; r < 11; r++) {
    const value = values[r];
    if ((read & (1 << r)) === 0 || value === undefined) continue;
    if (regs[r].type === 'NOT_INIT') return `R${r} is read, and the state does not know it`;
    const problem = regMismatch(regs[r], value, real, scalars, brief);
    if (problem !== undefined) return brief ? problem : `R${r} (${describeReg(regs[r])}): ${problem}`;
  }
  return undefined;
}
