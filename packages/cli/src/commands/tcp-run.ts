// SPDX-License-Identifier: MIT
// `tcp run`: connections over links, with the congestion controls of an object.
import { join } from 'node:path';
import type { Command } from 'commander';
import { TcpRecorder, VerifierError, type LinkOptions, type SimulatedKernel, type TcpSim } from 'tsbpf';
import { BAD_INPUT, FAILED, OK } from '../exit-status.ts';
import { badInput } from '../failure.ts';
import { makeDir } from '../output/make-dir.ts';
import { explainRejection } from '../output/rejection.ts';
import { note, print } from '../output/streams.ts';
import { writeWhole } from '../output/write-file.ts';
import type { Session } from '../session.ts';
import { charts, flowsCsv, linksCsv } from '../tcp/series.ts';
import { controlNames, refuseLinks, registerNew } from '../tcp/tables.ts';
import { summarize, summaryLines } from '../tcp/summary.ts';
import { parseCount, parseLink, parsePart, parseSize, parseTime } from '../tcp/units.ts';
import type { KernelOptions } from './open.ts';

interface TcpRunOptions extends KernelOptions {
  readonly link: readonly string[];
  readonly flows: string;
  readonly cc?: string;
  readonly bytes?: string;
  readonly stagger: string;
  readonly duration: string;
  readonly interval?: string;
  readonly ecn?: boolean;
  readonly loss?: string;
  readonly queue?: string;
  readonly mark?: string;
  readonly seed: string;
  readonly out?: string;
  readonly json?: boolean;
}

const MAX_FLOWS = 100_000;
const MAX_LOOKS = 1000;
const MIN_LOOK_NS = 1e6;
/** Looks at all connections that are kept. */
const MAX_CELLS = 20_000_000;
const MAX_SECONDS = 24 * 3600;

/** The links of the options; what --loss, --queue and --mark say holds for each that says nothing itself. */
function linksOf(options: TcpRunOptions): LinkOptions[] {
  if (options.link.length === 0) badInput('say over which link: --link 100mbit,20ms');
  const seed = parseCount('--seed', options.seed, { min: 0, max: 0xffffffff });
  const packets = { min: 1, max: 10_000_000 };
  const common = {
    ...(options.loss === undefined ? {} : { loss: parsePart('--loss', options.loss) }),
    ...(options.queue === undefined ? {} : { queuePackets: parseCount('--queue', options.queue, packets) }),
    ...(options.mark === undefined ? {} : { ecnPackets: parseCount('--mark', options.mark, { ...packets, min: 0 }) }),
  };
  return options.link.map((text) => ({ ...common, ...parseLink(text), seed }));
}

/** ECN needs somebody who marks: unless somebody says from where on, a link does from a fifth of its queue. */
function withMarks(links: readonly LinkOptions[], sim: TcpSim): LinkOptions[] {
  return links.map((link, i) => ({
    ...link,
    ecnPackets: link.ecnPackets ?? Math.max(2, Math.round(sim.links[i].options.queuePackets / 5)),
  }));
}

/** Registers an object's congestion controls, those apart that are registered, and answers their names. */
function registerTables(path: string, options: TcpRunOptions, session: Session): string[] {
  const kernel = session.kernel(options);
  refuseLinks(path, session.opened(path, options));
  const obj = session.loaded(path, options);
  registerNew(obj, kernel);
  const names = controlNames(obj, kernel);
  return names.length > 0
    ? names
    : badInput(`${path}: has no congestion control: a struct tcp_congestion_ops in SEC(".struct_ops")`);
}

function controlsOf(path: string | undefined, options: TcpRunOptions, session: Session): string[] {
  const own = path === undefined ? [] : registerTables(path, options, session);
  const kernel = session.kernel(options);
  if (options.cc === undefined) {
    if (own.length > 0) return own;
    return badInput(
      `say which congestion control: an object, or --cc with one of ${kernel.tcp.congestion.names.join(', ')}`,
    );
  }
  const wanted = options.cc.split(',').map((name) => name.trim());
  for (const name of wanted) {
    if (kernel.tcp.congestion.find(name) === undefined) {
      badInput(`--cc ${name}: there are ${kernel.tcp.congestion.names.join(', ')}`);
    }
  }
  return wanted;
}

/** How far apart looks are, and that what they see can be kept. */
function lookNs(options: TcpRunOptions, durationNs: number, flows: number): number {
  if (options.interval !== undefined) {
    const wanted = parseTime('--interval', options.interval);
    if (!(wanted >= 1000) || wanted > durationNs) badInput(`--interval ${options.interval}: from 1us to the duration`);
    if ((durationNs / wanted) * flows > MAX_CELLS) {
      badInput(`--interval ${options.interval}: that many looks at ${flows} connections are too much to keep`);
    }
    return wanted;
  }
  const looks = Math.max(10, Math.min(MAX_LOOKS, Math.floor(MAX_CELLS / flows)));
  return Math.max(MIN_LOOK_NS, durationNs / looks);
}

