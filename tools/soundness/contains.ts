// SPDX-License-Identifier: MIT
// Whether a state of the verifier contains what a program's registers and stack really hold.
import type { Reg } from '../../packages/verifier/src/index.ts';
import type { ObservedFrame } from '../../packages/verifier/src/index.ts';

/** Bounds as the verifier's registers have them. */
type Bounds = Reg['bounds'];

/** What really is: addresses are 64-bit, unsigned. */
export interface Reality {
  /** Outermost first. R0 to R10 of the running function; of a caller only R6 to R9, and R10. */
  readonly frames: readonly { readonly regs: readonly (bigint | undefined)[]; readonly stackTop: bigint }[];
  readonly ctx: bigint;
  /** Of programs with packets. */
  readonly data: bigint | undefined;
  readonly dataMeta: bigint | undefined;
  readonly dataEnd: bigint | undefined;
  /** Where values of maps were found, and the address of their map. */
  readonly values: ReadonlyMap<bigint, bigint>;
  read64(addr: bigint): bigint;
}

function signed(x: bigint): bigint {
  return BigInt.asIntN(64, x);
}

function unsigned(x: bigint): bigint {
  return BigInt.asUintN(64, x);
}

/** Why a value is not within bounds; undefined where it is. */
export function outOfBounds(b: Bounds, value: bigint): string | undefined {
  const u = unsigned(value);
  const s = signed(value);
  if (s < b.smin || s > b.smax) return `${s} is not in signed ${b.smin}..${b.smax}`;
  if (u < b.umin || u > b.umax) return `${u} is not in unsigned ${b.umin}..${b.umax}`;
  const known = (BigInt(b.valueHi >>> 0) << 32n) | BigInt(b.valueLo >>> 0);
  const mask = (BigInt(b.maskHi >>> 0) << 32n) | BigInt(b.maskLo >>> 0);
  if ((u & ~mask) !== known) return `0x${u.toString(16)} is not 0x${known.toString(16)} but for 0x${mask.toString(16)}`;
  return undefined;
}

/** A register as the report shows it. */
export function describeReg({ type, bounds: b, off, id, range }: Reg): string {
  const more = `${off === 0 ? '' : `+${off}`}${id === 0 ? '' : ` id=${id}`}${range === 0 ? '' : ` r=${range}`}`;
  return `${type}${more} s[${b.smin},${b.smax}] u[${b.umin},${b.umax}]`;
}

