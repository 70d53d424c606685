// SPDX-License-Identifier: MIT
// Runs instruction by instruction: for debuggers, observers and checked mode.
import type { BpfProg, ExecObserver, FrameView, HelperRow, Run, VerifiedProg } from '@tsbpf/core';
import type { Insn } from '@tsbpf/insn';
import { BPF_CALL, BPF_EXIT, BPF_JA, BPF_JMP, BPF_JMP32, EFAULT, FaultError, UsageError } from '@tsbpf/uapi';
import { Checker, type SavedChecker } from '../check/checker.ts';
import { WORDS } from '../code/decode.ts';
import { Image } from '../code/image.ts';
import { execute } from './execute.ts';
import { FRAME_WORDS } from './frames.ts';
import type { RunState, SavedRun } from './state.ts';

export interface StepperOptions {
  readonly observers: readonly ExecObserver[];
  readonly checked: boolean;
  /** Instructions after which the run faults. */
  readonly maxInsns?: number;
  /** The run ended: give its state back. */
  readonly onEnd?: () => void;
  /** A run that had ended goes on, from an earlier state. */
  readonly onResume?: () => void;
}

/** A stepper's state as {@link Stepper.save} keeps it. */
export interface SavedStepper {
  readonly run: SavedRun;
  readonly checker: SavedChecker | undefined;
  readonly insnIdx: number;
  readonly count: number;
  readonly ended: boolean;
}

function isConditional({ code }: Insn): boolean {
  const cls = code & 7;
  const op = code & 0xf0;
  return (cls === BPF_JMP || cls === BPF_JMP32) && op !== BPF_JA && op !== BPF_CALL && op !== BPF_EXIT && op !== 0xf0;
}

/** A run over the stepping layout. Its `RunState` has begun. */
export class Stepper implements Run {
  readonly #run: RunState;
  readonly #options: StepperOptions;
  readonly #checker: Checker | undefined;
  #insnIdx: number;
  #count = 0;
  #ended = false;
  #r0 = 0n;

  constructor(run: RunState, options: StepperOptions) {
    this.#run = run;
    this.#options = options;
    this.#insnIdx = run.next;
    this.#checker = options.checked ? new Checker(run) : undefined;
  }

  get prog(): BpfProg | undefined {
    return this.#run.executable.loaded?.prog;
  }

  get verified(): VerifiedProg {
    return this.#run.executable.verified;
  }

  get ctx(): number {
    return this.#run.ctx;
  }

  get insnIdx(): number {
    return this.#insnIdx;
  }

  get origIdx(): number {
    return this.verified.origIdx[this.#insnIdx];
  }

  get tailCalls(): number {
    return this.#run.tailCalls;
  }

  get done(): boolean {
    return this.#ended;
  }

  get r0(): bigint {
    return this.#ended ? this.#r0 : this.reg(0);
  }

  /** Instructions executed so far. */
  get count(): number {
    return this.#count;
  }

  reg(index: number): bigint {
    const { lo, hi } = this.#run;
    if (!(index >= 0 && index <= 11)) {
      throw new UsageError(`there is no register R${index}`, { errno: EFAULT });
    }
    return (BigInt(hi[index] >>> 0) << 32n) | BigInt(lo[index] >>> 0);
  }

  frames(): readonly FrameView[] {
    const { frames, sp, lo, executable } = this.#run;
    const views: FrameView[] = [];
    let insnIdx = this.#insnIdx;
    for (let depth = sp; depth >= 0; depth--) {
      const saved = frames.subarray(depth * FRAME_WORDS, (depth + 1) * FRAME_WORDS);
      const word = (at: number): bigint => (BigInt(saved[at + 1] >>> 0) << 32n) | BigInt(saved[at] >>> 0);
      views.push({
        subprog: subprogOf(executable.verified, insnIdx),
        insnIdx,
        stackTop: (lo[10] - (sp - depth) * 512) >>> 0,
        savedRegs: depth === sp ? undefined : [word(2), word(4), word(6), word(8)],
      });
      if (depth > 0) insnIdx = Image.insnIdx(frames[(depth - 1) * FRAME_WORDS], true) - 1;
    }
    return views;
  }

  step(): boolean {
    if (this.#ended) return false;
    const { kernel } = this.#run.host;
    const outer = kernel?.currentCall;
    if (kernel !== undefined) kernel.currentCall = this.#run.call;
    try {
      this.#advance();
    } catch (error) {
      this.#end();
      throw error;
    } finally {
      if (kernel !== undefined) kernel.currentCall = outer;
    }
    return !this.#ended;
  }

  finish(): bigint {
    while (this.step());
    return this.#r0;
  }

  abort(): void {
    if (!this.#ended) this.#end();
  }

  save(): SavedStepper {
    return {
      run: this.#run.save(),
      checker: this.#checker?.save(),
      insnIdx: this.#insnIdx,
      count: this.#count,
      ended: this.#ended,
    };
  }

  /** Back to a state before the end. */
  restore(saved: SavedStepper): void {
    if (this.#ended && !saved.ended) this.#options.onResume?.();
    this.#run.restore(saved.run);
    if (saved.checker !== undefined) this.#checker?.restore(saved.checker);
    this.#insnIdx = saved.insnIdx;
    this.#count = saved.count;
    this.#ended = saved.ended;
  }

  #advance(): void {
    const run = this.#run;
    const { observers, maxInsns } = this.#options;
    const idx = this.#insnIdx;
    if (maxInsns !== undefined && this.#count >= maxInsns) {
      throw new FaultError(`the program ran ${maxInsns} instructions, which is the limit`, {
        errno: EFAULT,
        insnIdx: idx,
      });
    }
    this.#count++;
    for (const observer of observers) observer.insn?.(this);
    const { image } = run.executable;
    const link = image.links[idx];
    const row: HelperRow | undefined = link?.row;
    this.#checker?.before(idx, link);
    if (row !== undefined) for (const observer of observers) observer.helperCall?.(this, row);

    run.target = undefined;
    run.pc = Image.stopPc(idx) + WORDS;
    run.taken = false;
    execute(run);

    const insn = image.source.insns[idx];
    const { target } = run;
    this.#checker?.after(insn, link, target !== undefined);
    if (observers.length > 0) {
      if (insn !== undefined && isConditional(insn)) {
        for (const observer of observers) observer.branch?.(this, run.taken);
      }
      if (link?.kind === 'call' && row !== undefined) {
        for (const observer of observers) observer.helperReturn?.(this, row, this.reg(0));
      }
    }
    this.#insnIdx = run.done ? idx : run.next;
    if (target !== undefined) for (const observer of observers) observer.tailCall?.(this, target);
    if (!run.done) return;
    for (const observer of observers) observer.exit?.(this, this.reg(0));
    this.#end();
  }

  #end(): void {
    this.#r0 = this.reg(0);
    this.#ended = true;
    this.#options.onEnd?.();
  }
}

/** Index of the function an instruction belongs to. */
function subprogOf(verified: VerifiedProg, insnIdx: number): number {
  let found = 0;
  verified.subprogs.forEach((subprog, idx) => {
    if (subprog.start <= insnIdx && subprog.start >= verified.subprogs[found].start) found = idx;
  });
  return found;
}
