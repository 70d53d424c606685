// SPDX-License-Identifier: MIT
// UDP sockets that share a port and programs that choose among them, on the running kernel and on ours.
import {
  BPF_MAP_CREATE,
  BPF_MAP_TYPE_ARRAY,
  BPF_MAP_LOOKUP_ELEM,
  BPF_MAP_TYPE_REUSEPORT_SOCKARRAY,
  BPF_MAP_UPDATE_ELEM,
  BPF_PROG_LOAD,
  BPF_PROG_TYPE_SK_REUSEPORT,
  BPF_PROG_TYPE_SOCKET_FILTER,
  type Sys,
} from '@tsbpf/uapi';
import type { KernelVersion } from '@tsbpf/core';
import { buildPacket, formatMac, type Prng } from '@tsbpf/capture';
import { assembleSource, encodeInsns } from '@tsbpf/insn';
import { createKernel } from 'tsbpf';
import * as libc from './libc.ts';

/** Sockets: three that share port 5300, one that shares 5400, a listening one of TCP that shares 5300. */
export const SOCKETS = 5;
const [SO_REUSEPORT, SO_ATTACH_REUSEPORT_EBPF, SO_DETACH_REUSEPORT_BPF] = [15, 52, 68];
const PORTS = [5300, 5300, 5300, 5400, 5300];

/** Sockets of one kernel. */
export interface ReuseportWorld {
  readonly sys: Sys;
  readonly fds: readonly number[];
  /** Sends a datagram to port 5300 from a port. */
  send(bytes: Uint8Array): void;
  received(socket: number): readonly string[];
  setOption(socket: number, name: number, value: Uint8Array): number;
  close(): void;
}

const u32 = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);
const text = (bytes: Uint8Array): string => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');

/** Those of the running kernel, in the namespace of the thread. */
export function realReuseport(sys: Sys): ReuseportWorld {
  const fds = PORTS.map((port, i) => {
    const fd = libc.socket(libc.AF_INET, i === 4 ? libc.SOCK_STREAM : libc.SOCK_DGRAM);
    libc.setOption(fd, libc.SOL_SOCKET, SO_REUSEPORT, u32(1));
    if (libc.bind(fd, libc.address('127.0.0.1', port)) < 0) throw new TypeError(`bind ${port}`);
    if (i === 4) libc.listen(fd, 1);
    return fd;
  });
  const sender = libc.socket(libc.AF_INET, libc.SOCK_DGRAM);
  libc.bind(sender, libc.address('127.0.0.1', 4000));
  return {
    sys,
    fds,
    send: (bytes) => void libc.sendTo(sender, bytes, libc.address('127.0.0.1', 5300)),
    received(socket) {
      const got: string[] = [];
      for (let next; socket !== 4 && (next = libc.receive(fds[socket] ?? -1)) instanceof Uint8Array;)
        got.push(text(next));
      return got;
    },
    setOption: (socket, name, value) => libc.setOption(fds[socket] ?? -1, libc.SOL_SOCKET, name, value),
    close() {
      for (const fd of [...fds, sender]) libc.close(fd);
    },
  };
}

/** The simulated ones; groups get their numbers as in a version. */
export function simulatedReuseport(version: KernelVersion): ReuseportWorld {
  const kernel = createKernel({ checked: true });
  const { net } = kernel;
  const eth0 = net.device('eth0');
  const { version: own } = kernel.state;
  Object.defineProperty(kernel.state, 'version', { value: version, configurable: true });
  const sockets = PORTS.map((port, i) =>
    net.openReceiver({ protocol: i === 4 ? 'tcp' : 'udp', local: { ip: '127.0.0.1', port }, reuseport: true }),
  );
  Object.defineProperty(kernel.state, 'version', { value: own });
  return {
    sys: kernel,
    fds: sockets.map(({ fd }) => fd),
    send(bytes) {
      const ends = { type: 'ipv4', src: '127.0.0.1', dst: '127.0.0.1' } as const;
      const udp = { type: 'udp', srcPort: 4000, dstPort: 5300 } as const;
      eth0.receive(buildPacket([{ type: 'eth', dst: formatMac(eth0.mac) }, ends, udp], bytes));
    },
    received: (socket) => (socket === 4 ? [] : (sockets[socket]?.drain() ?? []).map(({ data }) => text(data))),
    setOption: (socket, name, value) => kernel.setsockopt(sockets[socket]?.fd ?? -1, libc.SOL_SOCKET, name, value),
    close: () => undefined,
  };
}

