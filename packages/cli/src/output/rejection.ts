// SPDX-License-Identifier: MIT
import type { DiagnosticStep, SourceLine, VerifierDiagnostic } from 'tsbpf';

const where = (source: SourceLine): string => {
  const column = source.line > 0 && source.col > 0 ? `:${source.col}` : '';
  return source.line > 0 ? `${source.file}:${source.line}${column}` : source.file;
};

const MAX_STEPS = 8;

function step(each: DiagnosticStep): string {
  const source = each.source === undefined ? '' : `   ; ${where(each.source)}: ${each.source.text}`;
  const state = each.state === '' ? '' : `   ${each.state}`;
  return `    ${String(each.insnIdx).padStart(5)}: ${each.insn}${state}${each.note === '' ? '' : `   (${each.note})`}${source}`;
}

/** A rejection for people: the line of C, the instruction, and how its subject came to be what it was. */
export function explainRejection(diagnostic: VerifierDiagnostic): string[] {
  const lines: string[] = [];
  const { source, insn, insnIdx, subject, history } = diagnostic;
  if (source !== undefined) lines.push(`  at ${where(source)}`, `      ${source.text}`);
  if (insn !== undefined) lines.push(`  instruction ${insnIdx}: ${insn}`);
  lines.push(`  ${diagnostic.message}`);
  const { since } = diagnostic;
  if (since !== undefined) lines.push(`  ${since.feature}: since Linux ${since.version}`);
  if (subject !== undefined && history.length > 0) {
    lines.push(`  how ${subject} came to be so:`);
    const shown = history.slice(-MAX_STEPS);
    if (shown.length < history.length) lines.push(`    … ${history.length - shown.length} earlier steps`);
    lines.push(...shown.map(step));
  }
  if (subject !== undefined && history.length === 0) {
    lines.push(`  nothing on the way there ${subject.startsWith('fp') ? 'wrote' : 'set'} ${subject}`);
  }
  return lines;
}
