// SPDX-License-Identifier: MIT
// Which text of the sources is which message of Linux.
import type { SourceText } from './texts.ts';

/** A row of the reference: one message of Linux v5.6. */
export interface MessageRow {
  /** `verifier.c:1157`, `btf.c:1232,1330,2449`. */
  readonly at: string;
  readonly func: string;
  /** printf format, its escapes resolved. */
  readonly format: string;
}

/** Rows of messages.tsv. */
export function parseRows(tsv: string): MessageRow[] {
  return tsv
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#') && !line.startsWith('file:line\t'))
    .map((line) => {
      const [at = '', func = '', message = ''] = line.split('\t');
      const format = message.replaceAll('\\n', '\n').replaceAll('\\t', '\t');
      return { at, func, format };
    });
}

/** Whether a row belongs to BPF_BTF_LOAD rather than to BPF_PROG_LOAD: btf.c holds both. */
export function isBtfLoad(row: MessageRow): boolean {
  const match = /^btf\.c:(\d+)/.exec(row.at);
  return match !== null && Number(match[1]) < 3500;
}

/** Stands for a value, in rows and in texts. */
const VALUE = '\u0001';
/** How much of a message a text must say to count as it, where it says only a part. */
const PART = 0.6;
/** Non-blank characters: shorter messages are told by nothing. */
const MIN_LETTERS = 4;

function literalPieces(format: string): string[] {
  return format.split(/%(?:#?0?\d*(?:ll|l|z)?[duxs])/);
}

function letters(pieces: readonly string[]): number {
  return pieces.join('').replace(/\s/g, '').length;
}

function patternOf(pieces: readonly string[]): string {
  return pieces.map((piece) => piece.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('[^]*');
}

/** Whether a message has enough text of its own to be found. */
export function isTellable(row: MessageRow): boolean {
  return letters(literalPieces(row.format)) >= MIN_LETTERS;
}

/** A message as a text that texts are matched with. A newline at the end may be added elsewhere. */
function sampleOf(row: MessageRow): string {
  return literalPieces(row.format).join(VALUE).replace(/\n$/, '');
}

/** Whether a text says all of a message. It may hold a short constant where Linux has a value. */
function saysAll(text: SourceText, row: MessageRow): boolean {
  const more = letters(text.pieces) - letters(literalPieces(row.format));
  if (more < 0 || more > MIN_LETTERS) return false;
  const pieces = [...text.pieces.slice(0, -1), (text.pieces.at(-1) ?? '').replace(/\n$/, '')];
  if (more === 0) return new RegExp(`^${patternOf(pieces)}$`).test(sampleOf(row));
  const rowPattern = patternOf(literalPieces(row.format.replace(/\n$/, '')));
  return new RegExp(`^${rowPattern}$`).test(pieces.join(VALUE));
}

/** Whether a text says the greater part of a message, in one stretch. */
function saysMost(text: SourceText, row: MessageRow): boolean {
  const said = letters(text.pieces);
  const size = letters(literalPieces(row.format));
  return said >= size * PART && said <= size && new RegExp(patternOf(text.pieces).trim()).test(sampleOf(row));
}

/** The texts of each message: those that say all of it, or else those that say most of it and are no other message. */
export function assignTexts(rows: readonly MessageRow[], texts: readonly SourceText[]): Map<string, SourceText[]> {
  const candidates = texts.filter((text) => letters(text.pieces) >= MIN_LETTERS);
  const found = new Map<string, SourceText[]>();
  for (const row of rows) {
    if (isTellable(row))
      found.set(
        row.format,
        candidates.filter((text) => saysAll(text, row)),
      );
  }
  const claimed = new Set([...found.values()].flat());
  const free = candidates.filter((text) => !claimed.has(text));
  for (const row of rows) {
    if (found.get(row.format)?.length === 0)
      found.set(
        row.format,
        free.filter((text) => saysMost(text, row)),
      );
  }
  return found;
}
