// SPDX-License-Identifier: MIT
// Whether a program makes numbers of addresses: its results on two systems need not be equal then.
import type { Insn } from '../../packages/insn/src/index.ts';
import {
  BPF_ADD,
  BPF_ALU,
  BPF_ALU64,
  BPF_CALL,
  BPF_DW,
  BPF_EXIT,
  BPF_JMP,
  BPF_JMP32,
  BPF_LDX,
  BPF_MOV,
  BPF_STX,
  BPF_SUB,
} from '../../packages/uapi/src/index.ts';
import type { ObservedFrame, ObservedStep, PathObserver, Reg } from '../../packages/verifier/src/index.ts';

const BY_REGISTER = 8;
const SIZE = 0x18;
const ATOMIC = 0xc0;
const JA = 0x00;
const ARGS = [1, 2, 3, 4, 5];

const isPointer = (reg: Reg): boolean => reg.type !== 'SCALAR_VALUE' && reg.type !== 'NOT_INIT';
const isPacket = (reg: Reg): boolean => reg.type.startsWith('PTR_TO_PACKET');

/** Watches an analysis by the verifier. */
export class AddressWatch implements PathObserver {
  /** Index of the instruction that takes an address for a number. */
  found: number | undefined;
  readonly #insns: readonly Insn[];

  constructor(insns: readonly Insn[]) {
    this.#insns = insns;
  }

  step({ insnIdx, frames }: ObservedStep): void {
    const top = frames.at(-1);
    if (top !== undefined && this.#takes(this.#insns[insnIdx], top)) this.found ??= insnIdx;
  }

  pruned(): void {
    // What follows has been seen.
  }

  #takes({ code, dst, src, imm }: Insn, { regs, stack, callsite }: ObservedFrame): boolean {
    const op = code & 0xf0;
    const byReg = (code & BY_REGISTER) !== 0;
    const [to, from] = [isPointer(regs[dst]), isPointer(regs[src])];
    switch (code & 7) {
      case BPF_ALU:
        return op === BPF_MOV ? byReg && from : to || (byReg && from);
      case BPF_ALU64:
        if (op === BPF_MOV || op === BPF_ADD) return false;
        return op === BPF_SUB ? byReg && from : to || (byReg && from);
      case BPF_JMP32:
      case BPF_JMP:
        if (op === BPF_EXIT) return callsite < 0 && isPointer(regs[0]);
        if (op === JA) return false;
        if (op === BPF_CALL) return src === 0 && passesAddress(regs, stack);
        if (byReg) return (to || from) && !(to && from && isPacket(regs[dst]) && isPacket(regs[src]));
        return to && imm !== 0;
      case BPF_LDX:
        // Part of a spilled pointer.
        return regs[src].type === 'PTR_TO_STACK' && (code & SIZE) !== BPF_DW && stack.some(isSpilledPointer);
      case BPF_STX:
        if ((code & ATOMIC) === ATOMIC)
          return from || (regs[dst].type === 'PTR_TO_STACK' && stack.some(isSpilledPointer));
        return from && (regs[dst].type !== 'PTR_TO_STACK' || (code & SIZE) !== BPF_DW);
      default:
        return false;
    }
  }
}

function isSpilledPointer(slot: ObservedFrame['stack'][number]): boolean {
  return typeof slot !== 'number' && isPointer(slot);
}

/** Helpers get memory of the stack, where pointers may be. */
function passesAddress(regs: ObservedFrame['regs'], stack: ObservedFrame['stack']): boolean {
  return ARGS.some((r) => regs[r].type === 'PTR_TO_STACK') && stack.some(isSpilledPointer);
}
