// SPDX-License-Identifier: MIT
import type { Callee, HelperFn, HelperRow, KernelServices, VerifiedProg } from '@tsbpf/core';
import { HELPER_PROTOS } from '@tsbpf/core';
import { ENOSYS, InternalError, NotSupportedError } from '@tsbpf/uapi';
import type { Insn } from '@tsbpf/insn';
import type { Link, LinkedCall, Source } from './code/link.ts';
import { linkMapOp } from './link/map-op.ts';
import { packetAccess, type PacketAccess, type PagedPacketRead } from './run/packet.ts';
import { RunState, type RunHost } from './run/state.ts';
import type { StepperOptions } from './run/stepper.ts';

export interface InterpreterOptions {
  /**
   * Validate every access against the live regions of kernel memory, helper arguments against prototypes, and that no
   * register and no stack byte is read before it was written. Slow: the net that catches an unsound verifier.
   */
  readonly checked?: boolean;
  /** Nanoseconds of a real clock, to measure compileNs; without one it is 0. */
  readonly nowNs?: () => number;
  /** For LD_ABS and LD_IND beyond the linear data of an sk_buff. */
  readonly pagedPacketRead?: PagedPacketRead;
}

interface SavedRuns {
  readonly idle: RunState | undefined;
  readonly free: readonly RunState[];
}

/** The engine of one kernel: a pool of runs, and what links programs to the kernel. */
export class Engine implements RunHost {
  readonly kernel: KernelServices;
  readonly mem: KernelServices['mem'];
  readonly checked: boolean;
  readonly nowNs: () => number;
  readonly #paged: PagedPacketRead | undefined;
  #packets: PacketAccess | undefined;
  /** Of what `watched` was found out. */
  #observerGeneration = -1;
  #watched = false;
  /** Runs that ended: the one to take next, and the others. */
  #idle: RunState | undefined = undefined;
  #free: RunState[] = [];

  constructor(kernel: KernelServices, options: InterpreterOptions) {
    this.kernel = kernel;
    this.mem = kernel.mem;
    this.checked = options.checked ?? false;
    this.nowNs = options.nowNs ?? (() => 0);
    this.#paged = options.pagedPacketRead;
    // A checkpoint of the memory knows nothing of stacks allocated later: forget those when it is restored.
    kernel.checkpointables.push({
      checkpointName: 'interpreter',
      save: (): SavedRuns => ({ idle: this.#idle, free: [...this.#free] }),
      restore: (saved) => {
        const { idle, free } = saved as SavedRuns;
        this.#idle = idle;
        this.#free = [...free];
      },
    });
  }

  /** Layout of packets, read from the kernel's BTF when a program first needs it. */
  get packets(): PacketAccess {
    return (this.#packets ??= packetAccess(this.kernel.types, this.#paged));
  }

  /** Whether runs must go instruction by instruction. */
  get watched(): boolean {
    if (this.#observerGeneration !== this.kernel.observerGeneration) this.#countObservers();
    return this.#watched;
  }

  #countObservers(): void {
    this.#observerGeneration = this.kernel.observerGeneration;
    this.#watched = this.checked || this.kernel.observers.length > 0;
  }

  /** How runs of this engine step. */
  stepperOptions(): StepperOptions {
    return { observers: this.kernel.observers, checked: this.checked };
  }

  take(): RunState {
    const run = this.#idle;
    if (run === undefined) return this.#free.pop() ?? new RunState(this);
    this.#idle = undefined;
    return run;
  }

  /** Keeps a run that ended, its stacks and registers for the next. */
  give(run: RunState): void {
    if (this.#idle === undefined) this.#idle = run;
    else this.#free.push(run);
  }

  /** How a verified program is decoded and linked to this kernel. */
  source(verified: VerifiedProg): Source {
    const { aux } = verified;
    return {
      insns: verified.insns,
      subprogs: verified.subprogs,
      probeMem: (idx) => aux[idx]?.probeMem ?? false,
      link: (insn, idx) => this.#link(insn, idx, aux[idx]?.callee),
    };
  }

  #link(insn: Insn, idx: number, callee: Callee | undefined): Link {
    if (callee === undefined) {
      throw new InternalError(
        `call at instruction ${idx} (imm ${insn.imm}) reached the interpreter without its callee`,
      );
    }
    if (callee.kind === 'mapOp') return linkMapOp(this.kernel, callee.op, callee.map, (variant) => this.#row(variant));
    const { row } = callee;
    if (row.proto.special === 'tailCall') return { kind: 'tailCall', row };
    const { impl } = row;
    if (impl === undefined) {
      throw new NotSupportedError(`helper ${row.variant} is not simulated, so programs that call it cannot run`, {
        errno: ENOSYS,
        feature: row.variant,
      });
    }
    const resolve = (): HelperFn => this.kernel.overrides.get(row.variant)?.(impl.call) ?? impl.call;
    const link: LinkedCall = { kind: 'call', ret: impl.retWidth, row, resolve };
    return link;
  }

  #row(variant: keyof typeof HELPER_PROTOS): HelperRow {
    const row = this.kernel.registries.helpers.find((known) => known.variant === variant);
    return row ?? { variant, proto: HELPER_PROTOS[variant] };
  }
}
