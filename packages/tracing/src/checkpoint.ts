// SPDX-License-Identifier: MIT
import { ENOSYS, NotSupportedError } from '@tsbpf/uapi';
import type { BpfProg, Checkpointable } from '@tsbpf/core';
import type { PerfEvent, SavedRing } from './perf/perf-event.ts';
import type { SentSignal, Stacks, Tracing } from './tracing.ts';

interface Saved {
  /** Programs, and where they are attached. */
  readonly attachments: readonly (readonly [where: object | string, prog: BpfProg | undefined])[];
  readonly rings: readonly (readonly [PerfEvent, SavedRing])[];
  readonly signals: readonly SentSignal[];
  readonly stacks: Stacks;
  readonly seq: number;
  readonly active: number;
}

function attachmentsOf(tracing: Tracing): Saved['attachments'] {
  return [
    ...tracing.links.map(({ name, prog }) => [name, prog] as const),
    ...[...tracing.perfEvents].map((event) => [event, event.prog] as const),
    ...[...tracing.trampolines.attached].map(({ key, prog }) => [key, prog] as const),
  ];
}

function same(a: Saved['attachments'], b: Saved['attachments']): boolean {
  return a.length === b.length && a.every(([where, prog], i) => where === b[i]?.[0] && prog === b[i]?.[1]);
}

/**
 * Rings, signals and stacks are saved. Attachments are not: going back to before one came or went is refused.
 * @errno ENOSYS NotSupportedError
 */
export function checkpointOf(tracing: Tracing): Checkpointable {
  return {
    checkpointName: 'tracing',
    save: (): Saved => ({
      attachments: attachmentsOf(tracing),
      rings: [...tracing.perfEvents].map((event) => [event, event.save()] as const),
      signals: [...tracing.signals],
      stacks: { ...tracing.stacks },
      seq: tracing.records.seq,
      active: tracing.active,
    }),
    restore(state) {
      const saved = state as Saved;
      if (!same(saved.attachments, attachmentsOf(tracing))) {
        throw new NotSupportedError(
          'programs were attached to events or functions, or taken away, since the checkpoint',
          {
            errno: ENOSYS,
            feature: 'checkpoints across attachments of tracing',
          },
        );
      }
      for (const [event, ring] of saved.rings) event.restore(ring);
      tracing.signals.splice(0, tracing.signals.length, ...saved.signals);
      Object.assign(tracing.stacks, saved.stacks);
      tracing.records.seq = saved.seq;
      tracing.active = saved.active;
    },
  };
}
