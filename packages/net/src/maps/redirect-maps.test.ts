// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import {
  BPF_MAP_CREATE,
  BPF_MAP_DELETE_ELEM,
  BPF_MAP_GET_NEXT_KEY,
  BPF_MAP_LOOKUP_ELEM,
  BPF_MAP_TYPE_CPUMAP,
  BPF_MAP_TYPE_DEVMAP,
  BPF_MAP_TYPE_DEVMAP_HASH,
  BPF_MAP_UPDATE_ELEM,
  BPF_OBJ_GET_INFO_BY_FD,
  BPF_PROG_TYPE_SOCKET_FILTER,
  BPF_PROG_TYPE_XDP,
  E2BIG,
  EBADRQC,
  EEXIST,
  EINVAL,
  ENODEV,
  ENOENT,
  EOVERFLOW,
  EPERM,
  type MapInfo,
} from '@tsbpf/uapi';
import { u32s } from '@tsbpf/testkit';
import { loadAsm, realKernel } from '../../test/real-kernel.ts';
import { netOf } from '../net-state.ts';

const world = (map_type: number, max_entries = 4) => {
  const kernel = realKernel();
  const net = netOf(kernel.state);
  const eth0 = net.createDevice({ name: 'eth0', ifindex: 2 });
  const eth1 = net.createDevice({ name: 'eth1', ifindex: 3 });
  const create = (more: object = {}): number =>
    kernel.bpf(BPF_MAP_CREATE, { map_type, key_size: 4, value_size: 4, max_entries, ...more });
  const map_fd = create();
  const update = (key: number, value: number, flags = 0n): number =>
    kernel.bpf(BPF_MAP_UPDATE_ELEM, { map_fd, key: u32s(key), value: u32s(value), flags });
  const lookup = (key: number): number => {
    const value = new Uint8Array(4);
    const err = kernel.bpf(BPF_MAP_LOOKUP_ELEM, { map_fd, key: u32s(key), value });
    return err < 0 ? err : new DataView(value.buffer).getUint32(0, true);
  };
  const remove = (key: number): number => kernel.bpf(BPF_MAP_DELETE_ELEM, { map_fd, key: u32s(key) });
  const keys = (): number[] => {
    const next_key = new Uint8Array(4);
    const found: number[] = [];
    let key: Uint8Array | undefined;
    while (kernel.bpf(BPF_MAP_GET_NEXT_KEY, { map_fd, key, next_key }) === 0) {
      key = next_key.slice();
      found.push(new DataView(key.buffer).getUint32(0, true));
    }
    return found;
  };
  const redirect = (key: number, flags = 0): void => {
    const source = `r1 = m ll\nr2 = ${key}\nr3 = ${flags}\ncall 51\nexit\n`;
    eth0.attachXdp(loadAsm(kernel, BPF_PROG_TYPE_XDP, source, { m: map_fd }));
  };
  return { kernel, net, eth0, eth1, create, map_fd, update, lookup, remove, keys, redirect };
};
const frame = new Uint8Array(60).fill(7);

describe.each([BPF_MAP_TYPE_DEVMAP, BPF_MAP_TYPE_DEVMAP_HASH])('device maps of type %i', (type) => {
  it('refuse bad attributes', () => {
    const { create, kernel, map_fd } = world(type);
    expect(create({ key_size: 8 })).toBe(-EINVAL);
    expect(create({ value_size: 8 })).toBe(-EINVAL);
    expect(create({ max_entries: 0 })).toBe(-EINVAL);
    expect(create({ map_flags: 1 })).toBe(-EINVAL);
    expect(create({ map_flags: 0x80 })).toBe(-EINVAL);
    const info: MapInfo = {};
    expect(kernel.bpf(BPF_OBJ_GET_INFO_BY_FD, { bpf_fd: map_fd, info })).toBe(0);
    expect(info.map_flags).toBe(0x80);
    kernel.state.env.current = { ...kernel.state.env.current, caps: new Set() };
    expect(create()).toBe(-EPERM);
  });

  it('redirect to their device, until it is gone', () => {
    const { update, redirect, eth0, eth1, net, lookup } = world(type);
    expect(update(1, 3)).toBe(0);
    expect(lookup(1)).toBe(3);
    redirect(1);
    expect(eth0.receive(frame)).toMatchObject({ action: 'XDP_REDIRECT', redirect: { index: 1, err: 0 } });
    expect(eth1.drain()).toMatchObject([{ data: frame, by: 'xdp-redirect' }]);
    net.removeDevice(eth1);
    expect(lookup(1)).toBe(-ENOENT);
    expect(eth0.receive(frame).action).toBe('XDP_ABORTED');
  });

  it('answer the low bits of the flags where there is nothing', () => {
    const { redirect, eth0 } = world(type);
    redirect(2, 2);
    expect(eth0.receive(frame).action).toBe('XDP_PASS');
    redirect(2, 4);
    expect(eth0.receive(frame).action).toBe('XDP_ABORTED');
  });

  it('let programs read the index', () => {
    const { update, kernel, eth0, map_fd } = world(type);
    update(0, 3);
    const source =
      'r1 = 0\n*(u32 *)(r10 - 4) = r1\nr1 = m ll\nr2 = r10\nr2 += -4\ncall 1\nr1 = r0\nr0 = 0\nif r1 == 0 goto out\n' +
      'r0 = *(u32 *)(r1 + 0)\nout:\nexit\n';
    eth0.attachXdp(loadAsm(kernel, BPF_PROG_TYPE_XDP, source, { m: map_fd }));
    expect(eth0.receive(frame).code).toBe(3);
  });
});

