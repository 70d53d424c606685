// SPDX-License-Identifier: MIT
import { AsmError, BPF_CALL, BPF_EXIT, BPF_JMP, BPF_PSEUDO_CALL, EINVAL, ERANGE } from '@tsbpf/uapi';
import { hex2 } from '../disasm/options.ts';
import type { Insn } from '../insn.ts';
import { helperId } from './call.ts';
import { Cursor } from './cursor.ts';
import { isKernelStatement, parseKernelStatement } from './kernel.ts';
import { tokenize } from './lexer.ts';
import type { SourceLine } from './line.ts';
import { splitLine } from './line.ts';
import { parseMnemonicStatement } from './mnemonic.ts';
import type { Reference, Statement, StatementContext } from './operands.ts';

/** How assembly text is to be read. */
export interface AssembleOptions {
  /**
   * `mnemonic` is `add32 r1, 2`, `kernel` is `w1 += 2`. Told apart line by line unless given.
   */
  dialect?: 'auto' | 'mnemonic' | 'kernel';
  /** Fds of the maps that the text names: `r1 = my_map ll`, `lddw r1, my_map[0]+8`. */
  maps?: Readonly<Record<string, number>>;
}

/** An assembled program and where it came from. */
export interface Assembly {
  readonly insns: readonly Insn[];
  /** The source line of each slot, from 1. */
  readonly lines: readonly number[];
  /** The slot each label stands before. */
  readonly labels: ReadonlyMap<string, number>;
}

interface Pending {
  readonly idx: number;
  readonly line: number;
  readonly ref: Reference;
}

/** clang's words for a call do not say what is called; the bytes it prints before them do. */
function calleeKind(statement: Statement, source: SourceLine): Statement {
  const [insn] = statement.insns;
  if (source.regs === undefined || insn.code !== (BPF_JMP | BPF_CALL) || statement.ref !== undefined) return statement;
  return { insns: [{ ...insn, src: source.regs >> 4 }] };
}

function parseStatement(source: SourceLine, line: number, options: AssembleOptions): Statement {
  const cursor = new Cursor(tokenize(source.statement, line), line);
  const context: StatementContext = { opcode: source.opcode, maps: options.maps ?? {} };
  const dialect = options.dialect ?? 'auto';
  const asKernel = dialect === 'kernel' || (dialect === 'auto' && isKernelStatement(cursor));
  const statement = asKernel ? parseKernelStatement(cursor, context) : parseMnemonicStatement(cursor, context);
  cursor.end();
  const { code } = statement.insns[0];
  if (source.opcode !== undefined && source.opcode !== code) {
    cursor.error(
      `expected an instruction of opcode ${hex2(source.opcode)}, but "${source.statement}" has ${hex2(code)}`,
    );
  }
  return calleeKind(statement, source);
}

function resolve(insn: Insn, pending: Pending, labels: ReadonlyMap<string, number>): Insn {
  const { idx, line, ref } = pending;
  const target = labels.get(ref.name);
  if (target === undefined) {
    const id = ref.kind === 'call' ? helperId(ref.name) : undefined;
    if (id !== undefined) return { ...insn, imm: id };
    const expected = ref.kind === 'call' ? 'a label or the name of a helper' : 'a label of this program';
    throw new AsmError(`line ${line}: expected ${expected}, found "${ref.name}"`, { errno: EINVAL, line });
  }
  const distance = target - (idx + 1);
  if (ref.kind === 'call') return { ...insn, src: BPF_PSEUDO_CALL, imm: distance };
  if (ref.kind === 'off' && (distance << 16) >> 16 !== distance) {
    throw new AsmError(
      `line ${line}: expected a label within 16 bits, but "${ref.name}" is ${distance} instructions away (gotol reaches further)`,
      { errno: ERANGE, line },
    );
  }
  return { ...insn, [ref.kind]: distance };
}

/**
 * Assembles a program and keeps the way back to its source.
 *
 * Two dialects, several dumps (the verifier's log, bpftool, llvm-objdump), labels, comments (`;`, `//`, `#`),
 * decimal and hexadecimal numbers. A label `exit` that no line defines is the first exit instruction, as in
 * bpf_conformance.
 * @errno EINVAL (AsmError) a line that cannot be read, with what was expected
 * @errno ERANGE (AsmError) a label out of a jump's reach
 */
export function assembleSource(text: string, options: AssembleOptions = {}): Assembly {
  const insns: Insn[] = [];
  const lines: number[] = [];
  const labels = new Map<string, number>();
  const pendings: Pending[] = [];
  let firstExit: number | undefined;
  for (const [at, raw] of text.split(/\r?\n/).entries()) {
    const line = at + 1;
    const source = splitLine(raw);
    for (const label of source.labels) {
      if (labels.has(label)) {
        throw new AsmError(`line ${line}: expected a new label, but "${label}" is defined twice`, {
          errno: EINVAL,
          line,
        });
      }
      labels.set(label, insns.length);
    }
    if (source.statement === '') continue;
    const statement = parseStatement(source, line, options);
    if (statement.ref !== undefined) pendings.push({ idx: insns.length, line, ref: statement.ref });
    if (statement.insns[0].code === (BPF_JMP | BPF_EXIT)) firstExit ??= insns.length;
    for (const insn of statement.insns) {
      insns.push(insn);
      lines.push(line);
    }
  }
  const targets = firstExit === undefined ? labels : new Map([['exit', firstExit], ...labels]);
  for (const pending of pendings) insns[pending.idx] = resolve(insns[pending.idx], pending, targets);
  return { insns, lines, labels };
}

/**
 * Assembles a program; see {@link assembleSource}.
 * @errno EINVAL (AsmError) a line that cannot be read
 * @errno ERANGE (AsmError) a label out of a jump's reach
 */
export function assemble(text: string, options: AssembleOptions = {}): Insn[] {
  return [...assembleSource(text, options).insns];
}