/** Why a register does not contain a value; undefined where it does. Looks at numbers only where `scalars`. */
export function regMismatch(reg: Reg, value: bigint, real: Reality, scalars: boolean): string | undefined {
  const offset = (base: bigint): string | undefined => outOfBounds(reg.bounds, value - base - BigInt(reg.off));
  const exactly = (base: bigint | undefined): string | undefined => (base === undefined ? undefined : offset(base));
  switch (reg.type) {
    case 'NOT_INIT':
      return undefined;
    case 'SCALAR_VALUE':
      return scalars ? outOfBounds(reg.bounds, value) : undefined;
    case 'PTR_TO_CTX':
      return offset(real.ctx);
    case 'PTR_TO_STACK':
      return offset(real.frames[reg.frameno].stackTop);
    case 'CONST_PTR_TO_MAP':
      if (value === 0n) return 'a map is NULL';
      return reg.map?.addr === value || reg.map?.addr === 0n || isTemplate(reg) ? undefined : 'another map';
    case 'PTR_TO_MAP_VALUE_OR_NULL':
      return value === 0n ? undefined : valueMismatch(reg, real, offset);
    case 'PTR_TO_MAP_VALUE':
      return valueMismatch(reg, real, offset);
    case 'PTR_TO_PACKET':
      return exactly(real.data) ?? rangeMismatch(reg, value, real.dataEnd);
    case 'PTR_TO_PACKET_META':
      return exactly(real.dataMeta) ?? rangeMismatch(reg, value, real.data);
    case 'PTR_TO_PACKET_END':
      return exactly(real.dataEnd);
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

function valueMismatch(reg: Reg, real: Reality, offset: (base: bigint) => string | undefined): string | undefined {
  let nearest = 'no value of a map was found';
  for (const [base, map] of real.values) {
    if (!isTemplate(reg) && reg.map?.addr !== map) continue;
    const problem = offset(base);
    if (problem === undefined) return undefined;
    nearest = problem;
  }
  return nearest;
}

function rangeMismatch(reg: Reg, value: bigint, end: bigint | undefined): string | undefined {
  if (end === undefined) return undefined;
  const last = value - BigInt(reg.off) + BigInt(reg.range);
  return reg.range === 0 || last <= end ? undefined : `its range ends ${last - end} bytes behind the packet's end`;
}

/** Why an access through a register leaves what the register points into; undefined where it does not. */
export function accessProblem(reg: Reg, at: bigint, lenBytes: number, real: Reality): string | undefined {
  const end = at + BigInt(lenBytes);
  if (reg.type === 'PTR_TO_MAP_VALUE' && reg.map !== undefined) {
    const size = BigInt(reg.map.valueSize);
    for (const base of real.values.keys()) if (at >= base && end <= base + size) return undefined;
    return `${lenBytes} bytes at 0x${at.toString(16)} are not inside a value`;
  }
  if (reg.type !== 'PTR_TO_PACKET' && reg.type !== 'PTR_TO_PACKET_META') return undefined;
  const [first, last] = reg.type === 'PTR_TO_PACKET' ? [real.data, real.dataEnd] : [real.dataMeta, real.data];
  if (first === undefined || last === undefined || (at >= first && end <= last)) return undefined;
  return `${lenBytes} bytes at 0x${at.toString(16)} are not inside the packet`;
}

function slotMismatch(frame: ObservedFrame, spi: number, top: bigint, real: Reality): string | undefined {
  const slot = frame.stack[spi];
  const addr = top - BigInt(8 * (spi + 1));
  if (typeof slot !== 'number') return regMismatch(slot, real.read64(addr), real, true);
  // Byte 0 is the one at the highest address.
  const bytes = real.read64(addr);
  for (let i = 0; i < 8; i++) {
    if (((slot >> (2 * i)) & 3) === 3 && ((bytes >> BigInt(8 * (7 - i))) & 0xffn) !== 0n) return `byte ${i} is not 0`;
  }
  return undefined;
}

/** Pointers with the same unknown offset, or the same NULL, are equal. */
function identityMismatch(frames: readonly ObservedFrame[], real: Reality): string | undefined {
  const seen = new Map<string, bigint>();
  for (let f = 0; f < frames.length; f++) {
    for (let r = 0; r < 10; r++) {
      const reg = frames[f].regs[r];
      const value = real.frames[f].regs[r];
      if (value === undefined || reg.id === 0 || reg.type === 'SCALAR_VALUE' || reg.type === 'NOT_INIT') continue;
      const orNull = reg.type.endsWith('_OR_NULL');
      if (!orNull && reg.type !== 'PTR_TO_PACKET') continue;
      const base = orNull ? value : value - BigInt(reg.off);
      const key = `${reg.type} ${reg.id}`;
      const other = seen.get(key);
      if (other !== undefined && other !== base) return `f${f} R${r}: differs from another with id ${reg.id}`;
      seen.set(key, base);
    }
  }
  return undefined;
}

/** Why a state does not contain all that is there; undefined where it does. */
export function stateMismatch(frames: readonly ObservedFrame[], real: Reality): string | undefined {
  for (let f = 0; f < frames.length; f++) {
    const { regs, stackTop } = real.frames[f];
    for (let r = 0; r < 11; r++) {
      const value = regs[r];
      const problem = value === undefined ? undefined : regMismatch(frames[f].regs[r], value, real, true);
      if (problem !== undefined) return `f${f} R${r} (${describeReg(frames[f].regs[r])}): ${problem}`;
    }
    for (let spi = 0; spi < frames[f].stack.length; spi++) {
      const problem = slotMismatch(frames[f], spi, stackTop, real);
      if (problem !== undefined) return `f${f} fp-${8 * (spi + 1)}: ${problem}`;
    }
  }
  return identityMismatch(frames, real);
}

/** Why a state does not contain the registers in `read` (bits) of the running function. */
export function readMismatch(
  frames: readonly ObservedFrame[],
  real: Reality,
  read: number,
  scalars: boolean,
): string | undefined {
  const { regs } = frames[frames.length - 1];
  const values = real.frames[frames.length - 1].regs;
  for (let r = 0; r < 11; r++) {
    const value = values[r];
    if ((read & (1 << r)) === 0 || value === undefined) continue;
    if (regs[r].type === 'NOT_INIT') return `R${r} is read, and the state does not know it`;
    const problem = regMismatch(regs[r], value, real, scalars);
    if (problem !== undefined) return `R${r} (${describeReg(regs[r])}): ${problem}`;
  }
  return undefined;
}
