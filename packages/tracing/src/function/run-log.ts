// SPDX-License-Identifier: MIT
import type { BpfProg } from '@tsbpf/core';
import type { TrampolineKind } from '@tsbpf/trampoline';

type ProbeKind = 'kprobe' | 'kretprobe' | 'uprobe' | 'uretprobe';

/** A program that ran because of an event. */
export interface ProgRun {
  readonly name: string;
  readonly kind: TrampolineKind | 'raw_tp' | 'tracepoint' | 'perf_event' | ProbeKind;
  /** The low word of what it returned, unsigned. */
  readonly r0: number;
  readonly prog: BpfProg;
}

/** Who ran while something happened. What happens within something else counts for both. */
export class RunLog {
  #open: ProgRun[][] = [];

  note(run: Omit<ProgRun, 'name'>): void {
    for (const log of this.#open) log.push({ name: run.prog.name, ...run });
  }

  /** Does something and answers the programs that ran meanwhile, in order. */
  during<T>(what: () => T): { result: T; runs: readonly ProgRun[] } {
    const runs: ProgRun[] = [];
    this.#open = [...this.#open, runs];
    try {
      return { result: what(), runs };
    } finally {
      this.#open = this.#open.filter((log) => log !== runs);
    }
  }
}
