// SPDX-License-Identifier: MIT
import { BPF_PROG_TYPE_EXT, BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY, BPF_TRACE_FEXIT, EINVAL } from '@tsbpf/uapi';
import type { BpfProg, KernelServices } from '@tsbpf/core';
import { Trampoline, type TrampolineKind, type TrampolineRun } from './trampoline.ts';
import { trampolineTarget } from './target.ts';

/** How a program attaches, as it was loaded; undefined for one that no trampoline takes. */
function kindOf({ type, expectedAttachType }: BpfProg): TrampolineKind | undefined {
  if (type === BPF_PROG_TYPE_EXT) return expectedAttachType === 0 ? 'replace' : undefined;
  if (type !== BPF_PROG_TYPE_TRACING) return undefined;
  if (expectedAttachType === BPF_TRACE_FENTRY) return 'fentry';
  return expectedAttachType === BPF_TRACE_FEXIT ? 'fexit' : undefined;
}

/** The trampolines of one kernel: one per function that something is attached to. */
export class Trampolines {
  readonly #kernel: KernelServices;
  readonly #ran: (run: TrampolineRun) => void;
  readonly #byTarget = new Map<object, Trampoline>();
  readonly #byProg = new Map<BpfProg, Trampoline>();

  /** `ran` hears of every program that a trampoline ran. */
  constructor(kernel: KernelServices, ran: (run: TrampolineRun) => void = () => undefined) {
    this.#kernel = kernel;
    this.#ran = ran;
  }

  /**
   * Attaches a program to the function it was loaded for; 0 or -errno. References are the caller's.
   * @errno EINVAL a program that attaches in another way; and what {@link Trampoline.link} answers
   * @see kernel/bpf/syscall.c, bpf_tracing_prog_attach
   */
  link(prog: BpfProg): number {
    const kind = kindOf(prog);
    if (kind === undefined || prog.attach === undefined) return -EINVAL;
    const target = trampolineTarget(this.#kernel, prog.attach);
    const trampoline = this.#byTarget.get(target.key) ?? new Trampoline(this.#kernel, target, this.#ran);
    const err = trampoline.link(prog, kind);
    if (err < 0) return err;
    this.#byTarget.set(target.key, trampoline);
    this.#byProg.set(prog, trampoline);
    return 0;
  }

  /** Programs that are attached, and the function of each: the same object for the same function. */
  get attached(): Iterable<{ readonly key: object; readonly prog: BpfProg }> {
    return [...this.#byProg].map(([prog, { target }]) => ({ key: target.key, prog }));
  }

  /** Takes a program away from the function it is attached to. */
  unlink(prog: BpfProg): void {
    const trampoline = this.#byProg.get(prog);
    if (trampoline === undefined) return;
    this.#byProg.delete(prog);
    trampoline.unlink(prog);
    if (trampoline.empty) this.#byTarget.delete(trampoline.target.key);
  }
}
