// SPDX-License-Identifier: MIT
// Maps under load, on both engines: sockets that come and go, devices that vanish, inner maps that change.
import { describe, expect, it } from 'vitest';
import { createBtfBuilder } from '@tsbpf/btf';
import { randomSource, u32s } from '@tsbpf/testkit';
import {
  BPF_BTF_LOAD,
  BPF_CGROUP_INET_EGRESS,
  BPF_MAP_DELETE_ELEM,
  BPF_MAP_GET_FD_BY_ID,
  BPF_MAP_LOOKUP_ELEM,
  BPF_MAP_TYPE_ARRAY,
  BPF_MAP_TYPE_ARRAY_OF_MAPS,
  BPF_MAP_TYPE_DEVMAP_HASH,
  BPF_MAP_TYPE_HASH_OF_MAPS,
  BPF_MAP_TYPE_SK_STORAGE,
  BPF_PROG_ATTACH,
  BPF_PROG_DETACH,
  BPF_PROG_LOAD,
  BPF_PROG_TEST_RUN,
  BPF_PROG_TYPE_CGROUP_SKB,
  BPF_PROG_TYPE_XDP,
  ENOENT,
  assembleSource,
  createKernel,
  createMap,
  encodeInsns,
  mockHelpers,
  type SimulatedKernel,
} from './index.ts';

const engines = ['interpreter', 'jit'] as const;
const AF_INET = 2;
const SOCK_DGRAM = 2;

function load(kernel: SimulatedKernel, prog_type: number, source: string, maps: Record<string, number>): number {
  const log_buf = new Uint8Array(1 << 15);
  const { insns } = assembleSource(source, { maps });
  const fd = kernel.bpf(BPF_PROG_LOAD, { prog_type, insns: encodeInsns(insns), license: 'GPL', log_level: 1, log_buf });
  expect(fd, new TextDecoder().decode(log_buf)).toBeGreaterThan(0);
  return fd;
}
const mapRegions = (kernel: SimulatedKernel): number =>
  [...kernel.state.mem.regions()].filter(({ kind }) => kind === 'map').length;

/** Counts what each socket sends, in the socket's storage. */
const COUNT = `
  r1 = *(u64 *)(r1 + 168)
  if r1 == 0 goto out
  call 95
  if r0 == 0 goto out
  r1 = m ll
  r2 = r0
  r3 = 0
  r4 = 1
  call 107
  if r0 == 0 goto out
  r1 = *(u32 *)(r0 + 0)
  r1 += 1
  *(u32 *)(r0 + 0) = r1
out:
  r0 = 1
  exit
`;

