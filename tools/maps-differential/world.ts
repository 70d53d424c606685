// SPDX-License-Identifier: MIT
// The running kernel and a simulated one, and the same things on both for map elements to name: programs, inner maps,
// perf events, cgroups, sockets.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdirSync, rmdirSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { createBtfBuilder } from '@tsbpf/btf';
import { createHost, pinToCpu } from '@tsbpf/host';
import { encodeInsns, exit, mov64Imm, program } from '@tsbpf/insn';
import { installSocket } from '@tsbpf/net';
import {
  BPF_BTF_LOAD,
  BPF_MAP_CREATE,
  BPF_PROG_LOAD,
  BPF_PROG_TYPE_XDP,
  InternalError,
  createKernel,
  errnoName,
  type KernelVersion,
  type MapCreateAttr,
  type SimulatedKernel,
  type Sys,
} from 'tsbpf';

/** What one side has for the other's: the running kernel's first, then ours. */
export type Pair<T> = readonly [real: T, sim: T];

const O_RDONLY = 0;
const CGROUP_ROOTS = ['/sys/fs/cgroup/unified', '/sys/fs/cgroup'];
const PERF_COUNT_SW_BPF_OUTPUT = 10n;

function succeed(what: string, ret: number): number {
  if (ret < 0) throw new InternalError(`${what}: ${errnoName(-ret)}`);
  return ret;
}

export class World {
  readonly real: Sys;
  readonly sim: SimulatedKernel;
  readonly #close: (() => void)[] = [];
  /** Which version's rules maps of the simulated kernel follow; programs are verified by those of its own. */
  readonly release: KernelVersion;
  readonly fds: Readonly<Record<'tcp1' | 'tcp2' | 'udp', Pair<number>>>;

  private constructor(real: Sys, sim: SimulatedKernel, fds: World['fds'], close: (() => void)[]) {
    this.real = real;
    this.sim = sim;
    this.fds = fds;
    this.#close = close;
    this.release = (/^(\d+\.\d+)/.exec(real.uname().release)?.[1] ?? '5.6') as KernelVersion;
  }

  /** @throws BpfError where there is no kernel to compare with */
  static async open(): Promise<World> {
    pinToCpu(0);
    const real = createHost();
    const sim = createKernel({ cpus: real.possibleCpus() });
    const close: (() => void)[] = [];
    return new World(real, sim, await sockets(sim, close), close);
  }

  get systems(): Pair<Sys> {
    return [this.real, this.sim];
  }

  /** Runs something with the simulated kernel's rows following the running kernel's version. */
  asRunning<T>(run: () => T): T {
    const { state } = this.sim;
    const own = state.version;
    Object.defineProperty(state, 'version', { value: this.release, configurable: true });
    try {
      return run();
    } finally {
      Object.defineProperty(state, 'version', { value: own, configurable: true });
    }
  }

  both(what: string, make: (sys: Sys, side: 0 | 1) => number): Pair<number> {
    const made = this.systems.map((sys, side) =>
      succeed(`${what}, ${side === 0 ? 'Linux' : 'tsbpf'}`, make(sys, side as 0 | 1)),
    );
    this.systems.forEach((sys, side) => this.#close.push(() => void sys.close(made[side] ?? -1)));
    return made as unknown as Pair<number>;
  }

  map(attr: (side: 0 | 1) => MapCreateAttr): Pair<number> {
    return this.asRunning(() => this.both('BPF_MAP_CREATE', (sys, side) => sys.bpf(BPF_MAP_CREATE, { ...attr(side) })));
  }

  prog(type: number = BPF_PROG_TYPE_XDP): Pair<number> {
    const insns = encodeInsns(program(mov64Imm(0, 1), exit()));
    return this.both('BPF_PROG_LOAD', (sys) => sys.bpf(BPF_PROG_LOAD, { prog_type: type, insns, license: 'GPL' }));
  }

  perfEvent(): Pair<number> {
    return this.both('perf_event_open', (sys) =>
      sys.perfEventOpen({ type: 1, config: PERF_COUNT_SW_BPF_OUTPUT, pid: -1, cpu: 0 }),
    );
  }

  /** A cgroup of our own on each side: its directory's fd. */
  cgroup(name: string): Pair<number> {
    let made = '';
    for (const root of CGROUP_ROOTS) {
      try {
        mkdirSync((made = `${root}/tsbpf-maps-${process.pid}-${name}`));
        break;
      } catch {
        made = '';
      }
    }
    if (made === '') throw new InternalError('no cgroup hierarchy of version 2 to make a cgroup in');
    this.sim.cgroups.create(`/${name}`);
    const pair = this.both('a cgroup', (sys, side) => sys.open(side === 0 ? made : `/sys/fs/cgroup/${name}`, O_RDONLY));
    this.#close.push(() => rmdirSync(made));
    return pair;
  }

  /** BTF of `int` and of `struct { struct bpf_spin_lock lock; u32 a; u64 b; }`. */
  types(): { btf: Pair<number>; int: number; locked: number } {
    const b = createBtfBuilder();
    const int = b.int('int', 4, { encoding: 1 });
    const u64 = b.int('u64', 8);
    const lock = b.struct('bpf_spin_lock', 4, [{ name: 'val', typeId: int, bitOffset: 0 }]);
    const locked = b.struct('locked', 16, [
      { name: 'lock', typeId: lock, bitOffset: 0 },
      { name: 'a', typeId: int, bitOffset: 32 },
      { name: 'b', typeId: u64, bitOffset: 64 },
    ]);
    return { btf: this.both('BPF_BTF_LOAD', (sys) => sys.bpf(BPF_BTF_LOAD, { btf: b.bytes() })), int, locked };
  }

  close(): void {
    for (const close of this.#close.splice(0).reverse()) close();
  }
}

/** The fd behind a socket of Node's. */
const fdOf = (holder: object): number => (holder as { _handle: { fd: number } })._handle.fd;

async function sockets(sim: SimulatedKernel, close: (() => void)[]): Promise<World['fds']> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const client = connect(port, '127.0.0.1');
  const [[accepted]] = (await Promise.all([once(server, 'connection'), once(client, 'connect')])) as [
    [Socket],
    unknown,
  ];
  const udp = createSocket('udp4');
  udp.bind(0, '127.0.0.1');
  await once(udp, 'listening');
  close.push(
    () => client.destroy(),
    () => accepted.destroy(),
    () => server.close(),
    () => udp.close(),
  );
  const add = (protocol: 'tcp' | 'udp'): number => {
    const remote = { ip: '127.0.0.1', port: 7 };
    const sock = sim.net.addSocket({ protocol, local: { port }, ...(protocol === 'tcp' ? { remote } : {}) });
    return installSocket(sim.state, sock, () => sim.net.removeSocket(sock));
  };
  // Node keeps a datagram socket's handle in its state.
  const state = Object.getOwnPropertySymbols(udp).find(({ description }) => description === 'state symbol');
  const handle =
    state === undefined ? undefined : (udp as unknown as Record<symbol, { handle?: { fd: number } }>)[state];
  return {
    tcp1: [fdOf(client), add('tcp')],
    tcp2: [fdOf(accepted), add('tcp')],
    udp: [handle?.handle?.fd ?? -1, add('udp')],
  };
}
