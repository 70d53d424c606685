// SPDX-License-Identifier: MIT
// Stepping back: deterministic replay from checkpoints.
import type { Checkpointable, KernelServices, Run } from '@tsbpf/core';
import { EINVAL, UsageError } from '@tsbpf/uapi';
import { Stepper, type SavedStepper } from '../run/stepper.ts';

export interface RecorderOptions {
  /** Instructions between checkpoints, at first; default 1000. It doubles whenever there are too many. */
  readonly every?: number;
  /** Checkpoints kept at most, at least 2; default 32. Each holds a copy of all used kernel memory. */
  readonly keep?: number;
}

/** A run that can go back. */
export interface Recorder {
  readonly run: Run;
  /** Instructions executed since the recorder was made. */
  readonly position: number;
  /** One instruction on; false when done. */
  step(): boolean;
  /** One instruction back; false at the beginning. */
  back(): boolean;
  /** To a position; earlier ones are replayed. Stops at the run's end. */
  seek(position: number): void;
}

interface Checkpoint {
  readonly position: number;
  readonly run: SavedStepper;
  readonly parts: ReadonlyMap<Checkpointable, unknown>;
}

/**
 * Records a run from where it is. Going back restores every {@link Checkpointable} part of the kernel from the nearest
 * checkpoint and executes again from there: observers see those instructions again, and whatever else happened to the
 * kernel since is undone, too.
 * @errno EINVAL (UsageError) the run is not one that this interpreter's `start` made
 */
export function createRecorder(kernel: KernelServices, run: Run, options: RecorderOptions = {}): Recorder {
  if (!(run instanceof Stepper)) {
    throw new UsageError("only a run that the interpreter's start() made can be recorded", { errno: EINVAL });
  }
  const keep = Math.max(2, options.keep ?? 32);
  let every = Math.max(1, options.every ?? 1000);
  let position = 0;
  let checkpoints: Checkpoint[] = [];

  const take = (): void => {
    const parts = new Map(kernel.checkpointables.map((part) => [part, part.save()]));
    checkpoints.push({ position, run: run.save(), parts });
    if (checkpoints.length <= keep) return;
    every *= 2;
    checkpoints = checkpoints.filter((checkpoint) => checkpoint.position % every === 0);
  };

  const restore = (checkpoint: Checkpoint): void => {
    for (const [part, saved] of checkpoint.parts) part.restore(saved);
    run.restore(checkpoint.run);
    position = checkpoint.position;
  };

  const step = (): boolean => {
    if (run.done) return false;
    const last = checkpoints.at(-1);
    if (position % every === 0 && (last === undefined || last.position < position)) take();
    position++;
    return run.step();
  };

  const seek = (target: number): void => {
    if (target < position) {
      const from = checkpoints.findLast((checkpoint) => checkpoint.position <= target);
      if (from === undefined) throw new UsageError(`position ${target} is before the beginning`, { errno: EINVAL });
      restore(from);
    }
    while (position < target && !run.done) step();
  };

  take();
  return {
    run,
    get position() {
      return position;
    },
    step,
    back() {
      if (position === 0) return false;
      seek(position - 1);
      return true;
    },
    seek,
  };
}
