// SPDX-License-Identifier: MIT
// One small network, told twice: to `ip` in a namespace of its own, and to the simulated world. And questions about it.
import { createPrng } from '@tsbpf/capture';
import {
  BPF_MAP_CREATE,
  BPF_MAP_LOOKUP_ELEM,
  BPF_MAP_UPDATE_ELEM,
  BPF_PROG_TEST_RUN,
  BPF_PROG_TYPE_SCHED_CLS,
  type Sys,
} from '@tsbpf/uapi';
import { loadAsm } from './real-kernel.ts';
import { parseAddress } from '../src/world/prefix.ts';
import type { Net } from '../src/index.ts';
import { worldOf } from '../src/index.ts';

interface RouteStep {
  readonly to: string;
  readonly via?: string;
  readonly dev?: string;
  readonly kind?: 'blackhole' | 'unreachable' | 'prohibit' | 'throw';
  readonly table?: number;
  readonly metric?: number;
  readonly tos?: number;
  readonly mtu?: number;
}

const DEVICES = ['v0', 'v1', 'v2'] as const;
const MAC = (i: number): string => `02:00:00:00:00:0${i + 1}`;
const ADDRESSES = [
  ['v0', '10.0.0.1/24'],
  ['v1', '10.1.0.1/16'],
  ['v2', '10.2.0.1/30'],
  ['v0', '2001:db8:0::1/64'],
  ['v1', '2001:db8:1::1/64'],
] as const;
/** v2 forwards neither family. */
const FORWARDING = ['v0', 'v1'];
const ROUTES: readonly RouteStep[] = [
  { to: '192.168.0.0/16', dev: 'v1', via: '10.1.0.9' },
  { to: '192.168.7.0/24', dev: 'v0', via: '10.0.0.9', metric: 7 },
  { to: '192.168.7.0/24', dev: 'v1', via: '10.1.0.8', metric: 3 },
  { to: '192.168.8.0/24', kind: 'blackhole' },
  { to: '192.168.9.0/24', kind: 'unreachable' },
  { to: '192.168.10.0/24', kind: 'prohibit' },
  { to: '192.168.11.0/24', kind: 'throw' },
  { to: '192.168.12.0/24', dev: 'v0', via: '10.0.0.77' },
  { to: '192.168.13.0/24', dev: 'v1', via: '10.1.0.9', mtu: 900 },
  { to: '192.168.14.0/24', dev: 'v0', via: '10.0.0.9', tos: 0x10 },
  { to: '172.16.0.0/12', dev: 'v2', via: '10.2.0.2' },
  { to: '10.99.0.0/16', dev: 'v1', via: '10.1.0.9', table: 7 },
  { to: '10.98.0.0/16', kind: 'prohibit', table: 7 },
  { to: '2001:db8:7::/48', dev: 'v1', via: '2001:db8:1::9' },
  { to: '2001:db8:7:1::/64', dev: 'v0', via: '2001:db8:0::9', metric: 5 },
  { to: '2001:db8:8::/48', kind: 'blackhole' },
  { to: '2001:db8:9::/48', kind: 'unreachable' },
  { to: '2001:db8:a::/48', kind: 'prohibit' },
  { to: '2001:db8:c::/48', dev: 'v0', via: '2001:db8:0::77' },
];
const NEIGHBOURS = [
  ['v0', '10.0.0.9', '02:aa:00:00:00:01'],
  ['v0', '10.0.0.5', '02:aa:00:00:00:02'],
  ['v1', '10.1.0.9', '02:aa:00:00:00:03'],
  ['v1', '10.1.0.8', '02:aa:00:00:00:04'],
  ['v2', '10.2.0.2', '02:aa:00:00:00:05'],
  ['v0', '2001:db8:0::9', '02:aa:00:00:00:06'],
  ['v1', '2001:db8:1::9', '02:aa:00:00:00:07'],
] as const;
/** Rules come late, so that questions are asked with and without any. */
const RULES = [
  { priority: 100, iif: 'v0', then: 7 },
  { priority: 90, to: '192.168.66.0/24', then: 'blackhole' },
] as const;

