// SPDX-License-Identifier: MIT
// The instructions of a path that made a register or slot what it is: found by comparing the states before and after
// each, and followed to where the value came from.
import {
  BPF_ALU,
  BPF_ALU64,
  BPF_CALL,
  BPF_EXIT,
  BPF_JMP,
  BPF_JMP32,
  BPF_LD,
  BPF_LDX,
  BPF_MOV,
  BPF_PSEUDO_CALL,
  BPF_ST,
  BPF_STX,
  BPF_X,
  type DiagnosticStep,
} from '@tsbpf/uapi';
import type { Insn } from '@tsbpf/insn';
import { insnText } from '../log/print-insn.ts';
import { tnumIsConst } from '../scalar/index.ts';
import type { Frame } from '../state/frame.ts';
import type { Verification } from '../verification.ts';
import type { Replayed } from './replay.ts';
import { sourceLineAt } from './source.ts';
import { type Subject, subjectName, subjectValue, valueText } from './subject.ts';

/** Steps that an explanation shows at most. */
const MAX_STEPS = 32;

/** What an instruction did to a subject, and where the value was before it; undefined where it comes from nowhere. */
interface Origin {
  readonly note: string;
  readonly from?: Subject;
  /** The other operand, where its range is part of the result's. */
  readonly also?: Subject;
}

/**
 * The chain, oldest first. `path` ends with the instruction that was rejected, which is not part of it.
 */
export function historyOf(v: Verification, path: Replayed, subject: Subject): DiagnosticStep[] {
  const steps: DiagnosticStep[] = [];
  let followed: Subject[] = [subject];
  let after = path;
  for (let step = path.before; step !== undefined && followed.length > 0; step = step.before) {
    const next: Subject[] = [];
    for (const current of followed) {
      const origin = originOf(v.insns[step.insnIdx], step.frame, after.frame, current);
      if (origin !== undefined) {
        steps.push(stepOf(v, step.insnIdx, current, after.frame, origin.note));
        addNew(next, origin.from);
        addNew(next, origin.also);
      } else if (step.frame.frameno < after.frame.frameno && current.frameno === after.frame.frameno) {
        addNew(next, argumentOf(current, step.frame.frameno));
      } else {
        addNew(next, current);
      }
    }
    if (steps.length >= MAX_STEPS) break;
    followed = next;
    after = step;
  }
  return steps.reverse();
}

function addNew(subjects: Subject[], subject: Subject | undefined): void {
  if (subject === undefined) return;
  const { frameno, kind, index } = subject;
  if (subjects.some((s) => s.frameno === frameno && s.kind === kind && s.index === index)) return;
  subjects.push(subject);
}

function stepOf(v: Verification, insnIdx: number, subject: Subject, after: Frame, note: string): DiagnosticStep {
  const source = sourceLineAt(v, insnIdx);
  const state = stateAfter(v, subject, after);
  return { insnIdx, insn: insnText(v, insnIdx), ...(source === undefined ? {} : { source }), state, note };
}

function stateAfter(v: Verification, subject: Subject, after: Frame): string {
  if (subject.frameno !== after.frameno) return '';
  return `${subjectName(subject)}=${valueText(v, subjectValue(subject, after))}`;
}

/** In a callee just entered R1 to R5 are the caller's; everything else is new. */
function argumentOf(subject: Subject, callerFrameno: number): Subject | undefined {
  if (subject.kind === 'slot' || subject.index < 1 || subject.index > 5) return undefined;
  return { ...subject, frameno: callerFrameno };
}

