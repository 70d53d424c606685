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

/** Pieces without the newline at the end. */
function withoutNewline(pieces: readonly string[]): string[] {
  return [...pieces.slice(0, -1), (pieces.at(-1) ?? '').replace(/\n$/, '')];
}

/** Whether a text says all of a message. */
function saysAll(text: SourceText, row: MessageRow): boolean {
  if (letters(text.pieces) !== letters(literalPieces(row.format))) return false;
  return new RegExp(`^${patternOf(withoutNewline(text.pieces))}$`).test(sampleOf(row));
}

/** Whether a text says all of a message with a short constant where Linux has a value. */
function saysAllFilled(text: SourceText, row: MessageRow): boolean {
  const more = letters(text.pieces) - letters(literalPieces(row.format));
  if (more <= 0 || more > MIN_LETTERS) return false;
  const pattern = patternOf(withoutNewline(literalPieces(row.format)));
  return new RegExp(`^${pattern}$`).test(withoutNewline(text.pieces).join(VALUE));
}

/** Whether a text says the greater part of a message, in one stretch. */
function saysMost(text: SourceText, row: MessageRow): boolean {
  const said = letters(text.pieces);
  const size = letters(literalPieces(row.format));
  return said >= size * PART && said <= size && new RegExp(patternOf(text.pieces).trim()).test(sampleOf(row));
}

/** The texts of each message: those that say all of it, or else the nearest ones that are no other message. */
export function assignTexts(rows: readonly MessageRow[], texts: readonly SourceText[]): Map<string, SourceText[]> {
  const found = new Map<string, SourceText[]>();
  let free = texts.filter((text) => letters(text.pieces) >= MIN_LETTERS);
  for (const says of [saysAll, saysAllFilled, saysMost]) {
    for (const row of rows) {
      if (!isTellable(row) || (found.get(row.format)?.length ?? 0) > 0) continue;
      found.set(
        row.format,
        free.filter((text) => says(text, row)),
      );
    }
    const claimed = new Set([...found.values()].flat());
    free = free.filter((text) => !claimed.has(text));
  }
  return found;
}
