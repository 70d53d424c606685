// SPDX-License-Identifier: MIT
// What is compared: the programs' instructions, and the calls made meanwhile.
import { encodeAddress } from '@tsbpf/cgroup';

export const FLAGS = {
  value: 1,
  pos: 2,
  optlen: 4,
  option: 8,
  retval: 16,
  port: 32,
  small: 64,
  baseName: 128,
  bind: 256,
} as const;

/** `struct config` of probe.bpf.c. */
export interface Config {
  readonly verdict?: number;
  readonly flags?: number;
  /** As bytes of memory. */
  readonly ip?: Uint8Array;
  readonly port?: number;
  readonly optlen?: number;
  readonly level?: number;
  readonly optname?: number;
  readonly pos?: number;
  readonly text?: string;
}

export interface Case {
  readonly hook: string;
  /** Made while programs allow everything. */
  readonly before?: readonly string[];
  readonly config: Config;
  readonly calls: readonly string[];
}

export function encodeConfig(config: Config): Uint8Array {
  const out = new Uint8Array(80);
  const view = new DataView(out.buffer);
  const words = [config.verdict ?? 1, config.flags ?? 0];
  words.forEach((word, i) => view.setUint32(i * 4, word, true));
  out.set(config.ip ?? [], 8);
  view.setUint16(24, config.port ?? 0);
  const rest = [
    config.optlen ?? 0,
    config.level ?? 0,
    config.optname ?? 0,
    config.pos ?? 0,
    (config.text?.length ?? 1) - 1,
  ];
  rest.forEach((word, i) => view.setInt32(28 + i * 4, word, true));
  out.set(
    Uint8Array.from(config.text ?? '', (char) => char.charCodeAt(0)),
    48,
  );
  return out;
}

const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
const text = (value: string): string => hex(new TextEncoder().encode(value));
const at = (ip: string, port: number): string => hex(encodeAddress({ ip, port }));
const int = (value: number): string => hex(new Uint8Array(new Int32Array([value]).buffer));
const [INET, INET6, STREAM, DGRAM] = [2, 10, 1, 2];
/** SO_REUSEADDR of socket 2: ports of connections that are over may be bound again. */
const REUSE = `O 2 1 2 ${int(1)} 4`;

function sysctls(): Case[] {
  const cases: Case[] = [];
  const files: [string, string[]][] = [
    ['net/ipv4/ip_forward', ['1', '0\n', ' 1 ', '-1', '0x10', '017', '', '\n', 'no', '1a', '1 2', '99999999999']],
    ['net/ipv4/ip_local_port_range', ['2000\t3001', '2000', '40000 50001\n', '1 2 3', '0 5', '5 x']],
    ['kernel/hostname', ['name\n', 'longer name', '', 'a\0b']],
  ];
  const configs: Config[] = [
    {},
    { verdict: 0 },
    { flags: FLAGS.small },
    { flags: FLAGS.baseName },
    { flags: FLAGS.value, text: '0\n' },
    { flags: FLAGS.value, text: '1000 1002' },
    { flags: FLAGS.value, text: 'x' },
    { flags: FLAGS.pos, pos: 1 },
    { flags: FLAGS.pos, pos: 0 },
    { flags: FLAGS.value | FLAGS.pos, text: '1', pos: 0 },
  ];
  for (const [name, values] of files) {
    const path = `/proc/sys/${name}`;
    for (const config of configs) {
      for (const value of values) {
        if (value === '') continue;
        cases.push({ hook: 'sysctl', config, calls: [`W ${path} ${text(value)} 0`] });
        cases.push({ hook: 'sysctl', config: {}, calls: [`Y ${path} 100 0`] });
      }
      for (const [count, pos] of [
        [100, 0],
        [2, 0],
        [1, 1],
        [100, 1],
        [100, 50],
        [0, 0],
      ] as const) {
        cases.push({ hook: 'sysctl', config, calls: [`Y ${path} ${count} ${pos}`] });
      }
      cases.push({ hook: 'sysctl', config, calls: [`W ${path} ${text('3')} 1`, `Y ${path} 100 0`] });
    }
  }
  return cases;
}

