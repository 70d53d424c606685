// SPDX-License-Identifier: MIT
// Reading and writing values below /proc/sys. @see kernel/sysctl.c, proc_dointvec_minmax, proc_dostring
import { EINVAL } from '@tsbpf/uapi';
import { leadingSpaces, parseNumber } from './number.ts';

const PAGE_SIZE = 4096;
const INT_MAX = 0x7fffffffn;

/** What a sysctl holds: numbers separated by tabs, or a text. */
export type SysctlValue = readonly bigint[] | string;

/** How a value is checked and kept. */
export interface SysctlKind {
  /** `int`: 32 bits, signed; `ulong`: 64 bits, unsigned, negative numbers are passed over. */
  readonly type: 'int' | 'ulong' | 'string';
  /** Bounds of each number. */
  readonly min?: bigint;
  readonly max?: bigint;
  /**
   * Judges all numbers together, given those of other sysctls; what it refuses, or what is refused before, leaves no
   * trace.
   */
  readonly check?: (value: readonly bigint[], other: (name: string) => bigint) => boolean;
  /** Bytes a text may have, its final NUL included. */
  readonly maxLenBytes?: number;
  /** The errno that reading an empty text, which nobody has set, answers. */
  readonly unsetErrno?: number;
  /** What becomes of a written text, or the errno it is refused with. */
  readonly parse?: (text: string) => string | number;
}

/** A file position; a handler moves it. */
export interface Position {
  pos: bigint;
}

const latin1 = (bytes: Uint8Array): string => Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
const bytesOf = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0));

/** At most `count` bytes of the value's text from the position on, or -errno. Numbers are there once: at position 0. */
export function readValue(value: SysctlValue, kind: SysctlKind, count: number, at: Position): Uint8Array | number {
  if (value === '' && kind.unsetErrno !== undefined) return -kind.unsetErrno;
  let text = '';
  if (typeof value !== 'string') text = at.pos === 0n ? `${value.join('\t')}\n` : '';
  else if (at.pos <= BigInt(value.length)) text = `${value.slice(Number(at.pos))}\n`;
  const bytes = bytesOf(text.slice(0, count));
  at.pos += BigInt(bytes.length);
  return bytes;
}

/** A number in the form it is kept; undefined where it is out of range. `null`: passed over. */
function convert(kind: SysctlKind, number: { value: bigint; negative: boolean }): bigint | undefined | null {
  const { value, negative } = number;
  if (kind.type === 'ulong' && negative) return null;
  if (kind.type === 'int' && value > INT_MAX + (negative ? 1n : 0n)) return undefined;
  const signed = negative ? -value : value;
  if ((kind.min !== undefined && signed < kind.min) || (kind.max !== undefined && signed > kind.max)) return undefined;
  return signed;
}

/** The result of a write: bytes taken or -errno, and what the sysctl holds then. */
export interface Written {
  readonly ret: number;
  readonly value: SysctlValue;
}

/** Numbers before the one refused are kept. */
function writeNumbers(old: readonly bigint[], kind: SysctlKind, bytes: Uint8Array, at: Position): Written {
  if (bytes.length === 0) return { ret: 0, value: old };
  if (at.pos !== 0n) {
    // Writes in the middle are taken and have no effect.
    at.pos += BigInt(bytes.length);
    return { ret: bytes.length, value: old };
  }
  const value = [...old];
  let text = latin1(bytes.subarray(0, PAGE_SIZE - 1));
  let taken = 0;
  for (let i = 0; i < value.length && text !== ''; i++) {
    text = text.slice(leadingSpaces(text));
    if (text === '') break;
    const number = parseNumber(text);
    const kept = number === undefined ? undefined : convert(kind, number);
    if (number === undefined || kept === undefined) return { ret: -EINVAL, value };
    text = text.slice(number.length);
    if (kept !== null) value[i] = kept;
    taken++;
  }
  if (taken === 0) return { ret: -EINVAL, value };
  text = text.slice(leadingSpaces(text));
  const count = bytes.length - text.length;
  at.pos += BigInt(count);
  return { ret: count, value };
}

/** A text ends at a newline or NUL; what comes after is taken and ignored. */
function writeText(old: string, kind: SysctlKind, bytes: Uint8Array, at: Position): Written {
  if (bytes.length === 0) return { ret: 0, value: old };
  const max = (kind.maxLenBytes ?? PAGE_SIZE) - 1;
  if (at.pos > BigInt(Math.min(old.length, max))) return { ret: bytes.length, value: old };
  const keep = Number(at.pos);
  at.pos += BigInt(bytes.length);
  const end = bytes.findIndex((byte) => byte === 0 || byte === 0x0a);
  const fresh = latin1(end < 0 ? bytes : bytes.subarray(0, end));
  const text = (old.slice(0, keep) + fresh).slice(0, max);
  const kept = kind.parse?.(text) ?? text;
  return typeof kept === 'number' ? { ret: -kept, value: old } : { ret: bytes.length, value: kept };
}

/**
 * Writes at a position, which moves by what was taken.
 * @errno EINVAL no number, not a number, or one out of range
 */
export function writeValue(old: SysctlValue, kind: SysctlKind, bytes: Uint8Array, at: Position): Written {
  return typeof old === 'string' ? writeText(old, kind, bytes, at) : writeNumbers(old, kind, bytes, at);
}
