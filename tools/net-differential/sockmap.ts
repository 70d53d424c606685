// SPDX-License-Identifier: MIT
// Random traffic between sockets in a socket map, on the running kernel and on ours: what arrives where, byte for byte.
import {
  BPF_MAP_CREATE,
  BPF_MAP_LOOKUP_ELEM,
  BPF_MAP_TYPE_ARRAY,
  BPF_MAP_TYPE_SOCKHASH,
  BPF_MAP_TYPE_SOCKMAP,
  BPF_MAP_UPDATE_ELEM,
  BPF_PROG_ATTACH,
  BPF_PROG_LOAD,
  BPF_PROG_TYPE_SK_MSG,
  BPF_PROG_TYPE_SK_SKB,
  BPF_SK_MSG_VERDICT,
  BPF_SK_SKB_STREAM_PARSER,
  BPF_SK_SKB_STREAM_VERDICT,
  type Sys,
} from '@tsbpf/uapi';
import type { KernelVersion } from '@tsbpf/core';
import type { Prng } from '@tsbpf/capture';
import { cgroupRegistries, cgroupsOf, type SimSocket } from '@tsbpf/cgroup';
import { assembleSource, encodeInsns } from '@tsbpf/insn';
import { netOf } from '@tsbpf/net';
import { realKernel, type ENGINES } from '../../packages/net/test/real-kernel.ts';
import * as libc from './libc.ts';

/** Sockets of one kernel, in connected pairs: 0 with 1, 2 with 3, and so on. */
export interface SocketWorld {
  readonly sys: Sys;
  readonly fds: readonly number[];
  send(socket: number, bytes: Uint8Array): number;
  receive(socket: number): Uint8Array | number;
  /** Sends no more. */
  shutdown(socket: number): void;
  /** Called when all programs are loaded. */
  ready(): void;
  close(): void;
}

export const PAIRS = 3;

/** Loopback connections of the running kernel, in the namespace of the thread. Its workers get a while after each send. */
export function realWorld(sys: Sys, settleMs: number): SocketWorld {
  const fds: number[] = [];
  const must = (what: string, result: number): number => {
    if (result < 0) throw new TypeError(`${what}: errno ${-result}`);
    return result;
  };
  for (let i = 0; i < PAIRS; i++) {
    const listener = must('socket', libc.socket(libc.AF_INET, libc.SOCK_STREAM));
    must('bind', libc.bind(listener, libc.address('127.0.0.1', 0)));
    must('listen', libc.listen(listener, 1));
    const client = must('socket', libc.socket(libc.AF_INET, libc.SOCK_STREAM));
    must('connect', libc.connect(client, libc.address('127.0.0.1', libc.portOf(listener))));
    const server = must('accept', libc.accept(listener));
    const one = new Uint8Array([1, 0, 0, 0]);
    // TCP_NODELAY: what is sent arrives on its own.
    for (const fd of [client, server]) libc.setOption(fd, 6, 1, one);
    fds.push(client, server);
    libc.close(listener);
  }
  return {
    sys,
    fds,
    send(socket, bytes) {
      const sent = libc.send(fds[socket] as number, bytes);
      libc.settle(settleMs);
      return sent;
    },
    receive: (socket) => libc.receive(fds[socket] as number),
    shutdown: (socket) => void libc.shutdown(fds[socket] as number, 1),
    ready: () => undefined,
    close() {
      for (const fd of fds) libc.close(fd);
    },
  };
}

type Engine = (typeof ENGINES)[number];

/** Connections of simulated tasks, whose segments pass cgroups on their way; see {@link simulatedWorld}. */
export function taskWorld(version: KernelVersion, engine: Engine): SocketWorld {
  const kernel = realKernel(engine, cgroupRegistries());
  const cgroups = cgroupsOf(kernel.state);
  kernel.state.cgroups = cgroups;
  const task = cgroups.spawn();
  const open = (): SimSocket => {
    const socket = task.socket({ family: libc.AF_INET, type: libc.SOCK_STREAM });
    if (typeof socket === 'number') throw new TypeError(`socket: errno ${-socket}`);
    return socket;
  };
  const sockets = Array.from({ length: PAIRS }, (_, i) => {
    const [listener, client] = [open(), open()];
    const where = { ip: '127.0.0.1', port: 5000 + i };
    const failed = listener.bind(where) || listener.listen() || client.connect(where);
    const server = listener.accept();
    if (failed !== 0 || server === undefined) throw new TypeError(`connect: errno ${-failed}`);
    listener.close();
    return [client, server];
  }).flat();
  return {
    sys: kernel,
    fds: sockets.map((socket) => socket.fd()),
    send: (socket, bytes) => sockets[socket]?.send(bytes) ?? 0,
    receive: (socket) => sockets[socket]?.recv() ?? 0,
    shutdown: (socket) => void sockets[socket]?.shutdown(1),
    ready: () => void Object.defineProperty(kernel.state, 'version', { value: version }),
    close: () => undefined,
  };
}