function simulate(
  kernel: SimulatedKernel,
  controls: readonly string[],
  options: TcpRunOptions,
): { sim: TcpSim; recorder: TcpRecorder } {
  const count = parseCount('--flows', options.flows, { min: 1, max: MAX_FLOWS });
  const durationNs = parseTime('--duration', options.duration);
  if (!(durationNs >= MIN_LOOK_NS && durationNs <= MAX_SECONDS * 1e9)) {
    badInput(`--duration ${options.duration}: from 1ms to ${MAX_SECONDS} s`);
  }
  const staggerNs = parseTime('--stagger', options.stagger);
  const bytes = options.bytes === undefined ? undefined : parseSize('--bytes', options.bytes);
  const intervalNs = lookNs(options, durationNs, count);
  let links = linksOf(options);
  const ecn = options.ecn === true;
  const needsMarks = ecn || controls.some((name) => (kernel.tcp.congestion.need(name).flags & 2) !== 0);
  if (needsMarks) {
    const plain = kernel.tcp.simulate({ links });
    links = withMarks(links, plain);
    plain.close();
  }
  const sim = kernel.tcp.simulate({ links, ecn });
  for (let i = 0; i < count; i++) {
    const startNs = i * staggerNs;
    if (startNs >= durationNs) {
      badInput(`--stagger ${options.stagger}: connection ${i} would begin after ${options.duration}, the duration`);
    }
    const cc = controls[i % controls.length];
    sim.addFlow({ cc, startNs, ...(bytes === undefined ? {} : { bytes }) });
  }
  const recorder = new TcpRecorder(sim, { durationNs, intervalNs });
  sim.runUntil(durationNs);
  return { sim, recorder };
}

function describe(options: TcpRunOptions, controls: readonly string[]): string {
  return `${controls.join(', ')} over ${options.link.join(' and ')}`;
}

function writeAll(dir: string, sim: TcpSim, recorder: TcpRecorder, what: string): string[] {
  const names = sim.flows.map(({ sender }) => sender.ca.name);
  const files = new Map([
    ...charts(recorder, names, what),
    ['flows.csv', flowsCsv(recorder, names)],
    ['links.csv', linksCsv(recorder)],
  ]);
  for (const [name, text] of files) writeWhole(join(dir, name), new TextEncoder().encode(text));
  return [...files.keys()];
}

function tcpRun(path: string | undefined, options: TcpRunOptions, session: Session): number {
  let controls: string[];
  try {
    linksOf(options);
    controls = controlsOf(path, options, session);
  } catch (error) {
    if (!(error instanceof VerifierError) || error.diagnostic === undefined) throw error;
    note(`${path ?? ''}: a program was rejected (${error.code})`);
    for (const line of explainRejection(error.diagnostic)) note(line);
    return FAILED;
  }
  if (options.out !== undefined) makeDir(options.out);
  const kernel = session.kernel(options);
  const { sim, recorder } = simulate(kernel, controls, options);
  try {
    const summary = summarize(sim, recorder);
    const what = describe(options, controls);
    if (options.json === true) print(JSON.stringify({ what, ...summary }, null, 2));
    else for (const line of [`${what}, ${summary.seconds} s`, '', ...summaryLines(summary)]) print(line);
    if (options.out !== undefined) {
      const names = writeAll(options.out, sim, recorder, what);
      if (options.json !== true) print(`\nwritten to ${options.out}: ${names.join(', ')}`);
    }
  } finally {
    sim.close();
  }
  return OK;
}

const collect = (value: string, previous: readonly string[]): readonly string[] => [...previous, value];

export function addTcpCommand(program: Command, session: Session, done: (status: number) => void): void {
  const tcp = program.command('tcp').description('TCP over simulated links');
  tcp.action(() => {
    note(tcp.helpInformation().trimEnd());
    done(BAD_INPUT);
  });
  tcp
    .command('run')
    .description('let congestion controls drive connections: figures, charts and CSV')
    .argument('[OBJ]', 'an object with struct tcp_congestion_ops in SEC(".struct_ops"); it is registered')
    .option(
      '--link <LINK>',
      'rate,delay[,queue=PACKETS][,loss=PART][,ecn=PACKETS], one way; may be repeated',
      collect,
      [],
    )
    .option('--flows <N>', 'connections', '1')
    .option('--cc <NAMES>', 'congestion controls in turn, such as bpf_cubic,reno; those of OBJ unless given')
    .option('--bytes <SIZE>', 'what each sends; without, all it can')
    .option('--stagger <TIME>', 'how long after one connection the next begins', '0s')
    .option('--duration <TIME>', 'simulated time', '30s')
    .option('--interval <TIME>', 'how far apart the values of charts and CSV are')
    .option('--ecn', 'connections negotiate ECN, and links mark')
    .option('--mark <PACKETS>', 'mark where that many packets wait; a fifth of the queue unless given')
    .option('--loss <PART>', 'random loss, such as 0.1%')
    .option('--queue <PACKETS>', 'room in front of each link; what it carries in a round trip unless given')
    .option('--seed <N>', 'of the random loss', '1')
    .option('--out <DIR>', 'write cwnd.svg, rtt.svg, queue.svg, throughput.svg, flows.csv and links.csv there')
    .option('--kernel <VERSION>', 'rules of this Linux version', '5.6')
    .option('--btf <FILE>', 'BTF to lay kernel structures out by')
    .option('--engine <NAME>', 'interpreter or jit; jit unless given, without --checked')
    .option('--checked', 'check every memory access against live memory')
    .option('--json', 'one object')
    .action((path: string | undefined, options: TcpRunOptions) => {
      const engine = options.engine ?? (options.checked === true ? 'interpreter' : 'jit');
      done(tcpRun(path, { ...options, engine }, session));
    });
}
