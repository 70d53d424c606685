// SPDX-License-Identifier: MIT
import { JsonEntries, RawJson, type Json } from '../kind/def.ts';

const ESCAPES: Readonly<Record<string, string>> = {
  '\t': '\\t',
  '\n': '\\n',
  '\r': '\\r',
  '\f': '\\f',
  '\b': '\\b',
  '\\': '\\\\',
  '"': '\\"',
};

function quote(text: string): string {
  // The characters that bpftool escapes; it writes others as they are.

  return `"${text.replace(/[\t\n\r\f\b\\"]/g, (c) => ESCAPES[c])}"`;
}

function write(value: Json, pretty: boolean, depth: number, out: string[]): void {
  if (value === null || typeof value !== 'object') {
    out.push(typeof value === 'string' ? quote(value) : String(value));
    return;
  }
  if (value instanceof RawJson) {
    out.push(value.text);
    return;
  }
  const newline = (d: number): string => (pretty ? `\n${'    '.repeat(d)}` : '');
  if (Array.isArray(value)) {
    out.push('[');
    (value as readonly Json[]).forEach((item, i) => {
      if (i > 0) out.push(',');
      write(item, pretty, depth + 1, out);
    });
    out.push(value.length > 0 ? `${newline(depth)}]` : ']');
    return;
  }
  out.push('{');
  const entries =
    value instanceof JsonEntries ? value.entries : Object.entries(value).filter(([, v]) => v !== undefined);
  entries.forEach(([key, item], i) => {
    out.push(`${i > 0 ? ',' : ''}${newline(depth + 1)}${quote(key)}:${pretty ? ' ' : ''}`);
    write(item, pretty, depth + 1, out);
  });
  out.push(entries.length > 0 ? `${newline(depth)}}` : '}');
}

/** JSON in bpftool's form: compact as `-j`, or laid out as `-p`. A bigint is a number of any width. */
export function formatJson(value: Json, options: { pretty?: boolean } = {}): string {
  const out: string[] = [];
  write(value, options.pretty ?? false, 0, out);
  return out.join('');
}