/** Commands for `ip`, without the word. */
export function ipCommands(): string[] {
  return [
    'link set lo up',
    ...DEVICES.flatMap((dev, i) => [
      `link add ${dev} type veth peer name p${i}`,
      `link set ${dev} address ${MAC(i)}`,
      `link set p${i} up`,
      `link set ${dev} mtu ${i === 1 ? 1400 : 1500} up`,
    ]),
    ...ADDRESSES.map(([dev, address]) => `addr add ${address} dev ${dev} ${address.includes(':') ? 'nodad' : ''}`),
    ...NEIGHBOURS.map(([dev, ip, mac]) => `neigh add ${ip} lladdr ${mac} dev ${dev} nud permanent`),
    ...ROUTES.map((route) => {
      const parts = [
        'route add',
        route.kind ?? '',
        route.to,
        ...(route.via === undefined ? [] : ['via', route.via]),
        ...(route.dev === undefined ? [] : ['dev', route.dev]),
        ...(route.table === undefined ? [] : ['table', String(route.table)]),
        ...(route.metric === undefined ? [] : ['metric', String(route.metric)]),
        ...(route.tos === undefined ? [] : ['tos', `0x${route.tos.toString(16)}`]),
        ...(route.mtu === undefined ? [] : ['mtu lock', String(route.mtu)]),
      ];
      return `${route.to.includes(':') ? '-6 ' : ''}${parts.filter((part) => part !== '').join(' ')}`;
    }),
  ];
}

export const forwardingFiles = (): string[] =>
  FORWARDING.flatMap((dev) => [
    `/proc/sys/net/ipv4/conf/${dev}/forwarding`,
    `/proc/sys/net/ipv6/conf/${dev}/forwarding`,
  ]);

export const ruleCommands = (): string[] =>
  RULES.map((rule) => {
    const to = 'to' in rule ? ['to', rule.to] : [];
    const iif = 'iif' in rule ? ['iif', rule.iif] : [];
    const then = typeof rule.then === 'number' ? ['table', String(rule.then)] : [rule.then];
    return ['rule add priority', String(rule.priority), ...to, ...iif, ...then].join(' ');
  });

const macBytes = (text: string): Uint8Array => Uint8Array.from(text.split(':'), (byte) => parseInt(byte, 16));

/** The same in the simulation. `ifindexes` are those the devices have in the other world. */
export function buildWorld(net: Net, ifindexes: Readonly<Record<string, number>>): { addRules(): void } {
  const devices = new Map(
    DEVICES.map((name, i) => [
      name as string,
      net.createDevice({ name, ifindex: ifindexes[name] ?? 0, mac: macBytes(MAC(i)), mtu: i === 1 ? 1400 : 1500 }),
    ]),
  );
  const ns = worldOf(net.kernel).main;
  const device = (name: string) => {
    const found = devices.get(name);
    if (found === undefined) throw new TypeError(`no device ${name}`);
    return found;
  };
  for (const [dev, address] of ADDRESSES) ns.addAddress(device(dev), address);
  for (const [dev, ip, mac] of NEIGHBOURS) ns.addNeighbour({ dev: device(dev), ip, mac: macBytes(mac) });
  for (const { dev, mtu, ...route } of ROUTES) {
    ns.addRoute({
      ...route,
      ...(dev === undefined ? {} : { dev: device(dev) }),
      ...(mtu === undefined ? {} : { mtu, lockMtu: true }),
    });
  }
  for (const dev of FORWARDING) for (const family of [2, 10] as const) ns.setForwarding(device(dev), family, true);
  return {
    addRules: () => {
      for (const { then, priority, ...rest } of RULES) ns.addRule({ ...rest, priority, then });
    },
  };
}

/** One question: the 64 bytes of `struct bpf_fib_lookup`, and the flags. */
export interface FibQuestion {
  readonly params: Uint8Array;
  readonly flags: number;
}

