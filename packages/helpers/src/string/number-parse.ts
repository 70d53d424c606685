// SPDX-License-Identifier: MIT
import { EINVAL, ERANGE } from '@tsbpf/uapi';
import { isSpace } from './character.ts';

/** Digits that are looked at behind the sign; the rest is cut off. */
const MAX_DIGITS = 63;
const BASE_MASK = 0x1fn;
const U64_MAX = 0xffffffffffffffffn;

/** A parsed number, or the negative errno. `consumed` counts the bytes read, blanks and sign among them. */
export type Parsed = { readonly consumed: number; readonly magnitude: bigint; readonly negative: boolean } | number;

/**
 * Reads an integer at the beginning of `bytes`: blanks, a minus, `0x` or `0` where the base may be told from it, digits.
 * @errno EINVAL a base that is none of 0, 8, 10, 16, other flags, no digits
 * @errno ERANGE more than 64 bits
 * @see kernel/bpf/helpers.c, __bpf_strtoull; lib/kstrtox.c
 */
export function parseInteger(bytes: Uint8Array, flags: bigint): Parsed {
  let base = Number(flags & BASE_MASK);
  if (![0, 8, 10, 16].includes(base) || (flags & ~BASE_MASK) !== 0n || bytes.length === 0) return -EINVAL;
  let start = 0;
  while (start < bytes.length && isSpace(bytes[start])) start++;
  const negative = bytes[start] === 0x2d;
  if (negative) start++;
  if (start >= bytes.length) return -EINVAL;

  const text = String.fromCharCode(...bytes.subarray(start, start + MAX_DIGITS));
  const hexPrefix = /^0x/i.test(text);
  if (base === 0) base = /^0x[0-9a-f]/i.test(text) ? 16 : text.startsWith('0') ? 8 : 10;
  const prefix = base === 16 && hexPrefix ? 2 : 0;
  const digits = DIGITS[base]?.exec(text.slice(prefix))?.[0] ?? '';
  let magnitude = 0n;
  for (const digit of digits) {
    magnitude = magnitude * BigInt(base) + BigInt(Number.parseInt(digit, base));
    if (magnitude > U64_MAX) return -ERANGE;
  }
  if (digits === '') return -EINVAL;
  return { consumed: start + prefix + digits.length, magnitude, negative };
}

const DIGITS: Readonly<Record<number, RegExp>> = { 8: /^[0-7]+/, 10: /^[0-9]+/, 16: /^[0-9a-f]+/i };
