// SPDX-License-Identifier: MIT
// Character classes as the kernel's table has them (Latin-1). @see lib/ctype.c

/** A byte that prints. */
export function isPrint(c: number): boolean {
  return (c >= 0x20 && c < 0x7f) || c >= 0xa0;
}

/** Blank, tab, newline, vertical tab, form feed, return, and the non-breaking blank. */
export function isSpace(c: number): boolean {
  return (c >= 9 && c <= 13) || c === 0x20 || c === 0xa0;
}

/** Prints, and is no letter, digit or blank. */
export function isPunct(c: number): boolean {
  return (
    isPrint(c) && !isSpace(c) && !/[0-9A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u00ff]/.test(String.fromCharCode(c))
  );
}

export function isAscii(c: number): boolean {
  return c < 0x80;
}