function originOf(insn: Insn, before: Frame, after: Frame, subject: Subject): Origin | undefined {
  const cls = insn.code & 7;
  const op = insn.code & 0xf0;
  // A result is handed to the caller.
  if (cls === BPF_JMP && op === BPF_EXIT && after.frameno === before.frameno - 1) {
    const isResult = subject.kind === 'reg' && subject.index === 0 && subject.frameno === after.frameno;
    return isResult ? { note: 'returned', from: { ...subject, frameno: before.frameno } } : undefined;
  }
  if (cls === BPF_STX || cls === BPF_ST) return storedBy(insn, before, subject);
  if (subject.frameno !== before.frameno || before.frameno !== after.frameno) return undefined;
  if (cls === BPF_JMP && op === BPF_CALL) return leftByCall(insn, before, after, subject);
  if (subject.kind === 'slot') return undefined;
  if (cls === BPF_JMP || cls === BPF_JMP32) {
    const changed = subjectValue(subject, before) !== subjectValue(subject, after);
    return changed ? { note: 'learned by this comparison', from: subject } : undefined;
  }
  if (cls === BPF_LD) return subject.index === insn.dst ? { note: 'set to a constant or a map' } : undefined;
  if (subject.index !== insn.dst) return undefined;
  if (cls === BPF_LDX) return loadedBy(insn, before);
  if (cls === BPF_ALU || cls === BPF_ALU64) return computedBy(insn, before, subject);
  return undefined;
}

function computedBy(insn: Insn, before: Frame, subject: Subject): Origin {
  const byReg = (insn.code & BPF_X) !== 0;
  if ((insn.code & 0xf0) === BPF_MOV) {
    if (!byReg) return { note: 'set to a constant' };
    return { note: `copied from r${insn.src}`, from: { ...subject, index: insn.src } };
  }
  // What an unknown number may be matters as much as what it was added to.
  const isUnknown = (regno: number): boolean =>
    before.regs[regno].type === 'SCALAR_VALUE' && !tnumIsConst(before.regs[regno].bounds);
  if (!byReg || insn.src === insn.dst || !isUnknown(insn.src)) return { note: 'computed', from: subject };
  return { note: `computed with r${insn.src}`, from: subject, also: { ...subject, index: insn.src } };
}

/** The slot an address register and an offset mean, where that is known. */
function slotAt(before: Frame, regno: number, off: number): Subject | undefined {
  const reg = before.regs[regno];
  if (reg.type !== 'PTR_TO_STACK' || !tnumIsConst(reg.bounds)) return undefined;
  const at = (reg.off + reg.bounds.valueLo + off) | 0;
  return { frameno: reg.frameno, kind: 'slot', index: (-at - 1) >> 3 };
}

function loadedBy(insn: Insn, before: Frame): Origin {
  const slot = slotAt(before, insn.src, insn.off);
  if (slot === undefined) return { note: `loaded through r${insn.src}` };
  return { note: `loaded from ${subjectName(slot)}`, from: slot };
}

function storedBy(insn: Insn, before: Frame, subject: Subject): Origin | undefined {
  if (subject.kind !== 'slot') return undefined;
  const slot = slotAt(before, insn.dst, insn.off);
  if (slot?.index !== subject.index || slot.frameno !== subject.frameno) return undefined;
  if (subject.bytes === true) return { note: 'wrote only these bytes', from: subject };
  if ((insn.code & 7) === BPF_ST) return { note: 'stored a constant' };
  const from: Subject = { frameno: before.frameno, kind: 'reg', index: insn.src };
  return { note: `stored from r${insn.src}`, from };
}

function leftByCall(insn: Insn, before: Frame, after: Frame, subject: Subject): Origin | undefined {
  if (subject.kind === 'slot') {
    const changed = subjectValue(subject, before) !== subjectValue(subject, after);
    return changed ? { note: 'may be written by this call' } : undefined;
  }
  if (subject.index === 0)
    return { note: insn.src === BPF_PSEUDO_CALL ? 'result of this function' : 'result of this call' };
  if (subject.index <= 5) return { note: 'lost in this call: calls leave nothing in r1 to r5' };
  const changed = subjectValue(subject, before) !== subjectValue(subject, after);
  return changed ? { note: 'made invalid by this call', from: subject } : undefined;
}
