// SPDX-License-Identifier: MIT
import { E2BIG, EBUSY, ENOMEM, ENOTSUPP, FaultError } from '@tsbpf/uapi';
import type { BpfProg, CallRegs, FuncEntry, KernelServices } from '@tsbpf/core';
import { contextBytes, restoreArgs, restoreResult, storeArgs, storeResult } from './args.ts';
import { MAX_TRAMPOLINE_ARGS } from './func-model.ts';
import type { TrampolineTarget } from './target.ts';

/** fentry and fexit programs of one function, together. @see include/linux/bpf.h, BPF_MAX_TRAMP_PROGS */
export const MAX_TRAMPOLINE_PROGS = 40;

/** How a program is attached to a function. */
export type TrampolineKind = 'fentry' | 'fexit' | 'replace';

/** A program that a trampoline ran. */
export interface TrampolineRun {
  readonly prog: BpfProg;
  readonly kind: TrampolineKind;
  /** The low word of what it returned, unsigned. */
  readonly r0: number;
}

/** Enters a program as a function: its arguments are in the registers, and its own slot counts. */
function entryOf(prog: BpfProg): FuncEntry {
  return (regs) => (prog.slots.at(0)?.patched ?? prog.loaded.body)(regs);
}

/**
 * What is attached to one function. fentry programs run before it, fexit programs behind it, of both the one attached
 * last first; or one extension runs in its place. Changes count from the next call on.
 * @see kernel/bpf/trampoline.c
 */
export class Trampoline {
  readonly target: TrampolineTarget;
  readonly #kernel: KernelServices;
  readonly #ran: (run: TrampolineRun) => void;
  #fentry: readonly BpfProg[] = [];
  #fexit: readonly BpfProg[] = [];
  #extension: BpfProg | undefined;

  constructor(kernel: KernelServices, target: TrampolineTarget, ran: (run: TrampolineRun) => void) {
    this.#kernel = kernel;
    this.target = target;
    this.#ran = ran;
  }

  get empty(): boolean {
    return this.#extension === undefined && this.#fentry.length + this.#fexit.length === 0;
  }

  /**
   * Attaches a program; 0 or -errno. References are the caller's.
   * @errno EBUSY there is an extension; it is one, and something is attached; the program is attached
   * @errno E2BIG more than 40 programs; ENOTSUPP the function has more than six arguments
   * @see kernel/bpf/trampoline.c, bpf_trampoline_link_prog
   */
  link(prog: BpfProg, kind: TrampolineKind): number {
    if (this.#extension !== undefined) return -EBUSY;
    const attached = this.#fentry.length + this.#fexit.length;
    if (kind === 'replace') {
      if (attached > 0) return -EBUSY;
      this.#extension = prog;
      this.target.patch(this.#watched(prog, entryOf(prog)));
      return 0;
    }
    if (attached >= MAX_TRAMPOLINE_PROGS) return -E2BIG;
    if (this.#fentry.includes(prog) || this.#fexit.includes(prog)) return -EBUSY;
    if (this.target.model.argBytes.length > MAX_TRAMPOLINE_ARGS) return -ENOTSUPP;
    if (kind === 'fentry') this.#fentry = [prog, ...this.#fentry];
    else this.#fexit = [prog, ...this.#fexit];
    this.target.patch((regs) => this.#enter(regs));
    return 0;
  }

  /** Takes a program away; without any, callers reach the function itself again. */
  unlink(prog: BpfProg): void {
    if (this.#extension === prog) this.#extension = undefined;
    this.#fentry = this.#fentry.filter((other) => other !== prog);
    this.#fexit = this.#fexit.filter((other) => other !== prog);
    if (this.empty) this.target.patch(undefined);
  }

  #watched(prog: BpfProg, entry: FuncEntry): FuncEntry {
    return (regs) => {
      entry(regs);
      this.#ran({ prog, kind: 'replace', r0: (regs.lo[0] ?? 0) >>> 0 });
    };
  }

  #enter(regs: CallRegs): void {
    const { mem } = this.#kernel;
    const { model, name } = this.target;
    // What is attached or taken away from within takes effect at the next call.
    const [fentry, fexit] = [this.#fentry, this.#fexit];
    const ctx = mem.alloc(contextBytes(model), { kind: 'ctx', name: `trampoline:${name}` });
    if (ctx === 0) {
      throw new FaultError(`no room for the arguments of ${name} in the kernel memory`, { errno: ENOMEM, insnIdx: 0 });
    }
    try {
      storeArgs(mem, model, regs, ctx);
      this.#run('fentry', fentry, ctx);
      restoreArgs(mem, model, regs, ctx);
      this.target.body()(regs);
      storeResult(mem, model, regs, ctx);
      this.#run('fexit', fexit, ctx);
      restoreResult(mem, model, regs, ctx);
    } finally {
      mem.free(ctx);
    }
  }

  #run(kind: TrampolineKind, progs: readonly BpfProg[], ctx: number): void {
    for (const prog of progs) this.#ran({ prog, kind, r0: this.#kernel.runProg(prog, ctx) });
  }
}
