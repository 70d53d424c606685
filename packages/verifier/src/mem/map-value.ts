// SPDX-License-Identifier: MIT
// Access to map values. @see kernel/bpf/verifier.c, check_map_access, check_map_access_type
import type { MapFacts } from '@tsbpf/core';
import { BPF_F_RDONLY_PROG, BPF_F_WRONLY_PROG, EACCES, InternalError } from '@tsbpf/uapi';
import { logState } from '../log/print-state.ts';
import { refuse } from '../refuse.ts';
import { reject } from '../reject.ts';
import { BPF_MAX_VAR_OFF } from '../scalar/index.ts';
import { type Analysis, regAt } from '../state/analysis.ts';
import { topFrame } from '../state/state.ts';
import type { Reg } from '../state/reg.ts';

/** Bytes of struct bpf_spin_lock. */
const SPIN_LOCK_SIZE = 4;

export function mapOf(reg: Reg): MapFacts {
  if (reg.map === undefined) throw new InternalError(`a register of type ${reg.type} has no map`);
  return reg.map;
}

/** Values of the map hold a spin lock. */
export function hasSpinLock(map: MapFacts): boolean {
  return map.spinLockOff >= 0;
}

/** @errno EACCES programs may not read, or not write, the map's values */
export function checkMapDirection(a: Analysis, reg: Reg, off: number, size: number, write: boolean): void {
  const map = mapOf(reg);
  const readOnly = (map.flags & BPF_F_RDONLY_PROG) !== 0;
  const writeOnly = !readOnly && (map.flags & BPF_F_WRONLY_PROG) !== 0;
  if (write && readOnly) {
    refuse(a.v, EACCES, `write into map forbidden, value_size=${map.valueSize} off=${off} size=${size}\n`);
  }
  if (!write && writeOnly) {
    refuse(a.v, EACCES, `read from map forbidden, value_size=${map.valueSize} off=${off} size=${size}\n`);
  }
}

/** Why an access does not lie in a value; undefined where it does. */
function outside(map: MapFacts, off: number, size: number, zeroOk: boolean): string | undefined {
  const inside = off >= 0 && size >= 0 && (size > 0 || zeroOk) && off + size <= map.valueSize;
  return inside ? undefined : `invalid access to map value, value_size=${map.valueSize} off=${off} size=${size}\n`;
}

/** A minimum that may make the offset negative, or that a 32-bit offset cannot hold. */
function mayBeNegative(reg: Reg, off: number): boolean {
  const min = reg.bounds.sminNumber;
  if (min >= 0) return false;
  const at = off + min;
  return at !== (at | 0) || at < 0;
}

/**
 * Whether the whole access, at the least and at the greatest offset, lies in the value and clear of its spin lock. If
 * not, why has been logged.
 * @param off the register's fixed offset included
 */
export function mapAccessFits(a: Analysis, regno: number, off: number, size: number, zeroOk: boolean): boolean {
  const { v } = a;
  const reg = regAt(a, regno);
  const map = mapOf(reg);
  const { bounds } = reg;
  if (a.trace) logState(v, topFrame(a.cur));
  const fails = (...messages: readonly string[]): false => {
    for (const message of messages) v.log.write(message);
    return false;
  };
  if (mayBeNegative(reg, off)) {
    return fails(`R${regno} min value is negative, either use unsigned index or do a if (index >=0) check.\n`);
  }
  const below = outside(map, (bounds.sminLo + off) | 0, size, zeroOk);
  if (below !== undefined) return fails(below, `R${regno} min value is outside of the array range\n`);
  if (bounds.umaxNumber >= BPF_MAX_VAR_OFF) {
    return fails(`R${regno} unbounded memory access, make sure to bounds check any array access into a map\n`);
  }
  const above = outside(map, (bounds.umaxLo + off) | 0, size, zeroOk);
  // The lock is looked at even so.
  if (above !== undefined) fails(above, `R${regno} max value is outside of the array range\n`);
  if (hasSpinLock(map)) {
    const lock = map.spinLockOff;
    if (bounds.sminNumber + off < lock + SPIN_LOCK_SIZE && lock < bounds.umaxNumber + off + size) {
      return fails('bpf_spin_lock cannot be accessed directly by load/store\n');
    }
  }
  return above === undefined;
}

/** {@link mapAccessFits}, or the end. @errno EACCES */
export function checkMapAccess(a: Analysis, regno: number, off: number, size: number, zeroOk: boolean): void {
  if (!mapAccessFits(a, regno, off, size, zeroOk)) reject(EACCES);
}
