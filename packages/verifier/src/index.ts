// SPDX-License-Identifier: MIT
/** The verifier of Linux v5.6. */
export { verify, verifyObserved } from './check.ts';
export type { ObservedFrame, ObservedStep, PathObserver } from './state/observer.ts';
export type { Reg } from './state/reg.ts';
export type { Slot } from './state/slot.ts';
export type { PathStep } from './state/state.ts';
