// SPDX-License-Identifier: MIT
// Scenarios of Linux 6.1's hook tests that are code, not tables: its own objects, the calls its tests make, what they assert.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { openObject, type BpfObject, type EngineName } from 'tsbpf';
import { EPERM } from '../../packages/uapi/src/index.ts';
import { objectOf, whyNoSource } from './source.ts';
import { World } from './world.ts';

const SOL_CUSTOM = 0xdeadbeef;
const BPF_F_ALLOW_MULTI = 2;
const SOL_IP = 0;
const IP_TOS = 1;

const why = whyNoSource();
if (why !== undefined) console.log(`skipped: ${why}`);

function load(world: World, name: string): BpfObject {
  const obj = openObject(readFileSync(objectOf(name)), { sys: world.kernel });
  obj.load();
  return obj;
}

const ENGINES: EngineName[] = ['interpreter', 'jit'];

describe.skipIf(why !== undefined).each(ENGINES)("Linux 6.1's hook tests on the %s", (engine) => {
  it('sockopt_inherit: what is cloned, and what stays with the listener', { timeout: 60_000 }, () => {
    const world = new World(engine);
    const obj = load(world, 'sockopt_inherit');
    for (const prog of obj.progs) prog.attachCgroup(world.cgroupFd);
    const server = world.socket(2, 1);
    const options = (socket: typeof server): number[] =>
      [0, 1, 2].map((name) => socket.getsockopt(SOL_CUSTOM, name, 1).optval[0] ?? -1);
    for (const name of [0, 1, 2]) expect(server.setsockopt(SOL_CUSTOM, name, Uint8Array.of(1))).toBe(0);
    expect(server.bind({ ip: '127.0.0.1', port: 0 })).toBe(0);
    const client = world.socket(2, 1);
    for (const name of [0, 1, 2]) expect(client.setsockopt(SOL_CUSTOM, name, Uint8Array.of(1))).toBe(0);
    expect(server.listen(1)).toBe(0);
    expect(options(server)).toEqual([1, 1, 1]);
    expect(client.connect({ ip: '127.0.0.1', port: server.local.port })).toBe(0);
    const accepted = server.accept();
    expect(accepted === undefined ? [] : options(accepted)).toEqual([1, 1, 0]);
  });

  it('sockopt_multi: child before parent, each sees what the other left', { timeout: 60_000 }, () => {
    const world = new World(engine);
    const { kernel, cgroupFd: parent } = world;
    kernel.cgroups.create('/foo/child');
    world.task.moveTo('/foo/child');
    const child = kernel.open('/sys/fs/cgroup/foo/child', 0);
    const obj = load(world, 'sockopt_multi');
    const socket = world.socket(2, 1);
    const attach = (name: string, fd: number) => obj.progs[name]?.attachCgroup(fd, { flags: BPF_F_ALLOW_MULTI });
    const set = (value: number): number => socket.setsockopt(SOL_IP, IP_TOS, Uint8Array.of(value));
    const get = (): number => {
      const { ret, optval } = socket.getsockopt(SOL_IP, IP_TOS, 1);
      return ret < 0 ? ret : (optval[0] ?? -1);
    };

    expect([set(0x80), get()]).toEqual([0, 0x80]);
    const atChild = attach('_getsockopt_child', child);
    expect(get()).toBe(0x90);
    const atParent = attach('_getsockopt_parent', parent);
    expect(get()).toBe(0xa0);
    expect([set(0x40), get()]).toEqual([0, -EPERM]);
    atChild?.detach();
    expect(get()).toBe(-EPERM);
    expect([set(0x90), get()]).toEqual([0, 0xa0]);
    atParent?.detach();

    expect([set(0x80), get()]).toEqual([0, 0x80]);
    attach('_setsockopt', child);
    expect([set(0x80), get()]).toEqual([0, 0x90]);
    attach('_setsockopt', parent);
    expect([set(0x80), get()]).toEqual([0, 0xa0]);
  });

  it('dev_cgroup: /dev/zero and /dev/urandom, and nothing else', { timeout: 60_000 }, () => {
    const world = new World(engine);
    const { task } = world;
    load(world, 'dev_cgroup').progs['bpf_prog1']?.attachCgroup(world.cgroupFd);
    const node = (minor: number): number => task.mknod({ type: 'char', major: 1, minor });
    expect([node(3), node(5)]).toEqual([-EPERM, 0]);
    expect([task.openDevice('/dev/urandom', 'r'), task.openDevice('/dev/zero', 'w')]).toEqual([0, 0]);
    expect([task.openDevice('/dev/full', 'w'), task.openDevice('/dev/random', 'r')]).toEqual([-EPERM, -EPERM]);
  });

  it('tcp_rtt: the round trip of the handshake, and of the first byte', { timeout: 60_000 }, () => {
    const world = new World(engine);
    const obj = load(world, 'tcp_rtt');
    obj.progs['_sockops']?.attachCgroup(world.cgroupFd);
    const server = world.socket(2, 1);
    expect(server.bind({ ip: '127.0.0.1', port: 0 })).toBe(0);
    expect(server.listen(1)).toBe(0);
    const client = world.socket(2, 1);
    expect(client.connect({ ip: '127.0.0.1', port: server.local.port })).toBe(0);
    const storage = () => {
      const value = new Uint8Array(20);
      const key = new Uint8Array(new Int32Array([client.fd()]).buffer);
      const map = [...obj.maps][0];
      expect(world.kernel.bpf(1, { map_fd: map?.fd ?? -1, key, value, flags: 0n })).toBe(0);
      return [...new Uint32Array(value.buffer)];
    };
    // invoked, dsack_dups, delivered, delivered_ce, icsk_retransmits
    expect(storage()).toEqual([1, 0, 1, 0, 0]);
    expect(client.send('a')).toBe(1);
    expect(storage()).toEqual([2, 0, 2, 0, 0]);
  });
});
