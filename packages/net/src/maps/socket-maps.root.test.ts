// SPDX-License-Identifier: MIT
// Maps of devices, CPUs and sockets: the running kernel's answers and ours. What later versions added (values of 8
// bytes, listening and datagram sockets in socket maps, looking those up) is not asked about.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BTF_INT_SIGNED, createBtfBuilder } from '@tsbpf/btf';
import { createHost, pinToCpu } from '@tsbpf/host';
import { answerText, openSystemPair, randomSource, TestMap, u32s } from '@tsbpf/testkit';
import {
  BPF_BTF_LOAD,
  BPF_F_NO_PREALLOC,
  BPF_MAP_CREATE,
  BPF_MAP_TYPE_CPUMAP,
  BPF_MAP_TYPE_DEVMAP,
  BPF_MAP_TYPE_DEVMAP_HASH,
  BPF_MAP_TYPE_REUSEPORT_SOCKARRAY,
  BPF_MAP_TYPE_SK_STORAGE,
  BPF_MAP_TYPE_SOCKHASH,
  BPF_MAP_TYPE_SOCKMAP,
  BPF_MAP_TYPE_XSKMAP,
  errnoName,
  type MapCreateAttr,
  type Sys,
} from '@tsbpf/uapi';
import { netOf } from '../net-state.ts';
import { netRegistries } from '../registries.ts';
import { installSocket } from '../sock/socket-file.ts';

const systems = openSystemPair(() => {
  pinToCpu(0);
  return createHost();
}, netRegistries());
const { sim } = systems;

/** A test that needs the running kernel. */
function compare(title: string, body: (real: Sys) => void): void {
  it(title, (context) => {
    if (systems.real === undefined) context.skip(`no kernel to compare with: ${systems.why}`);
    else body(systems.real);
  });
}

/** The fd behind a socket of Node's. */
const fdOf = (holder: object): number => (holder as { _handle: { fd: number } })._handle.fd;

/** What values and keys may name, on the running kernel and on ours. */
const fds: Record<'tcp1' | 'tcp2' | 'udp' | 'none', [number, number]> = {
  tcp1: [-1, -1],
  tcp2: [-1, -1],
  udp: [-1, -1],
  none: [9999, 9999],
};
const closers: (() => void)[] = [];

beforeAll(async () => {
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
  closers.push(
    () => client.destroy(),
    () => accepted.destroy(),
    () => server.close(),
    () => udp.close(),
  );
  const net = netOf(sim.state);
  const add = (protocol: 'tcp' | 'udp'): number => {
    const remote = { ip: '127.0.0.1', port: 7 };
    const sock = net.addSocket({ protocol, local: { port }, ...(protocol === 'tcp' ? { remote } : {}) });
    return installSocket(sim.state, sock, () => net.removeSocket(sock));
  };
  fds.tcp1 = [fdOf(client), add('tcp')];
  fds.tcp2 = [fdOf(accepted), add('tcp')];
  // Node keeps a datagram socket's handle in its state.
  const state = Object.getOwnPropertySymbols(udp).find(({ description }) => description === 'state symbol');
  const handle =
    state === undefined ? undefined : (udp as unknown as Record<symbol, { handle?: { fd: number } }>)[state];
  fds.udp = [handle?.handle?.fd ?? -1, add('udp')];
});

afterAll(() => {
  systems.close();
  for (const close of closers) close();
});

const base = { key_size: 4, value_size: 4, max_entries: 5 };
const rows: Readonly<Record<string, MapCreateAttr>> = {
  devmap: { map_type: BPF_MAP_TYPE_DEVMAP, ...base },
  devmap_hash: { map_type: BPF_MAP_TYPE_DEVMAP_HASH, ...base },
  cpumap: { map_type: BPF_MAP_TYPE_CPUMAP, ...base },
  xskmap: { map_type: BPF_MAP_TYPE_XSKMAP, ...base },
  sockmap: { map_type: BPF_MAP_TYPE_SOCKMAP, ...base },
  sockhash: { map_type: BPF_MAP_TYPE_SOCKHASH, ...base },
  reuseport_sockarray: { map_type: BPF_MAP_TYPE_REUSEPORT_SOCKARRAY, ...base },
};