/** Random questions; `ifindexes` name the devices, and one that is none. */
export function fibQuestions(ifindexes: readonly number[], options: { seed: number; count: number }): FibQuestion[] {
  const prng = createPrng(options.seed);
  const pick = <T>(from: readonly T[]): T => from[prng() % from.length] as T;
  const v4 = [
    ...['10.0.0.5', '10.0.0.9', '10.0.0.1', '10.0.0.255', '10.1.2.3', '10.1.0.9', '10.2.0.2', '10.99.1.1', '10.98.1.1'],
    ...[7, 8, 9, 10, 11, 12, 13, 14, 66].map((third) => `192.168.${third}.9`),
    ...['192.168.200.1', '172.16.5.5', '8.8.8.8', '127.0.0.1', '224.0.0.1', '255.255.255.255'],
  ];
  const v6 = [
    ...['2001:db8:0::9', '2001:db8:0::5', '2001:db8:1::9', '2001:db8:0::1', '2001:db8:7::5', '2001:db8:7:1::5'],
    ...['2001:db8:8::1', '2001:db8:9::1', '2001:db8:a::1', '2001:db8:c::1', '2001:db9::1', 'fe80::1', 'ff02::1', '::1'],
  ];
  return Array.from({ length: options.count }, () => {
    const family = pick([2, 2, 10, 10, 10, 2, 7]);
    const params = new Uint8Array(64);
    const view = new DataView(params.buffer);
    params[0] = family;
    params[1] = pick([6, 17]);
    view.setUint16(2, prng() & 0xffff);
    view.setUint16(4, prng() & 0xffff);
    view.setUint16(6, pick([0, 64, 899, 901, 1399, 1401, 1500, 1501]), true);
    view.setUint32(8, pick(ifindexes), true);
    if (family === 2) params[12] = pick([0, 0, 0, 0x10, 4]);
    params.set(parseAddress(family === 10 ? pick(v6) : pick(v4)), 32);
    params.set(parseAddress(family === 10 ? '2001:db8:0::55' : '10.0.0.55'), 16);
    return { params, flags: pick([0, 0, 0, 1, 1, 2, 3, 64]) };
  });
}

/** Asks by the value of an array: 64 bytes of parameters, the flags, and what the helper answered. */
const PROGRAM = `
r6 = r1
r1 = m ll
r2 = r10
r2 += -4
r3 = 0
*(u32 *)(r10 - 4) = r3
call 1
if r0 == 0 goto out
r7 = r0
r1 = r6
r2 = r7
r3 = 64
r4 = *(u32 *)(r7 + 64)
call 69
*(u32 *)(r7 + 68) = r0
out:
r0 = 2
exit
`;
const VALUE_BYTES = 72;

/** Asks on a system, through a program of a type: for each question the answer, and the parameters as they are then. */
export function askFib(sys: Sys, prog_type: number, questions: readonly FibQuestion[]): string[] {
  const map_fd = sys.bpf(BPF_MAP_CREATE, { map_type: 2, key_size: 4, value_size: VALUE_BYTES, max_entries: 1 });
  const prog_fd = loadAsm(sys, prog_type, PROGRAM, { m: map_fd });
  const key = new Uint8Array(4);
  // 60 bytes, as the devices all take.
  const data_in = new Uint8Array(60).fill(0x45);
  try {
    return questions.map(({ params, flags }) => {
      const value = new Uint8Array(VALUE_BYTES);
      value.set(params);
      // Since 5.13 classifiers' packets are compared with the MTU, too.
      if (prog_type === BPF_PROG_TYPE_SCHED_CLS) value.fill(0, 6, 8);
      new DataView(value.buffer).setUint32(64, flags, true);
      sys.bpf(BPF_MAP_UPDATE_ELEM, { map_fd, key, value });
      sys.bpf(BPF_PROG_TEST_RUN, { prog_fd, data_in, data_out: new Uint8Array(256) });
      const after = new Uint8Array(VALUE_BYTES);
      sys.bpf(BPF_MAP_LOOKUP_ELEM, { map_fd, key, value: after });
      const answer = new DataView(after.buffer).getInt32(68, true);
      return `${answer} ${Array.from(after.subarray(0, 64), (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
    });
  } finally {
    sys.close(prog_fd);
    sys.close(map_fd);
  }
}
