// SPDX-License-Identifier: MIT
// Eight bytes of stack: a spilled register, or what each byte holds, two bits a byte. Byte 0 is the one at the highest
// address, as in the kernel's slot_type.
import type { Reg } from './reg.ts';

/** A spilled register, or byte kinds packed into 16 bits. */
export type Slot = Reg | number;

export const BYTE_INVALID = 0;
export const BYTE_SPILL = 1;
export const BYTE_MISC = 2;
export const BYTE_ZERO = 3;

/** No byte was written. */
export const SLOT_EMPTY = 0;
/** All bytes hold something unknown. */
export const SLOT_MISC = 0xaaaa;

const CHARS = '?rm0';

export function byteKind(slot: Slot, index: number): number {
  return typeof slot === 'number' ? (slot >> (index * 2)) & 3 : BYTE_SPILL;
}

/** The slot with one byte changed; the slot holds no register. */
export function withByte(kinds: number, index: number, kind: number): number {
  return (kinds & ~(3 << (index * 2))) | (kind << (index * 2));
}

/** As the log shows it: highest address first. */
export function slotText(kinds: number): string {
  let text = '';
  for (let i = 0; i < 8; i++) text += CHARS[(kinds >> (i * 2)) & 3];
  return text;
}