/** The same of a simulated kernel, which follows the rules of a version where they name one. */
export function simulatedWorld(version: KernelVersion): SocketWorld {
  const kernel = realKernel();
  const net = netOf(kernel.state);
  const sockets = Array.from({ length: PAIRS }, (_, i) =>
    net.connectStreams({
      client: { ip: '127.0.0.1', port: 40000 + i },
      server: { ip: '127.0.0.1', port: 5000 + i },
    }),
  ).flat();
  return {
    sys: kernel,
    fds: sockets.map(({ fd }) => fd),
    send: (socket, bytes) => sockets[socket]?.send(bytes) ?? 0,
    receive: (socket) => sockets[socket]?.receive() ?? 0,
    shutdown: (socket) => sockets[socket]?.shutdown(),
    ready: () => void Object.defineProperty(kernel.state, 'version', { value: version }),
    close: () => undefined,
  };
}

function load(sys: Sys, prog_type: number, source: string, maps: Record<string, number>): number {
  const log_buf = new Uint8Array(1 << 16);
  const { insns } = assembleSource(source, { maps });
  const fd = sys.bpf(BPF_PROG_LOAD, { prog_type, insns: encodeInsns(insns), license: 'GPL', log_level: 1, log_buf });
  if (fd < 0) throw new TypeError(`load: ${fd}\n${new TextDecoder().decode(log_buf.subarray(0, log_buf.indexOf(0)))}`);
  return fd;
}

const u32s = (...values: number[]): Uint8Array => new Uint8Array(Uint32Array.from(values).buffer);

/** How many notes programs take in a scenario; each is 8 bytes. */
const NOTES = 100;

/** r9: where notes go. Keeps r6 (the context). */
const BEGIN = `r6 = r1
*(u32 *)(r10 - 4) = 0
r2 = r10
r2 += -4
r1 = notes ll
call 1
if r0 == 0 goto drop
r9 = r0
`;
const note = (reg: string): string =>
  `r1 = *(u64 *)(r9 + 0)
if r1 > ${NOTES - 1} goto +6
r1 <<= 3
r1 += r9
*(u64 *)(r1 + 8) = ${reg}
r1 = *(u64 *)(r9 + 0)
r1 += 1
*(u64 *)(r9 + 0) = r1
`;

/** Verdict of a redirect to the socket that r8 numbers. */
const redirect = (hash: boolean, ids: readonly [map: number, hash: number], flags: number): string =>
  hash
    ? `*(u32 *)(r10 - 8) = r8\nr1 = r6\nr2 = socks ll\nr3 = r10\nr3 += -8\nr4 = ${flags}\ncall ${ids[1]}\n`
    : `r1 = r6\nr2 = socks ll\nr3 = r8\nr4 = ${flags}\ncall ${ids[0]}\n`;

