// SPDX-License-Identifier: MIT
// Three veth pairs, on the running kernel and on ours: frames go in at one end of the first, meet XDP and classifiers, and
// come out wherever those send them.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import {
  BPF_MAP_CREATE,
  BPF_MAP_TYPE_CPUMAP,
  BPF_MAP_TYPE_DEVMAP,
  BPF_MAP_TYPE_DEVMAP_HASH,
  BPF_MAP_UPDATE_ELEM,
  BPF_PROG_LOAD,
  BPF_PROG_TYPE_SCHED_CLS,
  BPF_PROG_TYPE_XDP,
  type Sys,
} from '@tsbpf/uapi';
import type { Prng } from '@tsbpf/capture';
import { assembleSource, encodeInsns } from '@tsbpf/insn';
import { createKernel } from 'tsbpf';
import * as libc from './libc.ts';

/** Ends of the pairs: frames go in at a0 and meet programs at a1. */
export const ENDS = ['a0', 'a1', 'b0', 'b1', 'c0', 'c1'] as const;
export type End = (typeof ENDS)[number];
const XDP_FLAGS_SKB_MODE = 2;

/** Three veth pairs. */
export interface DeviceWorld {
  readonly sys: Sys;
  ifindex(end: End): number;
  send(frame: Uint8Array): void;
  /** Frames that came in at an end since last asked. */
  arrived(end: End): readonly Uint8Array[];
  close(): void;
}

/** Those of the running kernel, in the namespace of the thread. */
export function realDevices(sys: Sys): DeviceWorld {
  const ip = (...args: string[]): void => void execFileSync('ip', args);
  writeFileSync('/proc/sys/net/ipv6/conf/all/disable_ipv6', '1');
  writeFileSync('/proc/sys/net/ipv6/conf/default/disable_ipv6', '1');
  for (const pair of ['a', 'b', 'c']) {
    ip('link', 'add', `${pair}0`, 'type', 'veth', 'peer', 'name', `${pair}1`);
    for (const end of ['0', '1']) ip('link', 'set', `${pair}${end}`, 'up', 'promisc', 'on');
  }
  const ifindex = (end: End): number => sys.ifNameToIndex?.(end) ?? -1;
  const sockets = new Map(ENDS.map((end) => [end, libc.packetSocket(ifindex(end))]));
  libc.settle(20);
  for (const fd of sockets.values()) libc.framesIn(fd);
  return {
    sys,
    ifindex,
    send(frame) {
      libc.send(sockets.get('a0') ?? -1, frame);
      libc.settle(3);
    },
    arrived: (end) => libc.framesIn(sockets.get(end) ?? -1),
    close() {
      for (const fd of sockets.values()) libc.close(fd);
      for (const pair of ['a0', 'b0', 'c0']) ip('link', 'del', pair);
    },
  };
}

/** The simulated ones. */
export function simulatedDevices(): DeviceWorld {
  const kernel = createKernel({ devices: [], checked: true, cpus: 2 });
  const { net } = kernel;
  for (const end of ENDS) net.createDevice({ name: end });
  for (const pair of ['a', 'b', 'c']) net.connect(net.device(`${pair}0`), net.device(`${pair}1`), { veth: true });
  const sockets = new Map(ENDS.map((end) => [end, net.device(end).openPacketSocket().socket]));
  const read = new Map<End, number>();
  return {
    sys: kernel,
    ifindex: (end) => net.device(end).ifindex,
    send: (frame) => void net.device('a0').send(frame),
    arrived(end) {
      const frames = (sockets.get(end)?.frames ?? []).filter(({ direction }) => direction === 'received');
      const from = read.get(end) ?? 0;
      read.set(end, frames.length);
      return frames.slice(from).map(({ data }) => data);
    },
    close: () => undefined,
  };
}

const u32 = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);

/** Reads the frame's bytes 14 to 16: what to do (r7), with what (r8). The verdict where the frame is too short: `short`. */
const begin = (data: number, end: number, short: number): string => `r6 = r1
r2 = *(u32 *)(r6 + ${data})
r3 = *(u32 *)(r6 + ${end})
r4 = r2
r4 += 17
if r4 > r3 goto short
r7 = *(u8 *)(r2 + 14)
r8 = *(u8 *)(r2 + 15)
r9 = *(u8 *)(r2 + 16)
goto go
short: r0 = ${short}
exit
go:
`;
const cases = (reg: string, bodies: readonly string[], otherwise: string): string =>
  `${bodies.map((_, i) => `if ${reg} == ${i} goto case${i}\n`).join('')}${otherwise}${bodies.map((body, i) => `case${i}: ${body}`).join('')}`;

