// SPDX-License-Identifier: MIT
// Places in memory as the kernel's dialect writes them: `*(u32 *)(r1 +4)`.
import type { Width } from '../table/operators.ts';
import { WIDTHS } from '../table/operators.ts';
import type { Cursor } from './cursor.ts';
import { parseOffset } from './operands.ts';

/** A base register and a distance from it. */
export interface Address {
  readonly reg: number;
  readonly off: number;
}

/** `(u32 *)`, or `(s32 *)` of a sign-extending load. */
export function parseType(cursor: Cursor): { width: Width; isSigned: boolean } {
  cursor.expect('(');
  const name = cursor.word('a type such as u32');
  const width = WIDTHS.find((row) => row.type === name || row.signedType === name);
  if (width === undefined) cursor.error(`expected u8, u16, u32, u64, s8, s16 or s32, found "${name}"`);
  cursor.expect('*', ')');
  return { width, isSigned: width.signedType === name };
}

/** `r1 + 4`, or the same in brackets. */
export function parseBareAddress(cursor: Cursor, brackets: 'bare' | 'parenthesised' = 'bare'): Address {
  if (brackets === 'parenthesised') cursor.expect('(');
  const reg = cursor.reg64();
  const off = parseOffset(cursor);
  if (brackets === 'parenthesised') cursor.expect(')');
  return { reg, off };
}

/** `(u32 *)(r1 +4)`: an unsigned type and an address. */
export function parsePointer(cursor: Cursor): Address & { width: Width } {
  const { width, isSigned } = parseType(cursor);
  if (isSigned) cursor.error(`expected ${width.type}: only a load can be signed`);
  return { width, ...parseBareAddress(cursor, 'parenthesised') };
}

/** `*(u32 *)(r1 +4)`. */
export function parsePlace(cursor: Cursor): Address & { width: Width } {
  cursor.expect('*');
  return parsePointer(cursor);
}