/** A message program that does what the message's first bytes say. */
export function messageProgram(hash: boolean): string {
  const to = (flags: number): string => redirect(hash, [60, 71], flags);
  const apply = 'r1 = r6\nr2 = r7\ncall 61\n';
  const call = (id: number, start: string, len: string): string =>
    `r1 = r6\nr2 = r8\n${start}r3 = ${len}\nr4 = 0\ncall ${id}\n${note('r0')}`;
  const cases: string[] = [
    'goto pass\n',
    'goto drop\n',
    `${to(0)}${note('r0')}exit\n`,
    `${to(1)}${note('r0')}exit\n`,
    `${apply}goto pass\n`,
    'r1 = r6\nr2 = r7\ncall 62\ngoto pass\n',
    `${apply}${to(0)}exit\n`,
    `${apply}${to(1)}exit\n`,
    `${call(90, '', '4')}if r0 != 0 goto pass\n${call(63, '', 'r8\nr3 += 4')}if r0 != 0 goto pass
r2 = *(u64 *)(r6 + 0)\nr3 = *(u64 *)(r6 + 8)\nr4 = r2\nr4 += 4\nif r4 > r3 goto pass\n*(u32 *)(r2 + 0) = 0x11223344\ngoto pass\n`,
    `${call(91, '', 'r7')}goto pass\n`,
    `${call(63, '', 'r8\nr3 += 8')}if r0 != 0 goto pass
r2 = *(u64 *)(r6 + 0)\nr3 = *(u64 *)(r6 + 8)\nr4 = r2\nr4 += 1\nif r4 > r3 goto pass\nr5 = *(u8 *)(r2 + 0)\nr5 ^= 0x55\n*(u8 *)(r2 + 0) = r5\ngoto pass\n`,
    `${apply}goto drop\n`,
    `${to(2)}${note('r0')}exit\n`,
  ];
  return `${BEGIN}r2 = *(u32 *)(r6 + 68)
${note('r2')}r2 = *(u64 *)(r6 + 0)
r3 = *(u64 *)(r6 + 8)
r4 = r2
r4 += 3
if r4 > r3 goto pass
r5 = *(u8 *)(r2 + 0)
r7 = *(u8 *)(r2 + 1)
r8 = *(u8 *)(r2 + 2)
${cases.map((_, i) => `if r5 == ${i} goto case${i}\n`).join('')}goto pass
${cases.map((body, i) => `case${i}: ${body}`).join('')}pass: r0 = 1
exit
drop: r0 = 0
exit
`;
}

/** A verdict that does what a message's first bytes say. */
export function verdictProgram(hash: boolean, always?: readonly [op: number, target: number]): string {
  // What goes out again passes where it arrives next.
  const to = (flags: number): string =>
    `r4 = 0\n*(u8 *)(r2 + 0) = r4\n${redirect(hash, [52, 72], flags)}${note('r0')}exit\n`;
  const cases = ['goto pass\n', 'goto drop\n', to(0), to(1), 'r0 = 5\nexit\n', to(4)];
  return `${BEGIN}r1 = r6
r2 = *(u32 *)(r6 + 0)
call 39
${note('r0')}r2 = *(u32 *)(r6 + 76)
r3 = *(u32 *)(r6 + 80)
r4 = r2
r4 += 3
if r4 > r3 goto pass
r5 = ${always?.[0] ?? '*(u8 *)(r2 + 0)'}
r8 = ${always?.[1] ?? '*(u8 *)(r2 + 2)'}
${note('r5')}${cases.map((_, i) => `if r5 == ${i} goto case${i}\n`).join('')}goto pass
${cases.map((body, i) => `case${i}: ${body}`).join('')}pass: r0 = 1
exit
drop: r0 = 0
exit
`;
}

const parserProgram = (fixed: number): string =>
  fixed === 0 ? 'r0 = *(u32 *)(r1 + 0)\nexit\n' : `r0 = ${fixed}\nexit\n`;

/** One run of random traffic. */
export interface Scenario {
  readonly hash: boolean;
  readonly message: boolean;
  /** Undefined: no stream programs; 0: a message is what arrives together; else its length. */
  readonly parser: number | undefined;
  /** What every message of a stream meets, and the socket it is sent to; undefined: what its first bytes say. */
  readonly always: readonly [op: number, target: number] | undefined;
  readonly members: readonly number[];
  /** What is sent, and whether the sender said before that it sends no more. */
  readonly steps: readonly { readonly from: number; readonly bytes: Uint8Array; readonly shut: boolean }[];
}

const below = (prng: Prng, limit: number): number => prng() % limit;

