// SPDX-License-Identifier: MIT
import {
  BPF_CALL,
  BPF_EXIT,
  BPF_JA,
  BPF_JCOND,
  BPF_JMP,
  BPF_JMP32,
  BPF_K,
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_KFUNC_CALL,
  BPF_X,
} from '@tsbpf/uapi';
import type { Insn } from '../insn.ts';

/** A jump or call whose destination is a label; `program` turns it into an instruction. */
export interface LabelRef {
  readonly insn: Insn;
  readonly label: string;
  /** Which field takes the distance. */
  readonly field: 'off' | 'imm';
}

/** What a jump with this kind of destination is. */
export type JumpTo<T extends number | string> = T extends number ? Insn : LabelRef;

function jump<T extends number | string>(
  code: number,
  dst: number,
  src: number,
  imm: number,
  target: T,
  field: 'off' | 'imm',
): JumpTo<T> {
  const insn: Insn = { code, dst, src, off: 0, imm };
  const to: number | string = target;
  if (typeof to === 'string') return { insn, label: to, field } as JumpTo<T>;
  return (field === 'off' ? { ...insn, off: to } : { ...insn, imm: to | 0 }) as JumpTo<T>;
}

// `op` is BPF_JEQ to BPF_JSLE; `target` counts slots from the next instruction, or is a label of `program`.

/** if (dst op imm) goto target; 64 bits, `imm` sign-extended. */
export function jmpImm<T extends number | string>(op: number, dst: number, imm: number, target: T): JumpTo<T> {
  return jump(BPF_JMP | BPF_K | op, dst, 0, imm | 0, target, 'off');
}

/** if (dst op src) goto target; 64 bits. */
export function jmpReg<T extends number | string>(op: number, dst: number, src: number, target: T): JumpTo<T> {
  return jump(BPF_JMP | BPF_X | op, dst, src, 0, target, 'off');
}

/** if (dst op imm) goto target; 32 bits (Linux 5.1). */
export function jmp32Imm<T extends number | string>(op: number, dst: number, imm: number, target: T): JumpTo<T> {
  return jump(BPF_JMP32 | BPF_K | op, dst, 0, imm | 0, target, 'off');
}

/** if (dst op src) goto target; 32 bits (Linux 5.1). */
export function jmp32Reg<T extends number | string>(op: number, dst: number, src: number, target: T): JumpTo<T> {
  return jump(BPF_JMP32 | BPF_X | op, dst, src, 0, target, 'off');
}

/** goto target. */
export function ja<T extends number | string>(target: T): JumpTo<T> {
  return jump(BPF_JMP | BPF_JA, 0, 0, 0, target, 'off');
}

/** goto target, with a 32-bit distance (Linux 6.6). */
export function gotol<T extends number | string>(target: T): JumpTo<T> {
  return jump(BPF_JMP32 | BPF_JA, 0, 0, 0, target, 'imm');
}

/** goto target once the program has looped long enough (Linux 6.9). */
export function mayGoto<T extends number | string>(target: T): JumpTo<T> {
  return jump(BPF_JMP | BPF_JCOND, 0, 0, 0, target, 'off');
}

/** r0 = helper(r1, …, r5). */
export function callHelper(id: number): Insn {
  return { code: BPF_JMP | BPF_CALL, dst: 0, src: 0, off: 0, imm: id };
}

/** r0 = a function of this program (Linux 4.16). `target` counts slots from the next instruction, or is a label. */
export function callPseudo<T extends number | string>(target: T): JumpTo<T> {
  return jump(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, target, 'imm');
}

/** r0 = a kernel function, by its BTF id (Linux 5.13). `off` indexes the load's fd_array for a module's. */
export function callKfunc(btfId: number, off = 0): Insn {
  return { code: BPF_JMP | BPF_CALL, dst: 0, src: BPF_PSEUDO_KFUNC_CALL, off, imm: btfId };
}

/** return r0. */
export function exit(): Insn {
  return { code: BPF_JMP | BPF_EXIT, dst: 0, src: 0, off: 0, imm: 0 };
}
