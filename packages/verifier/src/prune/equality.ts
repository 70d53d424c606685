// SPDX-License-Identifier: MIT
// May a path end where it meets a state that others came through safely? It may if all that those paths looked at is at
// least as well known here. @see kernel/bpf/verifier.c, states_equal, regsafe, stacksafe, refsafe
import { boundsWithin, sameBounds } from '../scalar/index.ts';
import type { Frame } from '../state/frame.ts';
import { LIVE_READ } from '../state/liveness-bits.ts';
import type { Reg } from '../state/reg.ts';
import { BYTE_INVALID, BYTE_MISC, BYTE_ZERO, byteKind, type Slot } from '../state/slot.ts';
import { type State, topFrame } from '../state/state.ts';

/** Pairs of ids, the old state's first, that were taken to be the same. Most comparisons need none. */
interface IdPairs {
  map?: Map<number, number>;
  /** Ids of registers that are identical are compared, too. v5.6 does not note those. */
  readonly always: boolean;
}

/** The same in all that the analysis knows, marks aside. `frameno` is no part of it, as in the kernel's layout. */
function identical(a: Reg, b: Reg): boolean {
  return (
    a === b ||
    (a.type === b.type &&
      a.off === b.off &&
      a.id === b.id &&
      a.refObjId === b.refObjId &&
      a.map === b.map &&
      a.range === b.range &&
      a.btfId === b.btfId &&
      sameBounds(a.bounds, b.bounds))
  );
}

/** The old id stands for the new one everywhere. Two old ids may stand for one new id, as in v5.6. */
function sameId(oldId: number, curId: number, pairs: IdPairs): boolean {
  pairs.map ??= new Map();
  const known = pairs.map.get(oldId);
  if (known !== undefined) return known === curId;
  pairs.map.set(oldId, curId);
  return true;
}

/** The same kind of pointer at the same fixed offset into the same map. Offsets of map pointers: see regSafe. */
function sameMapPlace(old: Reg, cur: Reg): boolean {
  return old.type === cur.type && old.map === cur.map && old.off === cur.off;
}

/** `live` is the old register's. */
function regSafe(old: Reg, live: number, cur: Reg, pairs: IdPairs): boolean {
  if ((live & LIVE_READ) === 0) return true;
  const equal = identical(old, cur);
  if (old.type === 'PTR_TO_STACK') return equal && old.frameno === cur.frameno;
  if ((equal && !(pairs.always && old.id !== 0)) || old.type === 'NOT_INIT') return true;
  switch (old.type) {
    case 'SCALAR_VALUE':
      if (cur.type !== 'SCALAR_VALUE') return false;
      return (!old.precise && !cur.precise) || boundsWithin(old.bounds, cur.bounds);
    case 'PTR_TO_MAP_VALUE':
      return sameMapPlace(old, cur) && boundsWithin(old.bounds, cur.bounds);
    case 'PTR_TO_MAP_VALUE_OR_NULL':
      return sameMapPlace(old, cur) && sameId(old.id, cur.id, pairs);
    case 'PTR_TO_PACKET':
    case 'PTR_TO_PACKET_META':
      return (
        cur.type === old.type &&
        old.range <= cur.range &&
        old.off === cur.off &&
        (old.id === 0 || sameId(old.id, cur.id, pairs)) &&
        boundsWithin(old.bounds, cur.bounds)
      );
    default:
      return equal && sameId(old.id, cur.id, pairs);
  }
}

/** Slots the current stack has beyond the old one do not matter, nor do old slots that nobody read. */
function stackSafe(old: Frame, cur: Frame, pairs: IdPairs): boolean {
  for (let spi = 0; spi < old.stack.length; spi++) {
    const live = old.stackLive[spi];
    if ((live & LIVE_READ) !== 0 && !slotSafe(old.stack[spi], live, cur.stack[spi], pairs)) return false;
  }
  return true;
}

function slotSafe(old: Slot, live: number, cur: Slot | undefined, pairs: IdPairs): boolean {
  if (typeof old !== 'number') {
    return cur !== undefined && typeof cur !== 'number' && regSafe(old, live, cur, pairs);
  }
  if (old === cur) return true;
  for (let i = 0; i < 8; i++) {
    const kind = byteKind(old, i);
    if (kind === BYTE_INVALID) continue;
    if (cur === undefined) return false;
    const now = byteKind(cur, i);
    if (kind !== now && !(kind === BYTE_MISC && now === BYTE_ZERO)) return false;
  }
  return true;
}

function refsSame(old: Frame, cur: Frame): boolean {
  if (old.refs === cur.refs) return true;
  if (old.refs.length !== cur.refs.length) return false;
  return old.refs.every((ref, i) => ref.id === cur.refs[i].id && ref.insnIdx === cur.refs[i].insnIdx);
}

function framesEqual(old: Frame, cur: Frame, idsAlways: boolean): boolean {
  const pairs: IdPairs = { always: idsAlways };
  for (let r = 0; r < old.regs.length; r++) {
    if (!regSafe(old.regs[r], old.live[r], cur.regs[r], pairs)) return false;
  }
  return stackSafe(old, cur, pairs) && refsSame(old, cur);
}

/** Whether everything that follows from `old` being safe follows for `cur`. For `idsAlways` see IdPairs. */
export function statesEqual(old: State, cur: State, idsAlways: boolean): boolean {
  if (old.frames.length !== cur.frames.length) return false;
  if (old.speculative && !cur.speculative) return false;
  if (old.activeLock !== cur.activeLock) return false;
  for (let i = 0; i < old.frames.length; i++) {
    if (old.frames[i].callsite !== cur.frames[i].callsite) return false;
    if (!framesEqual(old.frames[i], cur.frames[i], idsAlways)) return false;
  }
  return true;
}

/** Whether a state met again on the way from itself may be the same: no register of the current function differs. */
export function mayBeLooping(old: State, cur: State): boolean {
  if (old.frames.length !== cur.frames.length) return false;
  const was = topFrame(old).regs;
  const is = topFrame(cur).regs;
  for (let r = 0; r < was.length; r++) if (!identical(was[r], is[r])) return false;
  return true;
}