function sockopts(): Case[] {
  const cases: Case[] = [];
  const before = [`S 1 ${INET} ${STREAM} 0`];
  const set: [number, number, string, number][] = [
    [1, 7, int(10000), 4],
    [1, 7, int(10), 4],
    [1, 8, int(5000), 4],
    [1, 7, int(5), 2],
    [1, 2, int(7), 4],
    [1, 12, int(3), 4],
    [1, 36, int(9), 4],
    [1, 3, int(1), 4],
    [0, 2, '40', 1],
    [0, 2, int(300), 4],
    [6, 1, int(1), 4],
    [6, 13, text('reno'), 4],
    [6, 13, text('nonesuch'), 8],
    [6, 4, int(100), 4],
    [4660, 1, int(1), 4],
    [1, 9, int(1), 4],
  ];
  const setConfigs: Config[] = [
    {},
    { verdict: 0 },
    { flags: FLAGS.value, ip: Uint8Array.of(0x88, 0x13, 0, 0) },
    { flags: FLAGS.optlen, optlen: -1 },
    { flags: FLAGS.optlen, optlen: -2 },
    { flags: FLAGS.optlen, optlen: 17 },
    { flags: FLAGS.optlen, optlen: 16 },
    { flags: FLAGS.optlen, optlen: 2 },
    { flags: FLAGS.option, level: 1, optname: 7 },
    {
      flags: FLAGS.option | FLAGS.value | FLAGS.optlen,
      level: 1,
      optname: 9,
      optlen: 4,
      ip: Uint8Array.of(1, 0, 0, 0),
    },
  ];
  for (const config of setConfigs) {
    for (const [level, optname, value, len] of set) {
      const calls = [`O 1 ${level} ${optname} ${value} ${len}`];
      cases.push({ hook: 'setsockopt', before, config, calls });
    }
  }
  // The default congestion control is the machine's.
  const chosen = [...before, `O 1 6 13 ${text('reno')} 4`];
  const get = [
    [1, 7, 4],
    [1, 7, 2],
    [1, 7, 20],
    [1, 7, 4096],
    [1, 3, 4],
    [6, 13, 16],
    [6, 13, 3],
    [0, 2, 4],
    [4660, 1, 8],
    [1, 7, 0],
  ];
  const getConfigs: Config[] = [
    {},
    { verdict: 0 },
    { flags: FLAGS.value, ip: Uint8Array.of(1, 2, 3, 4) },
    { flags: FLAGS.value | FLAGS.optlen, optlen: 4, ip: Uint8Array.of(9, 9, 9, 9) },
    { flags: FLAGS.optlen, optlen: 30 },
    { flags: FLAGS.optlen, optlen: 1 },
    { flags: FLAGS.value | FLAGS.optlen | FLAGS.retval, optlen: 4, ip: Uint8Array.of(5, 0, 0, 0) },
  ];
  for (const config of getConfigs) {
    for (const [level, optname, room] of get) {
      cases.push({ hook: 'getsockopt', before: chosen, config, calls: [`G 1 ${level} ${optname} ${room}`] });
    }
  }
  return cases;
}

function addresses(): Case[] {
  const cases: Case[] = [];
  const v6 = (last: number): Uint8Array => Uint8Array.from([...new Uint8Array(15), last]);
  const rewrites = (family: number): Config[] => [
    {},
    { verdict: 0 },
    { flags: FLAGS.port, port: 7777 },
    { flags: FLAGS.port, port: 0 },
    { flags: FLAGS.value, ip: family === INET ? Uint8Array.of(127, 0, 0, 2) : v6(1) },
    { flags: FLAGS.value | FLAGS.port, ip: family === INET ? Uint8Array.of(10, 0, 0, 9) : v6(9), port: 7000 },
  ];
  for (const family of [INET, INET6]) {
    const [own, other] = family === INET ? ['127.0.0.1', '10.1.2.3'] : ['::1', '2001:db8::5'];
    const any = family === INET ? '0.0.0.0' : '::';
    for (const config of rewrites(family)) {
      for (const type of [STREAM, DGRAM]) {
        const before = [`S 1 ${family} ${type} 0`];
        const push = (hook: string, more: readonly string[], ...calls: string[]): void =>
          void cases.push({ hook, before: [...before, ...more], config, calls });
        push('bind', [], `B 1 ${at(own, 6000)}`, `B 1 ${at(own, 6001)}`);
        push('bind', [], `B 1 ${at(any, 6000)}`);
        push('bind', [], `B 1 ${at(other, 6000)}`);
        push('bind', [], `B 1 ${at(own, 6000).slice(0, 20)}`);
        push('connect', [], `C 1 ${at(own, 5999)}`, 'P 1');
        push('connect', [], `C 1 ${at(other, 80)}`, 'P 1');
        push('connect', [], `C 1 ${at(own, 80).slice(0, 24)}`);
        push(
          'connect',
          [`S 2 ${family} ${type} 0`, `B 2 ${at(own, 7777)}`, ...(type === STREAM ? ['L 2'] : [])],
          `C 1 ${at(own, 7777)}`,
          'P 1',
          `C 1 ${at(own, 7777)}`,
        );
        cases.push({ hook: 'sock_create', config, calls: before });
      }
      const pair = [
        `S 1 ${family} ${DGRAM} 0`,
        `S 2 ${family} ${DGRAM} 0`,
        `B 1 ${at(own, 6000)}`,
        `B 2 ${at(own, 7777)}`,
      ];
      const push = (...calls: string[]): void => void cases.push({ hook: 'sendmsg', before: pair, config, calls });
      push(`T 1 ${at(own, 7777)}`, 'R 2');
      push(`T 1 ${at(own, 5000)}`);
      push(`T 1 ${at(own, 0)}`);
      push('T 1 -');
      push(`T 1 ${at(other, 7777)}`);
      push(`T 1 ${at(own, 7777).slice(0, 16)}`);
      cases.push({ hook: 'recvmsg', before: [...pair, `T 1 ${at(own, 7777)}`], config, calls: ['R 2', 'R 2'] });
    }
  }
  return cases;
}