export function randomScenario(prng: Prng): Scenario {
  // Messages cut out of a stream are sent on in pieces by later kernels, which keep some back: they are only read here.
  // Which bytes a program finds before such a message depends on what the kernel could join, so it looks at none.
  // Nor do senders of such streams say that they are done: later kernels tell readers at the second try.
  const cut = below(prng, 4) === 0 ? 5 + below(prng, 40) : 0;
  const message = cut === 0 && below(prng, 3) !== 0;
  const parser = message && below(prng, 2) === 0 ? undefined : cut;
  const members = Array.from({ length: 2 * PAIRS }, (_, i) => i).filter(() => below(prng, 6) !== 0);
  // Later kernels keep back what a verdict lets out of a part of a message, until more comes. So either verdicts hold for
  // whole messages, or those that let something out hold for one.
  const even = below(prng, 2) === 0 ? 8 + below(prng, 50) : 0;
  const steps = Array.from({ length: 4 + below(prng, 8) }, () => {
    const length = even === 0 ? 8 + below(prng, below(prng, 4) === 0 ? 300 : 40) : even;
    const bytes = Uint8Array.from({ length }, () => below(prng, 256));
    const op = below(prng, message ? 13 : 6);
    const holdsFor = [4, 6, 7, 11].includes(op);
    bytes[0] = even === 0 && message && (op === 4 || op === 6) ? 0 : op;
    bytes[1] = even !== 0 && holdsFor ? even * (1 + below(prng, 3)) : below(prng, 48);
    // The running kernel lets segments of three bytes lie; v5.6 is not known to.
    if (op === 9) bytes[1] = below(prng, Math.min(48, length - 7));
    bytes[2] = below(prng, 8);
    return { from: below(prng, 2 * PAIRS), bytes, shut: below(prng, 12) === 0 && cut === 0 };
  });
  const always = cut === 0 ? undefined : ([[0, 1, 3, 3, 4][below(prng, 5)] ?? 0, below(prng, 8)] as const);
  return { always, hash: below(prng, 2) === 0, message, parser, members, steps };
}

/** What a step did: the sender's answer, the programs' notes, what could be read everywhere. */
export interface StepResult {
  readonly sent: number;
  readonly notes: string;
  readonly arrived: readonly string[];
}

const hex = (bytes: Uint8Array): string => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');

/** Runs a scenario on fresh sockets. */
export function play(world: SocketWorld, scenario: Scenario): StepResult[] {
  const { sys } = world;
  const open: number[] = [];
  const keep = (fd: number): number => {
    if (fd < 0) throw new TypeError(`errno ${-fd}`);
    open.push(fd);
    return fd;
  };
  try {
    const map_type = scenario.hash ? BPF_MAP_TYPE_SOCKHASH : BPF_MAP_TYPE_SOCKMAP;
    const socks = keep(sys.bpf(BPF_MAP_CREATE, { map_type, key_size: 4, value_size: 4, max_entries: 8 }));
    const array = { map_type: BPF_MAP_TYPE_ARRAY, key_size: 4, value_size: 8 * (NOTES + 1), max_entries: 1 };
    const notes = keep(sys.bpf(BPF_MAP_CREATE, array));
    const maps = { socks, notes };
    const attach = (type: number, attach_type: number, source: string): void => {
      const attach_bpf_fd = keep(load(sys, type, source, maps));
      keep(sys.bpf(BPF_PROG_ATTACH, { target_fd: socks, attach_bpf_fd, attach_type }));
      open.pop();
    };
    if (scenario.message) attach(BPF_PROG_TYPE_SK_MSG, BPF_SK_MSG_VERDICT, messageProgram(scenario.hash));
    if (scenario.parser !== undefined) {
      attach(BPF_PROG_TYPE_SK_SKB, BPF_SK_SKB_STREAM_PARSER, parserProgram(scenario.parser));
      attach(BPF_PROG_TYPE_SK_SKB, BPF_SK_SKB_STREAM_VERDICT, verdictProgram(scenario.hash, scenario.always));
    }
    world.ready();
    for (const at of scenario.members) {
      const value = u32s(world.fds[at] ?? -1);
      keep(sys.bpf(BPF_MAP_UPDATE_ELEM, { map_fd: socks, key: u32s(at), value, flags: 0n }));
      open.pop();
    }
    let noted = 0;
    return scenario.steps.map(({ from, bytes, shut }) => {
      if (shut) world.shutdown(from);
      const sent = world.send(from, bytes);
      const value = new Uint8Array(8 * (NOTES + 1));
      sys.bpf(BPF_MAP_LOOKUP_ELEM, { map_fd: notes, key: u32s(0), value });
      const taken = [...new BigInt64Array(value.buffer)];
      const fresh = taken.slice(1 + noted, 1 + Number(taken[0])).join(' ');
      noted = Number(taken[0]);
      const arrived = world.fds.map((_, at) => {
        let all = '';
        for (;;) {
          const got = world.receive(at);
          if (typeof got === 'number') return all + (got === -11 ? '' : ` errno ${-got}`);
          if (got.length === 0) return `${all} end`;
          all += hex(got);
        }
      });
      return { sent, notes: fresh, arrived };
    });
  } finally {
    for (const fd of open.reverse()) sys.close(fd);
  }
}
