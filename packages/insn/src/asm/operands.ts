// SPDX-License-Identifier: MIT
// Operands that both dialects share.
import {
  BPF_PSEUDO_BTF_ID,
  BPF_PSEUDO_FUNC,
  BPF_PSEUDO_MAP_FD,
  BPF_PSEUDO_MAP_IDX,
  BPF_PSEUDO_MAP_IDX_VALUE,
  BPF_PSEUDO_MAP_VALUE,
} from '@tsbpf/uapi';
import type { Insn } from '../insn.ts';
import { LD_IMM64 } from '../insn.ts';
import type { Cursor } from './cursor.ts';

/** A statement read: one or two slots, and what is to be filled in once labels are known. */
export interface Statement {
  readonly insns: readonly Insn[];
  readonly ref?: Reference;
}

/** A field of a statement's first slot that waits for a label's place. */
export interface Reference {
  readonly name: string;
  /** `call` is a label or, where there is none, a helper's name. */
  readonly kind: 'off' | 'imm' | 'call';
}

/** What the assembler's options bring to a statement. */
export interface StatementContext {
  /** Opcode byte printed before the statement, in a dump. */
  readonly opcode: number | undefined;
  /** Map names that 64-bit loads may use, and their fds. */
  readonly maps: Readonly<Record<string, number>>;
}

/** A jump's destination: a distance from the next slot, or a label. */
export type Target = { readonly distance: number } | { readonly label: string };

/** `+3`, `-2`, `pc+3` or a label. `field` tells how far a distance reaches. */
export function parseTarget(cursor: Cursor, field: 'off' | 'imm'): Target {
  const expected = 'a label, +N, -N or pc+N';
  if (cursor.peek()?.text === 'pc' && ['+', '-'].includes(cursor.peek(1)?.text ?? '')) cursor.expect('pc');
  const first = cursor.peek();
  if (first?.text === '+' || first?.text === '-') {
    return { distance: field === 'off' ? cursor.off16('a 16-bit distance') : cursor.imm32('a 32-bit distance') };
  }
  if (first?.kind !== 'word' || cursor.isReg()) cursor.fail(expected);
  return { label: cursor.word(expected) };
}

/** A jump to a target: the distance goes into `field`. */
export function jumpStatement(insn: Insn, target: Target, field: 'off' | 'imm'): Statement {
  if ('label' in target) return { insns: [insn], ref: { name: target.label, kind: field } };
  return { insns: [{ ...insn, [field]: target.distance }] };
}

/** ` + 8`, `+8`, ` -8` or nothing. */
export function parseOffset(cursor: Cursor): number {
  const text = cursor.peek()?.text;
  return text === '+' || text === '-' ? cursor.off16() : 0;
}

/** The two slots of a 64-bit immediate load. */
export function ldImm64Slots(dst: number, src: number, low: number, high: number): readonly Insn[] {
  return [
    { code: LD_IMM64, dst, src, off: 0, imm: low | 0 },
    { code: 0, dst: 0, src: 0, off: 0, imm: high | 0 },
  ];
}

function plus(cursor: Cursor): number | undefined {
  return cursor.peek()?.text === '+' ? cursor.imm32('an unsigned offset') : undefined;
}

function mapOperand(cursor: Cursor, dst: number): readonly Insn[] {
  cursor.expect('[');
  const by = cursor.word('"fd", "id" or "idx"');
  if (!['fd', 'id', 'idx'].includes(by)) cursor.error(`expected "fd", "id" or "idx", found "${by}"`);
  cursor.expect(':');
  const low = cursor.imm32();
  cursor.expect(']');
  const isValue = cursor.accept('[');
  if (isValue) cursor.expect('0', ']');
  const high = plus(cursor);
  const byIndex = by === 'idx';
  if (isValue) {
    return ldImm64Slots(dst, byIndex ? BPF_PSEUDO_MAP_IDX_VALUE : BPF_PSEUDO_MAP_VALUE, low, high ?? 0);
  }
  // bpftool prints the value form of an index without its "[0]".
  if (byIndex)
    return ldImm64Slots(dst, high === undefined ? BPF_PSEUDO_MAP_IDX : BPF_PSEUDO_MAP_IDX_VALUE, low, high ?? 0);
  return ldImm64Slots(dst, BPF_PSEUDO_MAP_FD, low, high ?? 0);
}

function namedMap(cursor: Cursor, dst: number, context: StatementContext, name: string): readonly Insn[] {
  if (!Object.hasOwn(context.maps, name)) cursor.error(`expected a number or the name of a map, found "${name}"`);
  const fd = context.maps[name];
  if (!cursor.accept('[')) return ldImm64Slots(dst, BPF_PSEUDO_MAP_FD, fd, 0);
  cursor.expect('0', ']');
  return ldImm64Slots(dst, BPF_PSEUDO_MAP_VALUE, fd, plus(cursor) ?? 0);
}

/**
 * The operand of a 64-bit load: a number, `map[fd:3]`, `map[fd:3][0]+8`, `map[idx:0]`, `btf[id:7]`, `subprog[+5]`,
 * or the name of a map.
 */
export function parseImm64(cursor: Cursor, dst: number, context: StatementContext): readonly Insn[] {
  if (cursor.isNumber()) {
    const value = cursor.imm64();
    return ldImm64Slots(dst, 0, Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n)));
  }
  const name = cursor.word('a number or what the immediate stands for');
  if (cursor.peek()?.text !== '[' || Object.hasOwn(context.maps, name)) return namedMap(cursor, dst, context, name);
  if (name === 'map') return mapOperand(cursor, dst);
  cursor.expect('[');
  let src: number;
  if (name === 'btf') {
    cursor.expect('id', ':');
    src = BPF_PSEUDO_BTF_ID;
  } else if (name === 'pseudo') {
    src = Number(cursor.number('a source register number', 0n, 15n));
    cursor.expect(':');
  } else if (name === 'subprog') {
    src = BPF_PSEUDO_FUNC;
  } else {
    cursor.error(`expected map[, btf[, subprog[ or the name of a map, found "${name}["`);
  }
  const low = cursor.imm32();
  cursor.expect(']');
  return ldImm64Slots(dst, src, low, plus(cursor) ?? 0);
}