function devices(): Case[] {
  const nodes = ['c 1 3', 'c 0 0', 'b 7 0', 'b 259 1', 'c 250 9'];
  const made = nodes.flatMap((node) =>
    [0, 1].map((verdict) => ({ hook: 'device', config: { verdict }, calls: [`K ${node}`] })),
  );
  const opened = ['/dev/null', '/dev/zero', '/dev/urandom'].flatMap((path) =>
    [0, 1, 2].flatMap((mode) =>
      [0, 1].map((verdict) => ({ hook: 'device', config: { verdict }, calls: [`D ${path} ${mode}`] })),
    ),
  );
  return [...made, ...opened];
}

/** Verdicts of the egress program (two bits) and of the ingress program (the third). */
export const PACKET_CASES: readonly Case[] = [INET, INET6].flatMap((family) => {
  const own = family === INET ? '127.0.0.1' : '::1';
  const before = [
    `S 1 ${family} ${DGRAM} 0`,
    `S 2 ${family} ${DGRAM} 0`,
    `B 1 ${at(own, 6000)}`,
    `B 2 ${at(own, 7777)}`,
  ];
  const calls = [`T 1 ${at(own, 7777)}`, 'R 2'];
  return [0, 1, 2, 3, 4, 5, 6, 7].map((verdict) => ({ hook: 'packet', before, config: { verdict }, calls }));
});

/** Callback flags, in `pos`, turn events on. Sockets 1 and 2 connect; 3 is what 2 accepts. */
export const EVENT_CASES: readonly Case[] = [INET, INET6].flatMap((family) => {
  const own = family === INET ? '127.0.0.1' : '::1';
  const before = [`S 1 ${family} ${STREAM} 0`, `S 2 ${family} ${STREAM} 0`, REUSE, `B 2 ${at(own, 7777)}`];
  const connect = `C 1 ${at(own, 7777)}`;
  const configs: Config[] = [
    {},
    { flags: FLAGS.pos, pos: 4 },
    { flags: FLAGS.pos, pos: 12 },
    { flags: FLAGS.pos, pos: 0x85 },
  ];
  const lives: (readonly string[])[] = [
    ['M 1 68656c6c6f', 'V 3 100', 'X 1', 'Z', 'V 3 100', 'X 3', 'Z', 'X 2'],
    ['M 3 68656c6c6f', 'V 1 2', 'V 1 100', 'V 1 100', 'X 3', 'Z', 'X 1', 'Z', 'X 2'],
    ['H 1 1', 'Z', 'M 1 00', 'V 3 10', 'M 3 0102', 'V 1 10', 'H 3 1', 'Z', 'V 1 10', 'X 1', 'X 3', 'X 2'],
    ['M 1 0102', 'Z', 'X 3', 'Z', 'M 1 03', 'V 1 10', 'X 1', 'X 2'],
    ['X 1', 'Z', 'M 3 01', 'Z', 'M 3 02', 'V 3 1', 'X 3', 'X 2'],
    ['H 3 0', 'V 3 5', 'H 1 2', 'Z', 'X 3', 'Z', 'X 1', 'H 2 0', 'X 2'],
    ['H 1 3', 'V 2 4', 'M 2 00', 'X 3', 'Z', 'X 1', 'Z', 'X 2'],
  ];
  return configs.flatMap((config) => [
    { hook: 'event', before, config, calls: ['L 2', connect] },
    { hook: 'event', before: [...before, 'L 2'], config, calls: [connect] },
    { hook: 'event', before, config, calls: [`C 1 ${at(own, 7776)}`] },
    // Closing a listener resets what nobody accepted.
    { hook: 'event', before: [...before, 'L 2', connect], config, calls: ['X 2', 'Z', 'V 1 10', 'M 1 00'] },
    { hook: 'event', before: [...before, 'L 2'], config, calls: [connect, 'X 2', 'Z', 'V 1 10', 'V 1 10', 'X 1'] },
    {
      hook: 'event',
      before: [...before, 'L 2'],
      config,
      calls: [connect, 'C 1 00000000000000000000000000000000', 'Z', 'A 2 3', 'V 3 5'],
    },
    ...lives.map((calls) => ({
      hook: 'event',
      before: [...before, 'L 2'],
      config,
      calls: [connect, 'A 2 3', ...calls],
    })),
  ]);
});

