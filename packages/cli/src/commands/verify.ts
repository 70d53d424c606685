// SPDX-License-Identifier: MIT
import type { Command } from 'commander';
import { NotSupportedError, VerifierError, type VerifierDiagnostic } from 'tsbpf';
import { BAD_INPUT, FAILED, OK, UNSUPPORTED } from '../exit-status.ts';
import { explain } from '../failure.ts';
import { formatTable, type Column } from '../output/columns.ts';
import { explainRejection } from '../output/rejection.ts';
import { lastMessage, parseStats } from '../output/stats.ts';
import { note, print } from '../output/streams.ts';
import { loadAlone, makeKernel, openFile, type KernelOptions } from './open.ts';

const STATS_LEVEL = 4;

interface VerifyOptions extends KernelOptions {
  readonly prog?: string;
  readonly level?: string;
  readonly json?: boolean;
  readonly csv?: boolean;
}

interface Row {
  readonly file: string;
  readonly prog: string;
  readonly verdict: 'success' | 'failure' | 'unsupported';
  /** Name of the errno; empty on success. */
  readonly errno: string;
  readonly message: string;
  readonly insns: number;
  readonly totalStates: number;
  readonly peakStates: number;
  /** Of the whole load, in microseconds. */
  readonly durationUs: number;
  readonly log: string;
  readonly diagnostic: VerifierDiagnostic | undefined;
}

/** Verifies one program of an object, alone, in a kernel of its own. */
function verifyProgram(path: string, name: string, options: VerifyOptions): Row {
  const level = Number(options.level ?? 0) | STATS_LEVEL;
  const kernel = makeKernel(options);
  using obj = openFile(path, { kernel, logLevel: level });
  loadAlone(obj, name);
  const start = performance.now();
  const row = (part: Partial<Row> & Pick<Row, 'verdict'>, log: string): Row => {
    const stats = parseStats(log);
    return {
      file: path,
      prog: name,
      errno: '',
      message: '',
      insns: stats?.insns ?? 0,
      totalStates: stats?.totalStates ?? 0,
      peakStates: stats?.peakStates ?? 0,
      durationUs: Math.round((performance.now() - start) * 1000),
      log,
      diagnostic: undefined,
      ...part,
    };
  };
  try {
    obj.load();
    return row({ verdict: 'success' }, obj.program(name).log);
  } catch (error) {
    if (error instanceof VerifierError) {
      const { diagnostic, log } = error;
      const message = diagnostic?.message ?? (lastMessage(log) || error.message);
      return row({ verdict: 'failure', errno: error.code, message, diagnostic }, log);
    }
    const known = explain(error);
    if (known === undefined) throw error;
    const verdict = error instanceof NotSupportedError ? 'unsupported' : 'failure';
    return row({ verdict, errno: (error as { code?: string }).code ?? '', message: known.message }, '');
  }
}

const COLUMNS: readonly (Column<Row> & { readonly csv: string; readonly key: keyof Row })[] = [
  { title: 'File', csv: 'file_name', key: 'file', cell: (row) => row.file },
  { title: 'Program', csv: 'prog_name', key: 'prog', cell: (row) => row.prog },
  { title: 'Verdict', csv: 'verdict', key: 'verdict', cell: (row) => row.verdict },
  { title: 'Duration (us)', csv: 'duration', key: 'durationUs', align: 'right', cell: (row) => String(row.durationUs) },
  { title: 'Insns', csv: 'total_insns', key: 'insns', align: 'right', cell: (row) => String(row.insns) },
  { title: 'States', csv: 'total_states', key: 'totalStates', align: 'right', cell: (row) => String(row.totalStates) },
  {
    title: 'Peak states',
    csv: 'peak_states',
    key: 'peakStates',
    align: 'right',
    cell: (row) => String(row.peakStates),
  },
  { title: 'Errno', csv: 'errno', key: 'errno', cell: (row) => row.errno },
  { title: 'Message', csv: 'message', key: 'message', cell: (row) => row.message },
];

const csvField = (text: string): string => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

function output(rows: readonly Row[], options: VerifyOptions): void {
  if (options.json === true) {
    print(
      JSON.stringify(
        rows.map((row) => ({
          file_name: row.file,
          prog_name: row.prog,
          verdict: row.verdict,
          errno: row.errno,
          message: row.message,
          total_insns: row.insns,
          total_states: row.totalStates,
          peak_states: row.peakStates,
          duration: row.durationUs,
          ...(row.diagnostic === undefined ? {} : { diagnostic: row.diagnostic }),
          ...(options.level === undefined ? {} : { log: row.log }),
        })),
        null,
        2,
      ),
    );
  } else if (options.csv === true) {
    print(COLUMNS.map((column) => column.csv).join(','));
    for (const row of rows) print(COLUMNS.map((column) => csvField(column.cell(row))).join(','));
  } else {
    for (const line of formatTable(COLUMNS, rows)) print(line);
    for (const row of rows) {
      if (options.level !== undefined && row.log !== '') note(`\n${row.file}: ${row.prog}: log\n${row.log.trimEnd()}`);
      if (row.diagnostic === undefined) continue;
      note(`\n${row.file}: ${row.prog} was rejected (${row.errno})`);
      for (const line of explainRejection(row.diagnostic)) note(line);
    }
  }
}

/** Rows of one object; a string says why it cannot be read. */
function verifyObject(path: string, options: VerifyOptions): Row[] {
  const names: string[] = [];
  {
    using obj = openFile(path, { kernel: makeKernel(options), logLevel: 0 });
    for (const prog of obj.progs) if (options.prog === undefined || prog.name === options.prog) names.push(prog.name);
  }
  return names.map((name) => verifyProgram(path, name, options));
}

function verify(paths: readonly string[], options: VerifyOptions): number {
  const rows: Row[] = [];
  let status = OK;
  for (const path of paths) {
    try {
      const found = verifyObject(path, options);
      if (found.length === 0) {
        note(`error: ${path}: has no ${options.prog === undefined ? 'programs' : `program "${options.prog}"`}`);
        status = BAD_INPUT;
      }
      rows.push(...found);
    } catch (error) {
      const known = explain(error);
      if (known === undefined) throw error;
      note(`error: ${known.message}`);
      status = Math.max(status, known.status);
    }
  }
  if (rows.length > 0 || status === OK) output(rows, options);
  if (status === BAD_INPUT) return status;
  if (rows.some((row) => row.verdict === 'failure')) return FAILED;
  return rows.some((row) => row.verdict === 'unsupported') ? Math.max(status, UNSUPPORTED) : status;
}

export function addVerifyCommand(program: Command, done: (status: number) => void): void {
  program
    .command('verify')
    .description('load every program of the objects and show what the verifier says')
    .argument('<OBJ...>', 'object files that clang compiled')
    .option('--prog <NAME>', 'only this program')
    .option('-l, --level <LEVEL>', "also show the verifier's log at level 1 or 2")
    .option('--kernel <VERSION>', 'rules of this Linux version', '5.6')
    .option('--btf <FILE>', 'BTF to lay kernel structures out by')
    .option('--json', 'an array of objects')
    .option('--csv', "columns named as veristat's")
    .action((paths: string[], options: VerifyOptions) => done(verify(paths, options)));
}
