// SPDX-License-Identifier: MIT
// What the file of a topology says, in a simulated kernel.
import { dirname, resolve } from 'node:path';
import { parseMac } from '@tsbpf/capture';
import {
  BPF_PROG_TYPE_NAMES,
  BPF_PROG_TYPE_SCHED_CLS,
  BPF_PROG_TYPE_SOCKET_FILTER,
  BPF_PROG_TYPE_XDP,
  Topology,
  XDP_FLAGS_SKB_MODE,
  type NetDevice,
  type ReceivingSocket,
  type SimulatedKernel,
} from 'tsbpf';
import { badInput, blaming } from '../failure.ts';
import { chooseProgram } from '../commands/open.ts';
import type { KernelOptions } from '../commands/open.ts';
import type { Session } from '../session.ts';
import type { DeviceEntry, ProgramEntry, TopologyFile } from './topology-file.ts';

/** A socket of a host, and its place in the file. */
export interface OpenSocket {
  readonly name: string;
  readonly socket: ReceivingSocket;
}

/** A topology that is ready to run. */
export interface BuiltTopology {
  readonly kernel: SimulatedKernel;
  readonly topology: Topology;
  readonly sockets: readonly OpenSocket[];
  readonly input: NetDevice;
}

function deviceOptions({ mac, queues, ...entry }: DeviceEntry): Parameters<Topology['addDevice']>[1] {
  return {
    ...entry,
    ...(mac === undefined ? {} : { mac: parseMac(mac) }),
    ...(queues === undefined ? {} : { rxQueues: queues }),
  };
}

/** What each hook takes. */
const TYPES: Readonly<Record<ProgramEntry['attach'], number>> = {
  xdp: BPF_PROG_TYPE_XDP,
  'xdp-generic': BPF_PROG_TYPE_XDP,
  'tc-ingress': BPF_PROG_TYPE_SCHED_CLS,
  'tc-egress': BPF_PROG_TYPE_SCHED_CLS,
  'socket-filter': BPF_PROG_TYPE_SOCKET_FILTER,
};

/** A value for a map: `{ "device": "host.device" }` stands for the device's number. */
function mapValue(topology: Topology, value: unknown): { value: unknown; host: string | undefined } {
  const path = typeof value === 'object' && value !== null ? (value as { device?: unknown }).device : undefined;
  if (typeof path !== 'string') return { value, host: undefined };
  return { value: topology.device(path).ifindex, host: path.split('.')[0] };
}

/** Builds it. Objects lie where the file says, from where the file lies. */
export function buildTopology(
  path: string,
  file: TopologyFile,
  session: Session,
  options: KernelOptions,
): BuiltTopology {
  const kernel = session.kernel(options);
  const topology = new Topology(kernel.net);
  const near = (object: string): string => resolve(dirname(path), object);
  return blaming(path, () => {
    for (const [host, { devices }] of Object.entries(file.hosts)) {
      topology.host(host);
      for (const [name, entry] of Object.entries(devices)) topology.addDevice(`${host}.${name}`, deviceOptions(entry));
    }
    for (const [a, b] of file.cables) {
      for (const end of [a, b]) topology.device(end);
      topology.cable(a, b);
    }
    const sockets = Object.entries(file.hosts).flatMap(([host, entry]) =>
      entry.sockets.map(({ protocol, port, ip, reuseport }): OpenSocket => {
        const local = { port, ...(ip === undefined ? {} : { ip }) };
        const socket = topology
          .host(host)
          .receiver({ protocol, local, ...(reuseport === undefined ? {} : { reuseport }) });
        return { name: `${host} ${protocol} ${ip ?? '*'}:${port}`, socket };
      }),
    );
    for (const entry of file.programs) attach(kernel, topology, entry, near(entry.object), session, options);
    for (const entry of file.maps) {
      const object = near(entry.object);
      const map = session.loaded(object, options).maps.get(entry.map);
      if (map === undefined) {
        const have = [...session.loaded(object, options).maps].map(({ name }) => name).join(', ');
        badInput(`${path}: maps: ${entry.object} has no map "${entry.map}"; it has ${have}`);
      }
      const { value, host } = mapValue(topology, entry.value);
      const set = (): void => void map.set(entry.key as never, value as never);
      if (host === undefined) set();
      else topology.host(host).run(set);
    }
    return { kernel, topology, sockets, input: topology.device(file.input.device) };
  });
}

function attach(
  kernel: SimulatedKernel,
  topology: Topology,
  entry: ProgramEntry,
  object: string,
  session: Session,
  options: KernelOptions,
): void {
  const device = topology.device(entry.device);
  const host = topology.host(entry.device.split('.')[0] ?? '');
  const opened = session.opened(object, options);
  const prog = chooseProgram(opened, object, entry.program);
  const wanted = TYPES[entry.attach];
  if (prog.type !== wanted) {
    const [has, needs] = [prog.type, wanted].map((type) =>
      (BPF_PROG_TYPE_NAMES[type] ?? '').slice('BPF_PROG_TYPE_'.length),
    );
    badInput(`programs: ${entry.object}: ${prog.name} is of type ${has}; ${entry.attach} takes ${needs}`);
  }
  session.loaded(object, options);
  host.run(() => {
    switch (entry.attach) {
      case 'xdp':
        return prog.attachXdp(device);
      case 'xdp-generic':
        return prog.attachXdp({ ifindex: device.ifindex, flags: XDP_FLAGS_SKB_MODE });
      case 'tc-ingress':
      case 'tc-egress':
        return prog.attachTc(device, { direction: entry.attach === 'tc-ingress' ? 'ingress' : 'egress' });
      case 'socket-filter':
        return prog.attachSocketFilter(device.openPacketSocket().fd);
    }
  });
}