/** XDP of a1: what byte 14 says. */
export function xdpSource(world: DeviceWorld, generic: boolean): string {
  const toMap = (map: string): string => `r1 = ${map} ll\nr2 = r8\nr3 = r9\ncall 51\nexit\n`;
  // What lies before a frame is of no particular value: the program writes a header of its own there.
  const prepend =
    'r1 = r6\nr2 = -14\ncall 44\nr2 = *(u32 *)(r6 + 0)\nr3 = *(u32 *)(r6 + 4)\nr4 = r2\nr4 += 14\nif r4 > r3 goto short\n' +
    'r1 = -1\n*(u64 *)(r2 + 0) = r1\nr1 = 0x07020000\n*(u32 *)(r2 + 8) = r1\nr1 = 0xb588\n*(u16 *)(r2 + 12) = r1\nr0 = 2\nexit\n';
  return `${begin(0, 4, 2)}${cases(
    'r7',
    [
      'r0 = 2\nexit\n',
      'r0 = 1\nexit\n',
      'r0 = 3\nexit\n',
      'r0 = 0\nexit\n',
      `r1 = ${world.ifindex('b0')}\nr2 = 0\ncall 23\nexit\n`,
      `r1 = ${world.ifindex('c0')}\nr2 = 1\ncall 23\nexit\n`,
      'r1 = 9999\nr2 = 0\ncall 23\nexit\n',
      toMap('devs'),
      toMap('devhash'),
      // Later kernels take generic XDP's frames to other CPUs, too.
      generic ? 'r0 = 2\nexit\n' : toMap('cpus'),
      prepend,
      'r2 = *(u32 *)(r6 + 0)\nr3 = *(u32 *)(r6 + 4)\nr4 = r2\nr4 += 24\nif r4 > r3 goto short\nr1 = 0x1234\n*(u16 *)(r2 + 20) = r1\nr0 = 3\nexit\n',
      'r1 = r6\nr2 = -10\ncall 65\nr0 = 2\nexit\n',
      'r0 = 77\nexit\n',
    ],
    'r0 = 2\nexit\n',
  )}`;
}

/** The ingress classifier of a1: what byte 15 says, of frames that passed. */
export function ingressSource(world: DeviceWorld): string {
  const to = (id: number, end: End, flags: number): string =>
    id === 23
      ? `r1 = ${world.ifindex(end)}\nr2 = ${flags}\ncall 23\nexit\n`
      : `r1 = r6\nr2 = ${world.ifindex(end)}\nr3 = ${flags}\ncall 13\nr0 = 0\nexit\n`;
  return `${begin(76, 80, 0)}${cases(
    'r8',
    [
      'r0 = 0\nexit\n',
      'r0 = 2\nexit\n',
      to(23, 'b0', 0),
      to(23, 'c0', 0),
      to(13, 'c0', 0),
      to(13, 'b1', 1),
      to(23, 'b1', 1),
      '*(u16 *)(r10 - 2) = 0x5678\nr1 = r6\nr2 = 20\nr3 = r10\nr3 += -2\nr4 = 2\nr5 = 0\ncall 9\n' + to(23, 'c0', 0),
      'r1 = r6\nr2 = 70\nr3 = 0\ncall 38\n' + to(23, 'b0', 0),
      'r1 = 9999\nr2 = 0\ncall 23\nexit\n',
    ],
    'r0 = 0\nexit\n',
  )}`;
}

/** The egress classifier of c0: changes a byte; drops every frame whose byte 16 is 3. */
const EGRESS = `${begin(76, 80, 0)}if r9 == 3 goto drop
*(u8 *)(r10 - 1) = 0x99
r1 = r6
r2 = 21
r3 = r10
r3 += -1
r4 = 1
r5 = 0
call 9
r0 = 0
exit
drop: r0 = 2
exit
`;

export interface DeviceScenario {
  readonly generic: boolean;
  readonly tc: boolean;
  /** Whether the ends that get redirected frames have a program, without which native XDP loses them. */
  readonly peers: boolean;
  readonly frames: readonly Uint8Array[];
}

