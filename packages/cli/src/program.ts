// SPDX-License-Identifier: MIT
import { Command, CommanderError } from 'commander';
import pc from 'picocolors';
import { BAD_INPUT, OK } from './exit-status.ts';
import { ClosedPipe, note, print } from './output/streams.ts';
import { explain } from './failure.ts';
import { addAssemblyCommands } from './commands/assembly.ts';
import { addNetCommand } from './commands/net-run.ts';
import { addRunCommand } from './commands/run.ts';
import { addTcpCommand } from './commands/tcp-run.ts';
import { addVerifyCommand } from './commands/verify.ts';
import { createSession, type Session } from './session.ts';
import { runBatch } from './commands/batch.ts';
import { runBpftool } from './commands/bpftool.ts';
import { version } from './version.ts';

/** An exit status of no documented kind: a defect of tsbpf itself. */
const DEFECT = 70;

/** Verbs with bpftool's grammar, which commander does not parse. */
const BPFTOOL_OBJECTS = ['prog', 'map', 'btf', 'cgroup', 'gen', 'feature', 'struct_ops'];

/** Runs the command with these arguments and returns its exit status. */
export async function runCommand(args: readonly string[]): Promise<number> {
  const session = createSession();
  try {
    return await runWords(args, session);
  } finally {
    session.close();
  }
}

async function runWords(args: readonly string[], session: Session): Promise<number> {
  try {
    const flags = args.filter((arg, i) => /^(-[jp]+|--json|--pretty)$/.test(arg) && args.slice(0, i).every(isFlag));
    const words = args.slice(flags.length);
    if (BPFTOOL_OBJECTS.includes(words[0] ?? '')) {
      const pretty = flags.some((flag) => flag === '--pretty' || /^-j*p/.test(flag));
      return runBpftool(words, session, { json: pretty || flags.length > 0, pretty });
    }
    if (args.length === 0) {
      note(
        build(session, () => undefined)
          .helpInformation()
          .trimEnd(),
      );
      return BAD_INPUT;
    }
    let status = OK;
    const program = build(session, (code) => (status = code));
    await program.parseAsync([...args], { from: 'user' });
    return status;
  } catch (error) {
    return report(error);
  }
}

const isFlag = (arg: string): boolean => arg.startsWith('-');

function build(session: Session, done: (status: number) => void): Command {
  const program = new Command('tsbpf')
    .description('Linux eBPF without a kernel: verify and run BPF objects')
    .version(version, '-V, --version')
    .helpOption('-h, --help')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => print(text.replace(/\n$/, '')),
      writeErr: (text) => note(text.replace(/\n$/, '')),
    })
    .showHelpAfterError('(tsbpf --help, or tsbpf COMMAND --help, says what there is)')
    .addHelpText(
      'after',
      [
        '',
        "With bpftool's grammar, output and exit status (-j and -p go before the verb):",
        '  prog dump xlated OBJ [PROG] [opcodes] [linum]',
        '  map dump { OBJ [MAP] | id ID | name NAME }',
        '  map show [id ID | name NAME]',
        '  struct_ops { show | dump } [id ID | name NAME], register OBJ, unregister { id ID | name NAME }',
        '  btf dump file FILE [format raw|c]',
        '  cgroup { show CGROUP | tree [CGROUP] } [effective], cgroup create CGROUP',
        '  cgroup { attach | detach } CGROUP ATTACH_TYPE { id | name | tag | pinned | object } WHICH [multi | override]',
        '  gen object OUTPUT_FILE INPUT_FILE [INPUT_FILE...]',
        '  gen min_core_btf INPUT OUTPUT OBJECT [OBJECT...]',
        '  feature list_builtins prog_types|map_types|attach_types|link_types|helpers',
      ].join('\n'),
    );
  addRunCommand(program, session, done);
  addVerifyCommand(program, done);
  addTcpCommand(program, session, done);
  addNetCommand(program, session, done);
  addAssemblyCommands(program, done);
  program
    .command('batch')
    .description('run the verbs of a file, a line each, on one kernel')
    .argument('<FILE>', 'lines such as `run fw.o --pcap a.pcap` and `map dump fw.o counters`')
    .action(async (path: string) => done(await runBatch(path, (words) => runWords(words, session))));
  return program;
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
