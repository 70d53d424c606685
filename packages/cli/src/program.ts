// SPDX-License-Identifier: MIT
import { Command, CommanderError } from 'commander';
import pc from 'picocolors';
import { BAD_INPUT, OK } from './exit-status.ts';
import { ClosedPipe, note, print } from './output/streams.ts';
import { explain } from './failure.ts';
import { addRunCommand } from './commands/run.ts';
import { addVerifyCommand } from './commands/verify.ts';
import { version } from './version.ts';

/** An exit status of no documented kind: a defect of tsbpf itself. */
const DEFECT = 70;

/** Runs the command with these arguments and returns its exit status. */
export async function runCommand(args: readonly string[]): Promise<number> {
  let status = OK;
  const program = new Command('tsbpf')
    .description('Linux eBPF without a kernel: verify and run BPF objects')
    .version(version, '-V, --version')
    .helpOption('-h, --help')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => print(text.replace(/\n$/, '')),
      writeErr: (text) => note(text.replace(/\n$/, '')),
    })
    .showHelpAfterError('(tsbpf --help, or tsbpf COMMAND --help, says what there is)');
  const done = (code: number): void => {
    status = code;
  };
  addRunCommand(program, done);
  addVerifyCommand(program, done);
  try {
    if (args.length === 0) {
      note(program.helpInformation().trimEnd());
      return BAD_INPUT;
    }
    await program.parseAsync([...args], { from: 'user' });
    return status;
  } catch (error) {
    return report(error);
  }
}

function report(error: unknown): number {
  if (error instanceof ClosedPipe) return OK;
  if (error instanceof CommanderError) return error.exitCode === 0 ? OK : BAD_INPUT;
  const known = explain(error);
  if (known !== undefined) {
    note(`${pc.red('error')}: ${known.message}`);
    return known.status;
  }
  note(`${pc.red('internal error')}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  note('This is a defect of tsbpf: please report it with the object that caused it.');
  return DEFECT;
}