/** A signed int of 4 bytes, and an array of characters. */
function types(): { btf: Uint8Array; int: number; chars: number } {
  const btf = createBtfBuilder();
  const int = btf.int('int', 4, { encoding: BTF_INT_SIGNED });
  const chars = btf.array(btf.int('char', 1), int, 65408);
  return { btf: btf.bytes(), int, chars };
}

describe('creation', () => {
  /** Flags of v5.6, alone and together. */
  const flagSets = [0, 1, 2, 4, 8, 12, 16, 24, 32, 64, 128, 256, 384, 512, 513, 517, 1024];
  const changes: readonly Partial<MapCreateAttr>[] = [
    ...flagSets.map((map_flags) => ({ map_flags })),
    ...[0, 1, 3, 5, 8, 512, 513].map((key_size) => ({ key_size })),
    ...[0, 1, 3, 5, 16].map((value_size) => ({ value_size })),
    ...[0, 1, 7].map((max_entries) => ({ max_entries })),
    { map_flags: 4, numa_node: 999 },
    { max_entries: 0, map_flags: 1 },
    { key_size: 513, map_flags: 1 },
  ];
  const ask = (attr: (sys: Sys) => MapCreateAttr): string[] =>
    [systems.real ?? sim, sim].map((sys) => {
      const fd = sys.bpf(BPF_MAP_CREATE, attr(sys));
      if (fd >= 0) sys.close(fd);
      return fd < 0 ? errnoName(-fd) : 'fd';
    });
  for (const [name, attr] of Object.entries(rows)) {
    compare(name, () => {
      for (const change of changes) {
        const [theirs, ours] = ask(() => ({ ...attr, ...change }));
        expect(ours, JSON.stringify(change)).toBe(theirs);
      }
    });
    compare(`${name} with BTF`, () => {
      const { btf, int } = types();
      for (const btf_key_type_id of [0, int]) {
        const [theirs, ours] = ask((sys) => {
          const btf_fd = sys.bpf(BPF_BTF_LOAD, { btf });
          closers.push(() => void sys.close(btf_fd));
          return { ...attr, btf_fd, btf_key_type_id, btf_value_type_id: int };
        });
        expect(ours, `key type ${btf_key_type_id}`).toBe(theirs);
      }
    });
  }
  compare('sk_storage', () => {
    const { btf, int, chars } = types();
    const plain = { key_size: 4, value_size: 4, max_entries: 0, map_flags: 1 };
    const typed = { btf_key_type_id: int, btf_value_type_id: int };
    const variants: readonly Partial<MapCreateAttr>[] = [
      ...changes
        .filter(({ max_entries = 0 }) => max_entries === 0)
        .map((change) => ({ ...plain, ...typed, ...change })),
      { ...plain, ...typed, max_entries: 1 },
      plain,
      { ...plain, btf_value_type_id: int },
      { ...plain, btf_key_type_id: int },
      { ...plain, ...typed, btf_key_type_id: chars },
      { ...plain, ...typed, btf_value_type_id: chars },
      { ...plain, ...typed, value_size: 65408, btf_value_type_id: chars },
    ];
    for (const variant of variants) {
      const [theirs, ours] = ask((sys) => {
        const btf_fd = sys.bpf(BPF_BTF_LOAD, { btf });
        closers.push(() => void sys.close(btf_fd));
        return { map_type: BPF_MAP_TYPE_SK_STORAGE, ...variant, btf_fd };
      });
      expect(ours, JSON.stringify(variant)).toBe(theirs);
    }
  });
});

/** The same operations on both; `value` and `key` per side. */
function drive(
  maps: [TestMap, TestMap],
  options: {
    ops: number;
    key: (random: (below: number) => number) => [Uint8Array, Uint8Array];
    value: (random: (below: number) => number) => [Uint8Array, Uint8Array];
    lookup?: boolean;
    ordered?: boolean;
  },
): void {
  const random = randomSource(20_260_601);
  const seen = new Set<string>();
  for (let i = 0; i < options.ops; i++) {
    const key = options.key(random);
    const value = options.value(random);
    const flags = [0, 0, 0, 1, 2, 3, 4, 5, 8][random(9)] ?? 0;
    const choice = random(10);
    const first = random(3) === 0;
    const [theirs, ours] = maps.map((map, side) => {
      const at = key[side] ?? key[0];
      if (choice < 5) return answerText(map.update(at, value[side] ?? value[0], flags));
      if (choice < 7) return options.lookup === false ? '' : answerText(map.lookup(at));
      if (choice < 9) return answerText(map.delete(at));
      return options.ordered === true ? answerText(map.next(first ? undefined : at)) : '';
    });
    expect(ours, `operation ${i}, choice ${choice}, flags ${flags}, key ${answerText(key[0])}`).toBe(theirs);
    seen.add(`${choice} ${theirs}`);
  }
  // Answers of more than one kind, or nothing was compared.
  expect(seen.size).toBeGreaterThan(4);
}

