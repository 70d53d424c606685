// SPDX-License-Identifier: MIT
import { stripComment } from './lexer.ts';

/** A source line taken apart: what stands before the statement, and the statement. */
export interface SourceLine {
  readonly labels: readonly string[];
  /** Slot number that a dump printed before the statement. */
  readonly slot?: number;
  /** Opcode byte that a dump printed before the statement. */
  readonly opcode?: number;
  /** Byte of register numbers that a dump of bytes printed before the statement. */
  readonly regs?: number;
  /** Empty where the line has none. */
  readonly statement: string;
}

const RAW_BYTES = /^(?:[0-9a-f]{2} ){7}(?:(?:[0-9a-f]{2} ){8})?[0-9a-f]{2}$/;
const FUNCTION_HEADER = /^[A-Za-z_][\w\s*]*\(.*\):$/;
const OBJDUMP_SYMBOL = /^[0-9a-f]{16} <([^>]+)>:$/;
const LABEL = /^([A-Za-z_.$][\w.$]*)\s*:\s*/;
const SLOT = /^(\d+):\s+(?=\S)/;
const OPCODE = /^\(([0-9a-f]{2})\)\s*/;
const DUMPED_BYTES = /^((?:[0-9a-f]{2} ){7}(?:(?:[0-9a-f]{2} ){8})?[0-9a-f]{2})\s+(?=\S)/;
const OBJDUMP_TARGET = /\s<[^<>]*>$/;

/**
 * Takes a line apart. Besides source text it reads lines of the verifier's log, of `bpftool prog dump xlated` and of
 * `llvm-objdump -d`: their prefixes, function headers and lines of raw bytes.
 */
export function splitLine(raw: string): SourceLine {
  let text = stripComment(raw);
  if (RAW_BYTES.test(text) || FUNCTION_HEADER.test(text)) return { labels: [], statement: '' };
  const symbol = OBJDUMP_SYMBOL.exec(text);
  if (symbol !== null) return { labels: [symbol[1]], statement: '' };
  const labels: string[] = [];
  const take = (pattern: RegExp): string | undefined => {
    const match = pattern.exec(text);
    if (match === null) return undefined;
    text = text.slice(match[0].length);
    return match[1];
  };
  for (let label = take(LABEL); label !== undefined; label = take(LABEL)) labels.push(label);
  const slot = take(SLOT);
  const opcode = take(OPCODE);
  const bytes = slot === undefined || opcode !== undefined ? undefined : take(DUMPED_BYTES)?.split(' ');
  const hex = (digits: string | undefined): number | undefined =>
    digits === undefined ? undefined : Number.parseInt(digits, 16);
  return {
    labels,
    slot: slot === undefined ? undefined : Number(slot),
    opcode: hex(opcode ?? bytes?.[0]),
    regs: hex(bytes?.[1]),
    statement: text.replace(OBJDUMP_TARGET, ''),
  };
}
