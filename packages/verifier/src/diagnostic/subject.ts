// SPDX-License-Identifier: MIT
// Which register or stack slot a rejection is about.
import { BPF_ALU, BPF_ALU64, BPF_JMP, BPF_JMP32, BPF_LDX, BPF_ST, BPF_STX, BPF_X } from '@tsbpf/uapi';
import type { Insn } from '@tsbpf/insn';
import { type Frame, REG_FP } from '../state/frame.ts';
import type { Reg } from '../state/reg.ts';
import { slotText } from '../state/slot.ts';
import { regText } from '../log/print-state.ts';
import type { Verification } from '../verification.ts';

/** A register, or a stack slot, of the function at a depth of the chain of calls. */
export interface Subject {
  readonly frameno: number;
  readonly kind: 'reg' | 'slot';
  /** Register number, or slot index counted from the frame pointer downwards. */
  readonly index: number;
  /** It is the slot's bytes that were never written, not a value in it: what was stored is of no interest. */
  readonly bytes?: true;
}

/** `r3` or `fp-16`. */
export function subjectName(subject: Subject): string {
  return subject.kind === 'reg' ? `r${subject.index}` : `fp${-8 * (subject.index + 1)}`;
}

/** What the subject holds in a frame; undefined where nothing was written. */
export function subjectValue(subject: Subject, frame: Frame): Reg | number | undefined {
  if (subject.kind === 'slot') return frame.stack[subject.index];
  const reg = frame.regs[subject.index];
  return reg.type === 'NOT_INIT' ? undefined : reg;
}

/** The value in the log's words. */
export function valueText(v: Verification, value: Reg | number | undefined): string {
  if (value === undefined || value === 0) return 'nothing';
  return typeof value === 'number' ? slotText(value) : regText(v, value);
}

/** About the whole path: no value is to blame. */
const ABOUT_PATH = /^(BPF program is too large|The sequence of|infinite loop detected)/;
const NAMED_REG = /\bR(\d+)\b/;
const REFERENCE = /\breference id=(\d+)/;
const STACK_READ = /from stack off (-?\d+)\+(\d+)/;

/** The register or slot that the last messages name, or the operand of the instruction that they must mean. */
export function findSubject(messages: readonly string[], insn: Insn, frame: Frame): Subject | undefined {
  const reg = (index: number): Subject => ({ frameno: frame.frameno, kind: 'reg', index });
  for (const message of [...messages].reverse()) {
    if (ABOUT_PATH.test(message)) return undefined;
    const stack = STACK_READ.exec(message);
    if (stack !== null) {
      const index = (-(Number(stack[1]) + Number(stack[2])) - 1) >> 3;
      return { frameno: stackFrame(insn, frame), kind: 'slot', index, bytes: true };
    }
    const reference = REFERENCE.exec(message);
    if (reference !== null) {
      const holder = frame.regs.findIndex(({ refObjId }) => refObjId === Number(reference[1]));
      return holder < 0 ? undefined : reg(holder);
    }
    const named = NAMED_REG.exec(message);
    if (named !== null && Number(named[1]) <= REG_FP) return reg(Number(named[1]));
  }
  const operand = operandOf(insn, frame);
  // Instructions have room for registers that there are not.
  return operand === undefined || operand > REG_FP ? undefined : reg(operand);
}

/** Whose stack a load or store goes to. */
function stackFrame(insn: Insn, frame: Frame): number {
  const cls = insn.code & 7;
  const regno = cls === BPF_LDX ? insn.src : cls === BPF_ST || cls === BPF_STX ? insn.dst : REG_FP;
  const address = frame.regs[regno];
  return address.type === 'PTR_TO_STACK' ? address.frameno : frame.frameno;
}

function operandOf(insn: Insn, frame: Frame): number | undefined {
  switch (insn.code & 7) {
    case BPF_LDX:
      return insn.src;
    case BPF_ST:
    case BPF_STX:
      return insn.dst;
    case BPF_ALU:
    case BPF_ALU64: {
      // Of a pointer and a number, the number is the one that may be too large.
      const byReg = (insn.code & BPF_X) !== 0;
      return byReg && frame.regs[insn.src]?.type === 'SCALAR_VALUE' ? insn.src : insn.dst;
    }
    case BPF_JMP:
    case BPF_JMP32:
      return (insn.code & 0xf0) >= 0x80 && (insn.code & 0xf0) <= 0x90 ? undefined : insn.dst;
    default:
      return undefined;
  }
}
