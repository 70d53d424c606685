// SPDX-License-Identifier: MIT
// `net run`: the frames of a capture through a topology of hosts.
import { join } from 'node:path';
import type { Command } from 'commander';
import { iterateCapture, LINKTYPE_ETHERNET } from '@tsbpf/capture';
import { VerifierError } from 'tsbpf';
import { FAILED, OK } from '../exit-status.ts';
import { badInput, blaming } from '../failure.ts';
import { readCaptureFile } from '../input/read-file.ts';
import { buildTopology, type BuiltTopology } from '../net/build-topology.ts';
import { DeviceLog } from '../net/device-log.ts';
import { readTopology } from '../net/topology-file.ts';
import { makeDir } from '../output/make-dir.ts';
import { explainRejection } from '../output/rejection.ts';
import { note, print } from '../output/streams.ts';
import { writeWhole } from '../output/write-file.ts';
import type { Session } from '../session.ts';
import type { KernelOptions } from './open.ts';

interface NetRunOptions extends KernelOptions {
  readonly pcap: string;
  readonly out?: string;
  readonly json?: boolean;
}

const MIN_FRAME = 14;

interface NetRunResult {
  readonly packets: number;
  readonly skipped: number;
  readonly devices: readonly DeviceLog[];
  readonly sockets: readonly { readonly name: string; readonly received: number; readonly bytes: number }[];
}

/** Lets every frame of the capture into the topology. */
function runFrames(
  built: BuiltTopology,
  options: { as: 'arrive' | 'send'; pcap: string; keeps: boolean },
): NetRunResult {
  const { as, pcap, keeps } = options;
  const { topology, input } = built;
  const logs = new Map<string, DeviceLog>();
  let [packets, skipped, now] = [0, 0, 0n];
  const file = readCaptureFile(pcap);
  topology.keepsEvents = false;
  for (const host of topology.hosts) {
    for (const device of topology.net.devices.filter(({ netns, loopback }) => netns === host.netns && !loopback)) {
      const name = `${host.name}.${device.name}`;
      const log = new DeviceLog(name, { keeps });
      logs.set(name, log);
      device.keepsFrames = false;
      device.watchers.add((event) => log.take({ device: name, ...event }, now));
    }
  }
  const each = blaming(pcap, () => iterateCapture(file)[Symbol.iterator]());
  for (let next = blaming(pcap, () => each.next()); next.done !== true; next = blaming(pcap, () => each.next())) {
    const packet = next.value;
    if (packet.linkType !== LINKTYPE_ETHERNET) {
      badInput(`${pcap}: link type ${packet.linkType} is not Ethernet (${LINKTYPE_ETHERNET}), which devices take`);
    }
    if (packet.data.length < MIN_FRAME) {
      skipped++;
      continue;
    }
    packets++;
    now = packet.tsNs;
    if (as === 'send') input.send(packet.data);
    else input.receive(packet.data);
  }
  const sockets = built.sockets.map(({ name, socket }) => ({
    name,
    received: socket.received.length,
    bytes: socket.received.reduce((sum, { data }) => sum + data.length, 0),
  }));
  return { packets, skipped, devices: [...logs.values()], sockets };
}

const COLUMNS = ['arrived', 'delivered', 'to-send', 'transmitted'] as const;

function textOf(result: NetRunResult): string[] {
  const width = Math.max(6, ...result.devices.map(({ name }) => name.length));
  const row = (name: string, cells: readonly (string | number)[], more = ''): string =>
    `${name.padEnd(width)} ${cells.map((cell) => String(cell).padStart(11)).join(' ')}  ${more}`.trimEnd();
  return [
    `ran over ${result.packets} packets${result.skipped === 0 ? '' : `; ${result.skipped} were too short to be frames`}`,
    '',
    row('device', COLUMNS, 'verdicts'),
    ...result.devices.map(({ name, counts, verdicts }) =>
      row(
        name,
        COLUMNS.map((what) => counts.get(what) ?? 0),
        [...verdicts].map(([verdict, count]) => `${verdict} ${count}`).join(', '),
      ),
    ),
    ...(result.sockets.length === 0 ? [] : ['']),
    ...result.sockets.map(({ name, received, bytes }) => `socket ${name}: ${received} received, ${bytes} bytes`),
  ];
}

function jsonOf(result: NetRunResult): unknown {
  return {
    packets: result.packets,
    skipped: result.skipped,
    devices: Object.fromEntries(
      result.devices.map(({ name, counts, verdicts }) => [
        name,
        { ...Object.fromEntries(counts), verdicts: Object.fromEntries(verdicts) },
      ]),
    ),
    sockets: result.sockets,
  };
}

function netRun(path: string, options: NetRunOptions, session: Session): number {
  const file = readTopology(path);
  let built: BuiltTopology;
  try {
    built = buildTopology(path, file, session, options);
  } catch (error) {
    if (!(error instanceof VerifierError)) throw error;
    note(`${path}: a program was rejected (${error.code})`);
    if (error.diagnostic === undefined) note(error.log.trimEnd());
    else for (const line of explainRejection(error.diagnostic)) note(line);
    return FAILED;
  }
  const { out, pcap } = options;
  const result = runFrames(built, { as: file.input.as, pcap, keeps: out !== undefined });
  if (out !== undefined) {
    makeDir(out);
    for (const device of result.devices) writeWhole(join(out, `${device.name}.pcapng`), device.pcapng());
  }
  if (options.json === true) print(JSON.stringify(jsonOf(result), null, 2));
  else for (const line of textOf(result)) print(line);
  return OK;
}

export function addNetCommand(program: Command, session: Session, done: (status: number) => void): void {
  program
    .command('net')
    .description('simulated networks')
    .command('run')
    .description('let the frames of a capture through hosts, cables and programs')
    .argument('<TOPOLOGY>', 'a JSON file: hosts, cables, programs, maps, sockets, where the frames go in')
    .requiredOption('--pcap <FILE>', 'the frames, pcap or pcapng')
    .option('--out <DIR>', 'write what each device saw there, a pcapng each, before and after every program')
    .option('--kernel <VERSION>', 'rules of this Linux version', '5.6')
    .option('--btf <FILE>', 'BTF to lay kernel structures out by')
    .option('--engine <NAME>', 'interpreter or jit', 'interpreter')
    .option('--checked', 'check every memory access against live memory')
    .option('--json', 'one object')
    .action((path: string, options: NetRunOptions) => done(netRun(path, options, session)));
}
