// SPDX-License-Identifier: MIT
// Reads are told to the states a path came from, as far up as nobody wrote in between: only what a state's paths read
// has to be equal for a later path to end there.
import { EFAULT } from '@tsbpf/uapi';
import { type Frame, regParent } from '../state/frame.ts';
import { LIVE_DONE, LIVE_READ, LIVE_READ32, LIVE_READ64, LIVE_STANDIN, LIVE_WRITTEN } from '../state/liveness-bits.ts';
import { refuse } from '../refuse.ts';
import type { Verification } from '../verification.ts';

/** A register's reads do not concern its parent. */
const SCREENED = LIVE_WRITTEN | LIVE_STANDIN;

/** The walk met a state whose marks are final: a defect of the analysis. */
function finalStateMet(v: Verification, frame: Frame, what: string): never {
  return refuse(v, EFAULT, `verifier BUG type ${what} var_off 0 off ${frame.frameno}\n`);
}

function countWalk(v: Verification, steps: number): void {
  if (steps > v.counters.longestMarkRead) v.counters.longestMarkRead = steps;
}

/** Marks register `regno` of `parent`, and of the frames before it, as read. `parent` is where the reader's path came from. */
export function markRegReadFrom(v: Verification, parent: Frame | undefined, regno: number, flag: number): void {
  let steps = 0;
  for (let f = parent; f !== undefined; f = regParent(f, regno)) {
    const live = f.live[regno];
    if ((live & LIVE_DONE) !== 0) finalStateMet(v, f, `R${regno}`);
    if ((live & LIVE_READ) === flag || (live & LIVE_READ64) !== 0) break;
    f.live[regno] = flag === LIVE_READ64 ? (live & ~LIVE_READ32) | flag : live | flag;
    steps++;
    if ((live & SCREENED) !== 0) break;
  }
  countWalk(v, steps);
}

/** The same for stack slot `spi`. Slots are always read whole. */
export function markSlotReadFrom(v: Verification, parent: Frame | undefined, spi: number, flag: number): void {
  let steps = 0;
  for (let f = parent; f !== undefined && spi < f.stack.length; f = f.parent) {
    const live = f.stackLive[spi];
    if ((live & LIVE_DONE) !== 0) finalStateMet(v, f, `slot ${spi}`);
    if ((live & LIVE_READ) === flag || (live & LIVE_READ64) !== 0) break;
    f.stackLive[spi] = flag === LIVE_READ64 ? (live & ~LIVE_READ32) | flag : live | flag;
    steps++;
    if ((live & LIVE_WRITTEN) !== 0) break;
  }
  countWalk(v, steps);
}

/** A register of the current path was read. */
export function markRegRead(v: Verification, frame: Frame, regno: number, flag: number): void {
  if ((frame.live[regno] & SCREENED) === 0) markRegReadFrom(v, regParent(frame, regno), regno, flag);
}

/** A slot of the current path was read. */
export function markSlotRead(v: Verification, frame: Frame, spi: number): void {
  if ((frame.stackLive[spi] & LIVE_WRITTEN) === 0) markSlotReadFrom(v, frame.parent, spi, LIVE_READ64);
}
