// SPDX-License-Identifier: MIT
// Programs with one thing that is wrong by a little. A correct verifier rejects nearly all of them; one that does not
// look at just that accepts them, and a run shows it.
import type { ProgramItem } from '../../packages/insn/src/index.ts';
import type { Flavour } from './flavours.ts';
import { CALL_NEAR_MISSES } from './near-miss-call.ts';
import { MEMORY_NEAR_MISSES } from './near-miss-memory.ts';
import { PRUNE_NEAR_MISSES } from './near-miss-prune.ts';
import { USER_NEAR_MISSES } from './near-miss-users.ts';
import type { Random } from './random.ts';
import type { Writer } from './writer.ts';

export interface NearMiss {
  readonly name: string;
  /** For which programs; all, where not said. */
  readonly for?: (flavour: Flavour) => boolean;
  readonly strict?: boolean;
  /** How often it is drawn; 1 unless said. */
  readonly weight?: number;
  write(w: Writer): void;
  /** Functions that it calls. */
  readonly functions?: (random: Random) => ProgramItem[];
}

/** All kinds. */
export const NEAR_MISSES: readonly NearMiss[] = [
  ...MEMORY_NEAR_MISSES,
  ...CALL_NEAR_MISSES,
  ...PRUNE_NEAR_MISSES,
  ...USER_NEAR_MISSES,
];

const FIT = new Map<Flavour, readonly NearMiss[]>();

/** One of those that such a program may have. */
export function nearMissFor(flavour: Flavour, random: Random): NearMiss | undefined {
  let fit = FIT.get(flavour);
  if (fit === undefined) {
    const all = NEAR_MISSES.filter((miss) => miss.for?.(flavour) ?? true);
    fit = all.flatMap((miss) => new Array<NearMiss>(miss.weight ?? 1).fill(miss));
    FIT.set(flavour, fit);
  }
  return fit.length === 0 ? undefined : random.pick(fit);
}