/** Notes what it sees, but for checksums and the packet's number; chooses by the payload's first byte, and lets the second decide what it answers. */
const CHOOSE = `r6 = r1
*(u32 *)(r10 - 4) = 0
r2 = r10
r2 += -4
r1 = notes ll
call 1
if r0 == 0 goto refuse
r9 = r0
r1 = *(u32 *)(r6 + 16)
*(u32 *)(r9 + 0) = r1
r1 = *(u32 *)(r6 + 20)
*(u32 *)(r9 + 4) = r1
r1 = *(u32 *)(r6 + 24)
*(u32 *)(r9 + 8) = r1
r1 = *(u32 *)(r6 + 28)
*(u32 *)(r9 + 12) = r1
r2 = *(u64 *)(r6 + 0)
r3 = *(u64 *)(r6 + 8)
r4 = r2
r4 += 10
if r4 > r3 goto refuse
r1 = *(u64 *)(r2 + 0)
r1 <<= 16
*(u64 *)(r9 + 16) = r1
r7 = *(u8 *)(r2 + 8)
r8 = *(u8 *)(r2 + 9)
r1 = r6
r2 = 12
r3 = r9
r3 += 32
r4 = 8
r5 = 1
call 68
*(u64 *)(r9 + 40) = r0
if r8 == 2 goto pass
*(u32 *)(r10 - 4) = r7
r1 = r6
r2 = socks ll
r3 = r10
r3 += -4
r4 = 0
if r8 != 3 goto select
r4 = 1
select:
call 82
*(u64 *)(r9 + 24) = r0
if r8 == 1 goto refuse
pass: r0 = 1
exit
refuse: r0 = 0
exit
`;
const FILTER = 'r6 = r1\nr0 = *(u8 *)skb[0]\nexit\n';

export interface ReuseportScenario {
  readonly filter: boolean;
  /** Sockets in the map, by place. */
  readonly places: readonly number[];
  readonly payloads: readonly Uint8Array[];
}

export function randomReuseport(prng: Prng): ReuseportScenario {
  const below = (limit: number): number => prng() % limit;
  const filter = below(4) === 0;
  const sockets = [0, 1, 2, 3, 4].filter(() => below(4) !== 0);
  const payloads = Array.from({ length: 10 }, () =>
    Uint8Array.of(below(filter ? 3 : 7), below(5), below(256), below(256)),
  );
  return { filter, places: sockets.sort(() => below(3) - 1), payloads };
}

/** What the calls answered, and for each datagram what the program saw and who got it. */
export function playReuseport(world: ReuseportWorld, scenario: ReuseportScenario): unknown[] {
  const { sys } = world;
  const open: number[] = [];
  const keep = (fd: number): number => {
    if (fd < 0) throw new TypeError(`errno ${-fd}`);
    open.push(fd);
    return fd;
  };
  const create = (map_type: number, value_size: number): number =>
    keep(
      sys.bpf(BPF_MAP_CREATE, {
        map_type,
        key_size: 4,
        value_size,
        max_entries: map_type === BPF_MAP_TYPE_ARRAY ? 1 : 6,
      }),
    );
  const maps = { socks: create(BPF_MAP_TYPE_REUSEPORT_SOCKARRAY, 4), notes: create(BPF_MAP_TYPE_ARRAY, 48) };
  const load = (prog_type: number, source: string): number => {
    const insns = encodeInsns(assembleSource(source, { maps }).insns);
    const log_buf = new Uint8Array(1 << 16);
    const fd = sys.bpf(BPF_PROG_LOAD, { prog_type, insns, license: 'GPL', log_level: 1, log_buf });
    if (fd < 0) throw new TypeError(new TextDecoder().decode(log_buf.subarray(0, log_buf.indexOf(0))));
    return keep(fd);
  };
  try {
    const calls = scenario.places.map((socket, place) =>
      sys.bpf(BPF_MAP_UPDATE_ELEM, {
        map_fd: maps.socks,
        key: u32(place),
        value: u32(world.fds[socket] ?? -1),
        flags: 0n,
      }),
    );
    const prog = scenario.filter ? load(BPF_PROG_TYPE_SOCKET_FILTER, FILTER) : load(BPF_PROG_TYPE_SK_REUSEPORT, CHOOSE);
    calls.push(world.setOption(1, SO_ATTACH_REUSEPORT_EBPF, u32(prog)));
    const seen = scenario.payloads.map((payload) => {
      world.send(payload);
      const value = new Uint8Array(48);
      sys.bpf(BPF_MAP_LOOKUP_ELEM, { map_fd: maps.notes, key: u32(0), value });
      const got = Array.from({ length: SOCKETS }, (_, socket) => world.received(socket));
      const chosen = got.findIndex((each) => each.length > 0);
      // Where the program leaves it to the hash, whoever it names gets it: somebody of the group, or nobody.
      const byHash = !scenario.filter && (payload[1] === 2 || payload[1] === 3 || (chosen >= 0 && value[24] !== 0));
      return { notes: text(value), got: byHash ? chosen >= 0 && chosen < 3 : got };
    });
    calls.push(
      world.setOption(0, SO_DETACH_REUSEPORT_BPF, u32(0)),
      world.setOption(0, SO_DETACH_REUSEPORT_BPF, u32(0)),
    );
    return [calls, ...seen];
  } finally {
    for (const fd of open.reverse()) sys.close(fd);
  }
}