export function randomDeviceScenario(prng: Prng): DeviceScenario {
  const below = (limit: number): number => prng() % limit;
  const tc = below(2) === 0;
  const frames = Array.from({ length: 12 }, () => {
    const frame = Uint8Array.from({ length: 40 + below(200) }, () => below(256));
    // Nobody's protocol, to everybody.
    frame.set([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 9, 0x88, 0xb5]);
    frame.set([tc && below(2) === 0 ? 0 : below(15), below(11), below(5)], 14);
    return frame;
  });
  return { generic: below(3) === 0, tc, peers: below(4) !== 0, frames };
}

const hex = (bytes: Uint8Array): string => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');

/** Frames that arrived at each end, for each frame that was sent. */
export function playDevices(world: DeviceWorld, scenario: DeviceScenario): Record<string, readonly string[]>[] {
  const { sys } = world;
  const open: number[] = [];
  const keep = (what: string, fd: number): number => {
    if (fd < 0) throw new TypeError(`${what}: errno ${-fd}`);
    open.push(fd);
    return fd;
  };
  const create = (map_type: number): number =>
    keep(
      'map',
      sys.bpf(BPF_MAP_CREATE, {
        map_type,
        key_size: 4,
        value_size: 4,
        max_entries: map_type === BPF_MAP_TYPE_CPUMAP ? 2 : 4,
      }),
    );
  const maps = {
    devs: create(BPF_MAP_TYPE_DEVMAP),
    devhash: create(BPF_MAP_TYPE_DEVMAP_HASH),
    cpus: create(BPF_MAP_TYPE_CPUMAP),
  };
  const set = (map_fd: number, key: number, value: number): void => {
    const result = sys.bpf(BPF_MAP_UPDATE_ELEM, { map_fd, key: u32(key), value: u32(value), flags: 0n });
    if (result < 0) throw new TypeError(`update: errno ${-result}`);
  };
  set(maps.devs, 1, world.ifindex('b0'));
  set(maps.devs, 3, world.ifindex('c0'));
  set(maps.devhash, 2, world.ifindex('c0'));
  set(maps.devhash, 7, world.ifindex('b0'));
  set(maps.cpus, 1, 64);
  const load = (prog_type: number, source: string): number => {
    const log_buf = new Uint8Array(1 << 16);
    const insns = encodeInsns(assembleSource(source, { maps }).insns);
    const fd = sys.bpf(BPF_PROG_LOAD, { prog_type, insns, license: 'GPL', log_level: 1, log_buf });
    if (fd < 0)
      throw new TypeError(`load: ${fd}\n${new TextDecoder().decode(log_buf.subarray(0, log_buf.indexOf(0)))}`);
    return keep('load', fd);
  };
  const must = (what: string, result: number | undefined): void => {
    if (result === undefined || result < 0) throw new TypeError(`${what}: errno ${-(result ?? 0)}`);
  };
  const undo: (() => unknown)[] = [];
  const xdp = (end: End, fd: number, flags: number): void => {
    must(`XDP at ${end}`, sys.setLinkXdp?.(world.ifindex(end), fd, flags));
    undo.push(() => sys.setLinkXdp?.(world.ifindex(end), -1, flags));
  };
  const tc = (end: End, direction: 'ingress' | 'egress', source: string): void => {
    const handle = sys.attachTc?.(world.ifindex(end), load(BPF_PROG_TYPE_SCHED_CLS, source), {
      direction,
      directAction: true,
    });
    must(`classifier at ${end}`, handle);
    undo.push(() => sys.detachTc?.(world.ifindex(end), { direction, handle: handle ?? 0 }));
  };
  try {
    const flags = scenario.generic ? XDP_FLAGS_SKB_MODE : 0;
    xdp('a1', load(BPF_PROG_TYPE_XDP, xdpSource(world, scenario.generic)), flags);
    // XDP_TX of a veth needs somebody who looks at the other end.
    const pass = load(BPF_PROG_TYPE_XDP, 'r0 = 2\nexit\n');
    xdp('a0', pass, 0);
    if (scenario.peers) for (const end of ['b1', 'c1'] as const) xdp(end, pass, 0);
    if (scenario.tc) {
      tc('a1', 'ingress', ingressSource(world));
      tc('c0', 'egress', EGRESS);
    }
    return scenario.frames.map((frame) => {
      world.send(frame);
      return Object.fromEntries(ENDS.map((end) => [end, world.arrived(end).map(hex)]));
    });
  } finally {
    for (const back of undo.reverse()) back();
    for (const fd of open.reverse()) sys.close(fd);
  }
}

/** How many CPUs the running kernel has: the map of CPUs names the second. */
export const onlineCpus = (): number => readFileSync('/proc/cpuinfo', 'utf8').match(/^processor/gm)?.length ?? 1;
