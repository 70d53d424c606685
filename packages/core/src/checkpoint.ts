// SPDX-License-Identifier: MIT

/**
 * A stateful part that can be saved and restored: stepping back is deterministic replay from a checkpoint. `save`
 * returns plain data that later changes do not touch.
 */
export interface Checkpointable {
  readonly checkpointName: string;
  save(): unknown;
  restore(saved: unknown): void;
}