const both = (bytes: Uint8Array): [Uint8Array, Uint8Array] => [bytes, bytes];
const pick = <T>(random: (below: number) => number, from: readonly T[]): T => from[random(from.length)] as T;

describe('elements', () => {
  for (const name of ['devmap', 'devmap_hash'] as const) {
    compare(name, () => {
      drive(systems.maps(rows[name] as MapCreateAttr), {
        ops: 3000,
        key: (random) => both(u32s(random(8))),
        // 1 is the loopback device of either.
        value: (random) => both(u32s(pick(random, [1, 1, 1, 0, 0x7ffffff0]))),
        ordered: name === 'devmap',
      });
    });
  }
  compare('cpumap', () => {
    drive(systems.maps(rows.cpumap as MapCreateAttr), {
      ops: 150,
      key: (random) => both(u32s(random(7))),
      value: (random) => both(u32s(pick(random, [0, 64, 192, 16384, 16385]))),
      ordered: true,
    });
  });

  const socket = (random: (below: number) => number, names: readonly (keyof typeof fds | 'map')[]) => {
    const name = pick(random, names);
    return name === 'map' ? undefined : fds[name];
  };
  const rowsOfSockets = [
    ['xskmap', ['tcp1', 'udp', 'none', 'map']],
    ['sockmap', ['tcp1', 'tcp2', 'none', 'map']],
    ['sockhash', ['tcp1', 'tcp2', 'none', 'map']],
    ['reuseport_sockarray', ['tcp1', 'udp', 'none', 'map']],
  ] as const;
  for (const [name, values] of rowsOfSockets) {
    compare(name, () => {
      expect(Object.values(fds).flat()).not.toContain(-1);
      const maps = systems.maps(rows[name] as MapCreateAttr);
      drive(maps, {
        ops: 2000,
        key: (random) => both(u32s(random(8))),
        value: (random) => {
          const pair = socket(random, values) ?? [maps[0].fd, maps[1].fd];
          return [u32s(pair[0]), u32s(pair[1])];
        },
        // Later versions look sockets up, or refuse in other words.
        lookup: name !== 'sockmap' && name !== 'sockhash',
        ordered: name !== 'sockhash',
      });
    });
  }
  compare('reuseport_sockarray with cookies', () => {
    const maps = systems.maps({ ...(rows.reuseport_sockarray as MapCreateAttr), value_size: 8 });
    drive(maps, {
      ops: 1000,
      key: (random) => both(u32s(random(8))),
      value: (random) => {
        const pair = socket(random, ['tcp1', 'udp', 'none', 'map']) ?? [maps[0].fd, maps[1].fd];
        const high = random(6) === 0 ? 1 : 0;
        return [u32s(pair[0], high), u32s(pair[1], high)];
      },
      ordered: true,
    });
  });
  compare('sk_storage', (real) => {
    const { btf, int } = types();
    const maps = [real, sim].map((sys) => {
      const btf_fd = sys.bpf(BPF_BTF_LOAD, { btf });
      const map = new TestMap(sys, {
        map_type: BPF_MAP_TYPE_SK_STORAGE,
        map_flags: BPF_F_NO_PREALLOC,
        key_size: 4,
        value_size: 4,
        btf_fd,
        btf_key_type_id: int,
        btf_value_type_id: int,
      });
      closers.push(
        () => map.close(),
        () => void sys.close(btf_fd),
      );
      return map;
    }) as [TestMap, TestMap];
    drive(maps, {
      ops: 2000,
      key: (random) => {
        const pair = socket(random, ['tcp1', 'tcp2', 'udp', 'none', 'map']) ?? [maps[0].fd, maps[1].fd];
        return [u32s(pair[0]), u32s(pair[1])];
      },
      value: (random) => both(u32s(random(1000))),
      ordered: true,
    });
  });
});
