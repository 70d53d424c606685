// SPDX-License-Identifier: MIT
import type { MapFacts, RegType } from '@tsbpf/core';
import { type Bounds, UNKNOWN, ZERO, tnumIsConst } from '../scalar/index.ts';

/**
 * What is known of a register or of a spilled one. Immutable and shared between states: a change makes a new object.
 * Liveness is not part of it, see Frame.
 * @see include/linux/bpf_verifier.h, struct bpf_reg_state
 */
export class Reg {
  declare readonly type: RegType;
  /** The scalar's value, or the variable part of the pointer's offset. */
  declare readonly bounds: Bounds;
  /** The fixed part of the pointer's offset, in bytes. */
  declare readonly off: number;
  /** Pointers with the same id are the same pointer, or have the same unknown offset. */
  declare readonly id: number;
  /** The reference that the pointer comes with; 0 for none. */
  declare readonly refObjId: number;
  /** For maps and pointers into their values. */
  declare readonly map: MapFacts | undefined;
  /** Packet pointers: bytes that are known to be there, counted from where the pointer's id starts. */
  declare readonly range: number;
  /** For PTR_TO_BTF_ID: a struct of the kernel's BTF. */
  declare readonly btfId: number;
  /** For PTR_TO_STACK: whose stack. */
  declare readonly frameno: number;
  /** For scalars: pruning must look at the value. */
  declare readonly precise: boolean;

  constructor(
    type: RegType,
    bounds: Bounds,
    off: number,
    id: number,
    refObjId: number,
    map: MapFacts | undefined,
    range: number,
    btfId: number,
    frameno: number,
    precise: boolean,
  ) {
    this.type = type;
    this.bounds = bounds;
    this.off = off;
    this.id = id;
    this.refObjId = refObjId;
    this.map = map;
    this.range = range;
    this.btfId = btfId;
    this.frameno = frameno;
    this.precise = precise;
  }
}

function plain(type: RegType, bounds: Bounds, precise: boolean, frameno = 0): Reg {
  return new Reg(type, bounds, 0, 0, 0, undefined, 0, 0, frameno, precise);
}

const NOT_INIT_PLAIN = plain('NOT_INIT', UNKNOWN, false);
const NOT_INIT_PRECISE = plain('NOT_INIT', UNKNOWN, true);
const UNKNOWN_PLAIN = plain('SCALAR_VALUE', UNKNOWN, false);
const UNKNOWN_PRECISE = plain('SCALAR_VALUE', UNKNOWN, true);

/** Nothing was written yet. `precise` is what scalars of this program start with. */
export function notInit(precise: boolean): Reg {
  return precise ? NOT_INIT_PRECISE : NOT_INIT_PLAIN;
}

/** A scalar of which nothing is known. */
export function unknownScalar(precise: boolean): Reg {
  return precise ? UNKNOWN_PRECISE : UNKNOWN_PLAIN;
}

/** A scalar, with nothing left of what the register was. */
export function scalar(bounds: Bounds, precise: boolean): Reg {
  return bounds === UNKNOWN ? unknownScalar(precise) : plain('SCALAR_VALUE', bounds, precise);
}

/** A pointer to the start of something. */
export function pointer(
  type: RegType,
  precise: boolean,
  more: { id?: number; map?: MapFacts; btfId?: number; frameno?: number; off?: number; refObjId?: number } = {},
): Reg {
  return new Reg(
    type,
    ZERO,
    more.off ?? 0,
    more.id ?? 0,
    more.refObjId ?? 0,
    more.map,
    0,
    more.btfId ?? 0,
    more.frameno ?? 0,
    precise,
  );
}

/** The same register with other bounds. */
export function withBounds(reg: Reg, bounds: Bounds): Reg {
  if (bounds === reg.bounds) return reg;
  const { type, off, id, refObjId, map, range, btfId, frameno, precise } = reg;
  return new Reg(type, bounds, off, id, refObjId, map, range, btfId, frameno, precise);
}

/** The same register, its value marked as mattering. */
export function withPrecise(reg: Reg): Reg {
  if (reg.precise) return reg;
  const { type, bounds, off, id, refObjId, map, range, btfId, frameno } = reg;
  if (reg === UNKNOWN_PLAIN) return UNKNOWN_PRECISE;
  return new Reg(type, bounds, off, id, refObjId, map, range, btfId, frameno, true);
}

/** The same packet pointer with another range. */
export function withRange(reg: Reg, range: number): Reg {
  const { type, bounds, off, id, refObjId, map, btfId, frameno, precise } = reg;
  return new Reg(type, bounds, off, id, refObjId, map, range, btfId, frameno, precise);
}

/** The same register as another type, with other identities. */
export function retyped(reg: Reg, type: RegType, id: number, refObjId: number, map = reg.map): Reg {
  const { bounds, off, range, btfId, frameno, precise } = reg;
  return new Reg(type, bounds, off, id, refObjId, map, range, btfId, frameno, precise);
}

/** A scalar that is known to be one value. */
export function isConstScalar(reg: Reg): boolean {
  return reg.type === 'SCALAR_VALUE' && tnumIsConst(reg.bounds);
}

/** A scalar that is known to be 0: the NULL that programs pass. */
export function isNullScalar(reg: Reg): boolean {
  return isConstScalar(reg) && (reg.bounds.valueLo | reg.bounds.valueHi) === 0;
}
