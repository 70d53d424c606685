// SPDX-License-Identifier: MIT
// Numbers as files below /proc/sys take them. @see kernel/sysctl.c, proc_get_long

/** Characters looked at: a number that fills them all is refused, for it may go on. */
const MAX_TOKEN = 21;
const SEPARATORS = ' \t\n';
const ULONG_MAX = (1n << 64n) - 1n;

/** Whitespace at the start. @see lib/string.c, skip_spaces */
export function leadingSpaces(text: string): number {
  return /^[ \t\n\v\f\r\xa0]*/.exec(text)?.[0].length ?? 0;
}

/** A number at the start of a text: its value, sign, and how many characters it takes. Undefined: refused. */
export function parseNumber(text: string): { value: bigint; negative: boolean; length: number } | undefined {
  const token = text.slice(0, MAX_TOKEN);
  const negative = token.startsWith('-') && text.length > 1;
  const digits = negative ? token.slice(1) : token;
  const match = /^(?:0[xX](?=[0-9a-fA-F])[0-9a-fA-F]+|[1-9][0-9]*|0[0-7]*)/.exec(digits)?.[0];
  if (match === undefined) return undefined;
  const value = BigInt(/^0[0-7]+$/.test(match) ? `0o${match.slice(1)}` : match);
  const length = match.length + (negative ? 1 : 0);
  if (value > ULONG_MAX || length === MAX_TOKEN) return undefined;
  if (length < text.length && !SEPARATORS.includes(text[length] as string)) return undefined;
  return { value, negative, length };
}
