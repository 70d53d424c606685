// SPDX-License-Identifier: MIT
import type { Command } from 'commander';
import { UNSUPPORTED, FAILED, OK } from '../exit-status.ts';
import { CommandFailure, badInput } from '../failure.ts';
import { VerifierError, BPF_PROG_TYPE_NAMES, BPF_PROG_TYPE_STRUCT_OPS, type BpfProgram } from 'tsbpf';
import { explainRejection } from '../output/rejection.ts';
import { note, print } from '../output/streams.ts';
import { readBytes } from '../input/read-file.ts';
import { jsonReport, textReport, type RunReport } from '../output/run-report.ts';
import { chooseProgram, loadForRun, type KernelOptions } from './open.ts';
import type { Session } from '../session.ts';
import { attachForCapture } from './capture-hook.ts';
import { runCapture } from './run-capture.ts';

export interface RunOptions extends KernelOptions {
  readonly prog?: string;
  readonly pcap?: string;
  readonly out?: string;
  readonly dataIn?: string;
  readonly ctxIn?: string;
  readonly repeat?: string;
  readonly json?: boolean;
}

function parseRepeat(text: string | undefined): number {
  if (text === undefined) return 1;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 0xffffffff) badInput(`--repeat ${text}: a number from 1`);
  return value;
}

/** Runs the program once, or as often as asked, over bytes from files. */
function runOnce(prog: BpfProgram, options: RunOptions): RunReport['single'] {
  const result = prog.testRun({
    ...(options.dataIn === undefined ? {} : { data: readBytes(options.dataIn, 'a packet') }),
    ...(options.ctxIn === undefined ? {} : { ctx: readBytes(options.ctxIn, 'a context') }),
    repeat: parseRepeat(options.repeat),
  });
  return { retval: result.retval, data: result.data, ctx: result.ctx, repeat: parseRepeat(options.repeat) };
}

function run(path: string, options: RunOptions, session: Session): number {
  if (options.pcap !== undefined && options.dataIn !== undefined) badInput('give either --pcap or --data-in');
  if (options.out !== undefined && options.pcap === undefined)
    badInput('--out writes the packets of --pcap as they came out');
  const kernel = session.kernel(options);
  const obj = session.opened(path, options);
  const prog = chooseProgram(obj, path, options.prog);
  if (prog.type === BPF_PROG_TYPE_STRUCT_OPS) {
    const how = `tsbpf tcp run ${path} --link 100mbit,20ms has TCP call it`;
    throw new CommandFailure(`${path}: ${prog.name} is a member of a table that the kernel calls: ${how}`, UNSUPPORTED);
  }
  if (!obj.loaded) loadForRun(obj, prog);
  try {
    session.loaded(path, options);
  } catch (error) {
    if (!(error instanceof VerifierError)) throw error;
    const rejected = [...obj.progs].find((one) => one.log !== '' && one.log === error.log) ?? prog;
    note(`${path}: ${rejected.name} was rejected (${error.code})`);
    if (error.diagnostic === undefined) note(error.log.trimEnd());
    else for (const line of explainRejection(error.diagnostic)) note(line);
    return FAILED;
  }
  const report: RunReport = {
    file: path,
    prog: prog.name,
    type: BPF_PROG_TYPE_NAMES[prog.type] ?? String(prog.type),
    engine: kernel.engine,
    log: prog.log,
    maps: [...obj.maps],
    tracePipe: kernel.state.env.tracePipe,
    capture: undefined,
    single: undefined,
  };
  if (options.pcap !== undefined) {
    using hook = attachForCapture(kernel, prog);
    if (hook === undefined) {
      throw new CommandFailure(
        `${path}: ${prog.name} is of type ${report.type}: a capture runs over XDP programs, classifiers and socket filters`,
        UNSUPPORTED,
      );
    }
    report.capture = runCapture(hook, { pcap: options.pcap, out: options.out });
  } else if (options.dataIn !== undefined || options.ctxIn !== undefined || options.repeat !== undefined) {
    report.single = runOnce(prog, options);
  }
  if (options.engine === undefined && options.checked !== true && kernel.engine.name === 'interpreter') {
    note(`runs on the interpreter: ${kernel.engine.reason}`);
  }
  if (options.json === true) print(JSON.stringify(jsonReport(report), null, 2));
  else for (const line of textReport(report)) print(line);
  return OK;
}

export function addRunCommand(program: Command, session: Session, done: (status: number) => void): void {
  program
    .command('run')
    .description('load a program, run it over packets, and show verdicts and maps')
    .argument('<OBJ>', 'an object file that clang compiled')
    .option('--prog <NAME>', 'the program, where the object has several')
    .option('--pcap <FILE>', 'a packet capture whose frames arrive at eth0')
    .option('--out <FILE>', 'write the frames as the program left them, pcapng')
    .option('--data-in <FILE>', 'run once over these bytes (BPF_PROG_TEST_RUN)')
    .option('--ctx-in <FILE>', 'the context of that run')
    .option('--repeat <N>', 'run that often')
    .option('--kernel <VERSION>', 'rules of this Linux version', '5.6')
    .option('--btf <FILE>', 'BTF to lay kernel structures out by')
    .option('--engine <NAME>', 'jit or interpreter: jit unless WebAssembly may not be compiled')
    .option('--checked', 'check every memory access against live memory')
    .option('--json', 'one object')
    .action((path: string, options: RunOptions) => done(run(path, options, session)));
}