describe('devmap', () => {
  it('is an array of slots', () => {
    const { update, lookup, remove, keys } = world(BPF_MAP_TYPE_DEVMAP);
    expect(update(0, 2, 3n)).toBe(-EINVAL);
    expect(update(4, 2)).toBe(-E2BIG);
    expect(update(0, 2, 1n)).toBe(-EEXIST);
    expect(update(0, 77)).toBe(-EINVAL);
    expect(update(0, 2)).toBe(0);
    expect(update(0, 3, 2n)).toBe(0);
    expect([lookup(0), lookup(1), lookup(9)]).toEqual([3, -ENOENT, -ENOENT]);
    expect(update(0, 0)).toBe(0);
    expect(lookup(0)).toBe(-ENOENT);
    expect([remove(0), remove(4)]).toEqual([0, -EINVAL]);
    expect(keys()).toEqual([0, 1, 2, 3]);
  });
});

describe('devmap_hash', () => {
  it('takes any key', () => {
    const { update, lookup, remove, keys } = world(BPF_MAP_TYPE_DEVMAP_HASH, 3);
    expect(update(1, 2, 3n)).toBe(-EINVAL);
    expect(update(1, 0)).toBe(-EINVAL);
    expect(update(1, 77)).toBe(-EINVAL);
    expect(update(0xdeadbeef, 2, 2n)).toBe(0);
    expect(update(0xdeadbeef, 3, 1n)).toBe(-EEXIST);
    expect(update(0xdeadbeef, 3)).toBe(0);
    expect([lookup(0xdeadbeef), lookup(1)]).toEqual([3, -ENOENT]);
    expect([update(3, 2), update(7, 2), update(8, 2)]).toEqual([0, 0, -E2BIG]);
    expect(keys()).toEqual([7, 3, 0xdeadbeef]);
    expect([remove(3), remove(3)]).toEqual([0, -ENOENT]);
    expect(keys()).toEqual([7, 0xdeadbeef]);
  });

  it('gives its memory back', () => {
    const { update, kernel, map_fd } = world(BPF_MAP_TYPE_DEVMAP_HASH, 3);
    const before = kernel.state.mem.liveRegions;
    update(1, 2);
    update(1, 3);
    update(9, 3);
    expect(kernel.state.mem.liveRegions).toBe(before + 2);
    kernel.close(map_fd);
    expect(kernel.state.mem.liveRegions).toBe(before - 1);
  });
});

describe('cpumap', () => {
  it('is an array of queues', () => {
    const { update, lookup, remove, keys, create } = world(BPF_MAP_TYPE_CPUMAP);
    expect(create({ max_entries: 65 })).toBe(-E2BIG);
    expect(create({ map_flags: 8 })).toBe(-EINVAL);
    expect(update(0, 16, 3n)).toBe(-EINVAL);
    expect(update(4, 16)).toBe(-E2BIG);
    expect(update(0, 16, 1n)).toBe(-EEXIST);
    expect(update(0, 16385)).toBe(-EOVERFLOW);
    expect(update(2, 16)).toBe(-ENODEV);
    expect(update(1, 16384)).toBe(0);
    expect([lookup(1), lookup(0), lookup(9)]).toEqual([16384, -ENOENT, -ENOENT]);
    expect([remove(1), remove(1), remove(4)]).toEqual([0, 0, -EINVAL]);
    expect(keys()).toEqual([0, 1, 2, 3]);
  });

  it('hands packets to the protocols, but not those of generic XDP', () => {
    const { update, redirect, eth0, map_fd, kernel } = world(BPF_MAP_TYPE_CPUMAP);
    update(1, 192);
    redirect(1);
    expect(eth0.receive(frame).redirect).toMatchObject({ index: 1, err: 0 });
    expect(eth0.delivered).toEqual([frame]);
    eth0.attachXdp(-1);
    const source = 'r1 = m ll\nr2 = 1\nr3 = 0\ncall 51\nexit\n';
    eth0.attachXdp(loadAsm(kernel, BPF_PROG_TYPE_XDP, source, { m: map_fd }), 2);
    expect(eth0.receive(frame).redirect?.err).toBe(-EBADRQC);
    expect(eth0.delivered).toEqual([frame]);
  });

  it('hands them over on the CPU the index names', () => {
    const { update, redirect, eth0, kernel } = world(BPF_MAP_TYPE_CPUMAP);
    update(1, 192);
    redirect(1);
    const filter = loadAsm(kernel, BPF_PROG_TYPE_SOCKET_FILTER, 'call 8\nr0 += 10\nexit\n');
    const { fd, socket } = eth0.openPacketSocket();
    expect(kernel.setsockopt(fd, 1, 50, u32s(filter))).toBe(0);
    eth0.receive(frame);
    eth0.attachXdp(-1);
    eth0.receive(frame);
    // The filter keeps ten bytes, and one for each CPU before its own.
    expect(socket.frames.map(({ data }) => data.length)).toEqual([11, 10]);
    expect(kernel.state.env.cpu).toBe(0);
  });
});