/** Options that programs set at the moment of connecting (pos 3) or being connected. */
export const OPTION_CASES: readonly Case[] = [INET, INET6].flatMap((family) => {
  const own = family === INET ? '127.0.0.1' : '::1';
  const before = [
    `S 1 ${family} ${STREAM} 0`,
    `S 2 ${family} ${STREAM} 0`,
    REUSE,
    `B 2 ${at(own, 7777)}`,
    'L 2',
    // Defaults are the machine's.
    `O 1 1 7 ${int(20_000)} 4`,
    `O 1 1 8 ${int(20_000)} 4`,
    `O 1 6 13 ${text('reno')} 4`,
  ];
  const word = (value: number): string => String.fromCharCode(...new Uint8Array(new Int32Array([value]).buffer));
  const wanted: [number, number, string][] = [
    [1, 7, word(20_000)],
    [1, 7, word(1)],
    [1, 8, word(100_000)],
    [1, 12, word(6)],
    [1, 18, word(100)],
    [1, 36, word(77)],
    [1, 47, word(1_000_000)],
    [1, 7, 'abc'],
    [1, 3, word(1)],
    [1, 9999, word(1)],
    // Since 6.0 sockets of IPv6 have a TOS, too.
    ...(family === INET ? [[0, 1, word(0x20)] as [number, number, string]] : []),
    [0, 1, 'x'],
    [0, 9999, word(1)],
    [41, 67, word(0x20)],
    [41, 67, 'xy'],
    [41, 9999, word(1)],
    [6, 13, 'reno\0'],
    [6, 13, 'nonesuch\0'],
    [6, 13, 'reno'],
    [6, 1001, word(20)],
    [6, 1001, word(0)],
    [6, 1001, 'abc'],
    [6, 1002, word(30)],
    [6, 1002, word(-1)],
    [6, 27, word(1)],
    [6, 27, word(5)],
    [6, 28, word(0)],
    [6, 9999, word(1)],
    [17, 1, word(1)],
    [4660, 1, word(1)],
  ];
  const readBack = ['G 1 1 7 4', 'G 1 1 8 4', 'G 1 1 12 4', 'G 1 1 36 4', 'G 1 6 13 16'];
  return [3, 4].flatMap((pos) =>
    wanted.map(([level, optname, value]) => ({
      hook: 'option',
      before,
      config: { level, optname, text: value, pos },
      calls: [`C 1 ${at(own, 7777)}`, ...readBack],
    })),
  );
});

/** The program asked once a socket is bound denies, or does not. */
export const POST_BIND_CASES: readonly Case[] = [INET, INET6].flatMap((family) =>
  [0, 1].flatMap((verdict) =>
    [STREAM, DGRAM].map((type) => ({
      hook: 'post_bind',
      before: [`S 1 ${family} ${type} 0`],
      config: { verdict },
      calls: [`B 1 ${at(family === INET ? '127.0.0.1' : '::1', 6000)}`],
    })),
  ),
);

/** Programs that bind what connects, to an address: v5.6 takes no port, later kernels do. */
const BIND_CASES: readonly Case[] = [INET, INET6].flatMap((family) => {
  const own = family === INET ? '127.0.0.1' : '::1';
  const addresses = (family === INET ? ['127.0.0.5', '10.9.9.9', '0.0.0.0'] : ['::1', '2001:db8::7', '::']).map((ip) =>
    encodeAddress({ ip, port: 0 }).slice(...(family === INET ? [4, 8] : [8, 24])),
  );
  return [STREAM, DGRAM].flatMap((type) =>
    addresses.map((ip) => ({
      hook: 'connect',
      before: [
        `S 1 ${family} ${type} 0`,
        `S 2 ${family} ${type} 0`,
        `B 2 ${at(own, 7777)}`,
        ...(type === STREAM ? ['L 2'] : []),
      ],
      config: { flags: FLAGS.bind, ip },
      calls: [`C 1 ${at(own, 7777)}`, 'N 1'],
    })),
  );
});

/** Everything else. Sockets 1 and 2 are closed after each case. */
export const CASES: readonly Case[] = [...sysctls(), ...sockopts(), ...addresses(), ...BIND_CASES, ...devices()];
