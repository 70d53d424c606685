// SPDX-License-Identifier: MIT
import { EINVAL, ERANGE, UsageError } from '@tsbpf/uapi';
import type { Insn } from '../insn.ts';
import type { LabelRef } from './jump.ts';

/** What a program is put together from: instructions, jumps to labels, labels (strings), and lists of these. */
export type ProgramItem = Insn | LabelRef | string | readonly ProgramItem[];

function flatten(items: readonly ProgramItem[], flat: (Insn | LabelRef | string)[]): void {
  for (const item of items) {
    if (Array.isArray(item)) flatten(item as readonly ProgramItem[], flat);
    else flat.push(item as Insn | LabelRef | string);
  }
}

function resolve(ref: LabelRef, idx: number, labels: ReadonlyMap<string, number>): Insn {
  const target = labels.get(ref.label);
  if (target === undefined) {
    throw new UsageError(`instruction ${idx} goes to the label "${ref.label}", which the program does not define`, {
      errno: EINVAL,
    });
  }
  const distance = target - (idx + 1);
  if (ref.field === 'off' && (distance << 16) >> 16 !== distance) {
    throw new UsageError(`instruction ${idx}: the label "${ref.label}" is ${distance} slots away, beyond 16 bits`, {
      errno: ERANGE,
    });
  }
  return { ...ref.insn, [ref.field]: distance };
}

/**
 * Instructions in a row, with labels resolved: `program(jmpImm(BPF_JEQ, 1, 0, 'out'), …, 'out', exit())`.
 *
 * A string stands for a label before the next instruction.
 * @errno EINVAL (UsageError) a label that is missing or defined twice
 * @errno ERANGE (UsageError) a label out of a jump's reach
 */
export function program(...items: readonly ProgramItem[]): Insn[] {
  const flat: (Insn | LabelRef | string)[] = [];
  flatten(items, flat);
  const labels = new Map<string, number>();
  const slots: (Insn | LabelRef)[] = [];
  for (const item of flat) {
    if (typeof item !== 'string') {
      slots.push(item);
      continue;
    }
    if (labels.has(item)) {
      throw new UsageError(`the label "${item}" is defined twice`, { errno: EINVAL });
    }
    labels.set(item, slots.length);
  }
  return slots.map((slot, idx) => ('label' in slot ? resolve(slot, idx, labels) : slot));
}
