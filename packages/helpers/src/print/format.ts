// SPDX-License-Identifier: MIT
// The formats bpf_trace_printk takes. @see kernel/trace/bpf_trace.c, bpf_trace_printk
import { isAscii, isPrint, isPunct, isSpace } from '../string/character.ts';

/** A piece of a format: text as it stands, or a conversion of the next argument. */
export type FormatPart =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'integer'; readonly conversion: 'd' | 'i' | 'u' | 'x'; readonly bits: 32 | 64 }
  | { readonly kind: 'pointer' }
  | { readonly kind: 'string' };

const MAX_CONVERSIONS = 3;
const PERCENT = 0x25;

/**
 * Splits a format. Undefined where v5.6 refuses it (EINVAL): the last byte must be the only NUL, all others ASCII that
 * prints or is blank; at most three conversions, of them at most one `%s`; no widths, no `%%`; behind `%p` and `%s`
 * comes the end, a blank or punctuation.
 */
export function parseFormat(bytes: Uint8Array): readonly FormatPart[] | undefined {
  const end = bytes.length - 1;
  if (bytes[end] !== 0) return undefined;
  const parts: FormatPart[] = [];
  let text = '';
  let conversions = 0;
  const add = (part: FormatPart): void => {
    if (text !== '') parts.push({ kind: 'text', text });
    text = '';
    parts.push(part);
    conversions++;
  };

  for (let i = 0; i < end; i++) {
    const c = bytes[i];
    if ((!isPrint(c) && !isSpace(c)) || !isAscii(c)) return undefined;
    if (c !== PERCENT) {
      text += String.fromCharCode(c);
      continue;
    }
    if (conversions >= MAX_CONVERSIONS) return undefined;
    let spec = String.fromCharCode(bytes[++i]);
    if (spec === 'p' || spec === 's') {
      const next = bytes[i + 1];
      if (next !== 0 && !isSpace(next) && !isPunct(next)) return undefined;
      if (spec === 's' && parts.some((part) => part.kind === 'string')) return undefined;
      add(spec === 's' ? { kind: 'string' } : { kind: 'pointer' });
      continue;
    }
    let longs = 0;
    while (spec === 'l' && longs < 2) {
      longs++;
      spec = String.fromCharCode(bytes[++i]);
    }
    if (spec !== 'd' && spec !== 'i' && spec !== 'u' && spec !== 'x') return undefined;
    add({ kind: 'integer', conversion: spec, bits: longs === 0 ? 32 : 64 });
  }
  if (text !== '') parts.push({ kind: 'text', text });
  return parts;
}

/** An integer as printf prints it; `value` is the argument's 64 bits. */
export function formatInteger(value: bigint, conversion: 'd' | 'i' | 'u' | 'x', bits: 32 | 64): string {
  if (conversion === 'd' || conversion === 'i') return BigInt.asIntN(bits, value).toString();
  return BigInt.asUintN(bits, value).toString(conversion === 'x' ? 16 : 10);
}

/**
 * A pointer as `%p` prints it: Linux hides the address behind a hash whose key is drawn at boot; ours has a fixed key, so
 * that runs repeat. 16 hexadecimal digits, the upper 8 zero.
 * @see lib/vsprintf.c, ptr_to_id
 */
export function formatPointer(value: bigint): string {
  let hash = 0x811c9dc5;
  for (let shift = 0n; shift < 64n; shift += 8n) {
    hash = Math.imul(hash ^ Number((value >> shift) & 0xffn), 0x01000193);
  }
  return (hash >>> 0).toString(16).padStart(16, '0');
}
