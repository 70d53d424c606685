// SPDX-License-Identifier: MIT
// Calls read alike in both dialects.
import { BPF_CALL, BPF_FUNC_NAMES, BPF_JMP, BPF_PSEUDO_CALL, BPF_PSEUDO_KFUNC_CALL } from '@tsbpf/uapi';
import type { Insn } from '../insn.ts';
import type { Cursor } from './cursor.ts';
import { jumpStatement, parseTarget } from './operands.ts';
import type { Statement } from './operands.ts';

function callInsn(src: number, imm: number, off = 0): Insn {
  return { code: BPF_JMP | BPF_CALL, dst: 0, src, off, imm };
}

/** The id of a helper by its name, with or without `bpf_`. */
export function helperId(name: string): number | undefined {
  const wanted = `BPF_FUNC_${name.replace(/^bpf_/, '')}`;
  const found = Object.entries(BPF_FUNC_NAMES).find(([, known]) => known === wanted);
  return found === undefined ? undefined : Number(found[0]);
}

/**
 * What follows `call`: `1`, `bpf_map_lookup_elem`, `bpf_map_lookup_elem#1`, `pc+13`, `local func`, `kfunc 12, 1` or a
 * label.
 */
export function parseCall(cursor: Cursor): Statement {
  if (cursor.isNumber()) return { insns: [callInsn(0, cursor.imm32('a helper id'))] };
  if (cursor.peek()?.text === 'local' && cursor.peek(1) !== undefined) {
    cursor.expect('local');
    return jumpStatement(callInsn(BPF_PSEUDO_CALL, 0), parseTarget(cursor, 'imm'), 'imm');
  }
  if (cursor.accept('kfunc')) {
    const id = cursor.imm32('a BTF id');
    return { insns: [callInsn(BPF_PSEUDO_KFUNC_CALL, id, cursor.accept(',') ? cursor.off16() : 0)] };
  }
  const sign = cursor.peek(1)?.text;
  if (cursor.peek()?.text === 'pc' && (sign === '+' || sign === '-')) {
    const call = jumpStatement(callInsn(BPF_PSEUDO_CALL, 0), parseTarget(cursor, 'imm'), 'imm');
    // The name or address that bpftool adds says nothing the distance does not.
    if (cursor.accept('#') && !cursor.skipNumber()) cursor.word('the name of a function');
    return call;
  }
  const name = cursor.word('a helper, a label, pc+N or a number');
  if (name === 'kernel' && cursor.accept('-')) {
    cursor.expect('function', '#');
    return { insns: [callInsn(BPF_PSEUDO_KFUNC_CALL, cursor.imm32('a BTF id'))] };
  }
  if (cursor.accept('#')) return { insns: [callInsn(0, cursor.imm32('a helper id'))] };
  return { insns: [callInsn(0, 0)], ref: { name, kind: 'call' } };
}