describe.each(engines)('on the %s', (engine) => {
  it('socket storage counts per socket, over 4096 sockets that come and go', () => {
    const kernel = createKernel({ engine });
    const btf = createBtfBuilder();
    const int = btf.int('int', 4, { encoding: 1 });
    const btf_fd = kernel.bpf(BPF_BTF_LOAD, { btf: btf.bytes() });
    const task = kernel.cgroups.spawn({});
    const root = kernel.open('/sys/fs/cgroup', 0);
    const open = () => {
      const socket = task.socket({ family: AF_INET, type: SOCK_DGRAM });
      if (typeof socket === 'number') expect.fail(`no socket: ${socket}`);
      return socket;
    };
    open().close();
    const charged = kernel.state.memlock.chargedBytes;
    const map = createMap<number, number>(kernel, {
      name: 'sent',
      type: BPF_MAP_TYPE_SK_STORAGE,
      keySize: 4,
      valueSize: 4,
      flags: 1,
      btfFd: btf_fd,
      keyTypeId: int,
      valueTypeId: int,
    });
    const prog = load(kernel, BPF_PROG_TYPE_CGROUP_SKB, COUNT, { m: map.fd });
    const attach = { target_fd: root, attach_bpf_fd: prog, attach_type: BPF_CGROUP_INET_EGRESS };
    expect(kernel.bpf(BPF_PROG_ATTACH, attach)).toBe(0);
    const random = randomSource(4096);
    const alive: { socket: ReturnType<typeof open>; fd: number; sent: number }[] = [];
    const regions = (): number => [...kernel.state.mem.regions()].filter(({ kind }) => kind !== 'syscall').length;
    // What the simulation makes once is there after the first packet.
    const first = open();
    first.sendto('hello', { ip: '127.0.0.1', port: 9 });
    first.close();
    const before = regions();
    let made = 0;
    let checked = 0;
    const check = (one: (typeof alive)[number]): void => {
      expect(map.get(one.fd) ?? 0).toBe(one.sent);
      checked++;
    };
    while (made < 4096 || alive.length > 0) {
      const choice = random(10);
      if (made < 4096 && (alive.length < 300 ? choice < 6 : choice < 1)) {
        const socket = open();
        alive.push({ socket, fd: socket.fd(), sent: 0 });
        made++;
      } else if (choice < 8 && alive.length > 0) {
        const one = alive[random(alive.length)];
        if (one === undefined) continue;
        expect(one.socket.sendto('hello', { ip: '127.0.0.1', port: 9 })).toBe(5);
        one.sent++;
      } else if (alive.length > 0) {
        const at = random(alive.length);
        const [one] = alive.splice(at, 1);
        if (one === undefined) continue;
        check(one);
        one.socket.close();
      }
    }
    expect([made, checked]).toEqual([4096, 4096]);
    expect(regions()).toBe(before);
    expect(kernel.bpf(BPF_PROG_DETACH, attach)).toBe(0);
    for (const fd of [prog, map.fd, btf_fd, root]) kernel.close(fd);
    expect(kernel.state.memlock.chargedBytes).toBe(charged);
  });

  it('packets go on through a devmap_hash with holes, while devices vanish', () => {
    const kernel = createKernel({ engine });
    const map = createMap<number, number>(kernel, {
      type: BPF_MAP_TYPE_DEVMAP_HASH,
      keySize: 4,
      valueSize: 4,
      maxEntries: 64,
    });
    // The key is the packet's first word.
    const source = `
      r2 = *(u32 *)(r1 + 0)
      r3 = *(u32 *)(r1 + 4)
      r4 = r2
      r4 += 4
      if r4 > r3 goto out
      r2 = *(u32 *)(r2 + 0)
      r1 = m ll
      r3 = 0
      call 51
      exit
    out:
      r0 = 1
      exit
    `;
    const eth0 = kernel.net.device('eth0');
    eth0.attachXdp(load(kernel, BPF_PROG_TYPE_XDP, source, { m: map.fd }));
    // Keys with holes: squares, far apart.
    const keys = Array.from({ length: 32 }, (_, i) => i * i * 7919 + 1);
    const devices = new Map(keys.map((key, i) => [key, kernel.net.createDevice({ name: `veth${i}` })]));
    for (const device of devices.values()) device.attachXdp(load(kernel, BPF_PROG_TYPE_XDP, 'r0 = 2\nexit', {}));
    for (const [key, device] of devices) map.set(key, device.ifindex);
    const random = randomSource(32);
    let [redirected, refused] = [0, 0];
    const received = new Map<number, number>();
    while (devices.size > 0) {
      for (let i = 0; i < 60; i++) {
        const key = random(3) === 0 ? random(9_000_000) : (keys[random(keys.length)] ?? 0);
        const frame = new Uint8Array(60);
        frame.set(u32s(key));
        const device = devices.get(key);
        const { action } = eth0.receive(frame);
        if (device === undefined) {
          expect(action).toBe('XDP_ABORTED');
          refused++;
        } else {
          expect(action).toBe('XDP_REDIRECT');
          expect(device.transmitted.at(-1)?.data.slice(0, 4)).toEqual(u32s(key));
          expect(device.transmitted).toHaveLength((received.get(key) ?? 0) + 1);
          received.set(key, device.transmitted.length);
          redirected++;
        }
      }
      const [gone] = [...devices.keys()].sort(() => random(3) - 1);
      if (gone === undefined) break;
      const device = devices.get(gone);
      devices.delete(gone);
      if (device !== undefined) kernel.net.removeDevice(device);
      expect(map.get(gone)).toBeUndefined();
      expect([...map.keys()].sort((a, b) => a - b)).toEqual([...devices.keys()].sort((a, b) => a - b));
    }
    expect(redirected).toBeGreaterThan(200);
    expect(refused).toBeGreaterThan(200);
  });

  it.each([BPF_MAP_TYPE_ARRAY_OF_MAPS, BPF_MAP_TYPE_HASH_OF_MAPS])(
    'a program switches between inner maps under load, outer map of type %i',
    (type) => {
      const kernel = createKernel({ engine });
      const counter = () =>
        createMap<number, bigint>(kernel, { type: BPF_MAP_TYPE_ARRAY, keySize: 4, valueSize: 8, maxEntries: 1 });
      const template = counter();
      const regions = mapRegions(kernel);
      const charged = kernel.state.memlock.chargedBytes;
      const outer = createMap<number, number | { fd: number }>(kernel, {
        type,
        keySize: 4,
        valueSize: 4,
        maxEntries: 4,
        flags: type === BPF_MAP_TYPE_HASH_OF_MAPS ? 1 : 0,
        inner: template,
      });
      // Looks up the inner map, does something slow, then counts in it.
      const source = `
        *(u32 *)(r10 - 4) = 2
        *(u32 *)(r10 - 8) = 0
        r1 = outer ll
        r2 = r10
        r2 += -4
        call 1
        if r0 == 0 goto out
        r6 = r0
        call 5
        r1 = r6
        r2 = r10
        r2 += -8
        call 1
        if r0 == 0 goto out
        r1 = *(u64 *)(r0 + 0)
        r1 += 1
        *(u64 *)(r0 + 0) = r1
        r0 = 2
        exit
      out:
        r0 = 1
        exit
      `;
      const prog = load(kernel, BPF_PROG_TYPE_XDP, source, { outer: outer.fd });
      const run = (): number => {
        const attr = { prog_fd: prog, data_in: new Uint8Array(64), retval: 0 };
        expect(kernel.bpf(BPF_PROG_TEST_RUN, attr)).toBe(0);
        return attr.retval;
      };
      expect(run()).toBe(1);
      // While the program holds an inner map, another takes its place, and nobody else holds the first.
      let total = 0n;
      let current = counter();
      outer.set(2, current);
      const ids: number[] = [];
      const swap = (): void => {
        const next = counter();
        outer.set(2, next);
        total += current.get(0) ?? 0n;
        ids.push(current.info().id ?? 0);
        kernel.close(current.fd);
        current = next;
      };
      let switchNow = false;
      let lost = 0n;
      const mocks = mockHelpers(kernel);
      mocks.helper('bpf_ktime_get_ns').answers((call) => {
        if (switchNow) {
          swap();
          // What this run is going to count goes with the map that it holds.
          lost++;
        }
        return call.original();
      });
      const runs = 3000;
      for (let i = 0; i < runs; i++) {
        switchNow = i % 7 === 3;
        expect(run()).toBe(2);
        if (i % 11 === 5) swap();
      }
      total += current.get(0) ?? 0n;
      expect(total + lost).toBe(BigInt(runs));
      expect(ids.length).toBeGreaterThan(600);
      for (const map_id of ids.slice(-50)) expect(kernel.bpf(BPF_MAP_GET_FD_BY_ID, { map_id })).toBe(-ENOENT);
      mocks.restore();
      expect(kernel.bpf(BPF_MAP_DELETE_ELEM, { map_fd: outer.fd, key: u32s(2) })).toBe(0);
      expect(kernel.bpf(BPF_MAP_LOOKUP_ELEM, { map_fd: outer.fd, key: u32s(2), value: new Uint8Array(4) })).toBe(
        -ENOENT,
      );
      expect(run()).toBe(1);
      for (const fd of [current.fd, prog, outer.fd]) kernel.close(fd);
      expect(mapRegions(kernel)).toBe(regions);
      expect(kernel.state.memlock.chargedBytes).toBe(charged);
    },
  );
});
