// SPDX-License-Identifier: MIT
import type { BtfRules } from './versions.ts';

/** What the kernel's isalpha() says of a byte: ASCII letters and Latin-1 letters. */
function isAlpha(c: number): boolean {
  return (c >= 0x41 && c <= 0x5a) || (c >= 0x61 && c <= 0x7a) || (c >= 0xc0 && c <= 0xff && c !== 0xd7 && c !== 0xf7);
}

function isDigit(c: number): boolean {
  return c >= 0x30 && c <= 0x39;
}

/** Whether the NUL-terminated name at `off` is an identifier, with dots where `dots`. */
export function isValidName(strings: Uint8Array, off: number, rules: BtfRules, dots: boolean): boolean {
  for (let i = 0; i <= rules.nameLenMax; i++) {
    const c = strings[off + i];
    if (c === 0) return i > 0;
    if (i === rules.nameLenMax) return false;
    const ok = c === 0x5f || isAlpha(c) || (i > 0 && isDigit(c)) || (c === 0x2e && (dots || rules.dotInNames));
    if (!ok) return false;
  }
  return false;
}

/** Whether the name at `off` may name a section. */
export function isValidSectionName(strings: Uint8Array, off: number, rules: BtfRules): boolean {
  if (!rules.printableDatasecName) return isValidName(strings, off, rules, true);
  for (let i = 0; i < rules.nameLenMax; i++) {
    const c = strings[off + i];
    if (c === 0) return i > 0;
    if (c < 0x20 || (c >= 0x7f && c < 0xa0)) return false;
  }
  return strings[off + rules.nameLenMax] === 0;
}
