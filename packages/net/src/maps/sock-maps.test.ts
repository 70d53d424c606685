// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import {
  BPF_MAP_CREATE,
  BPF_MAP_TYPE_ARRAY,
  BPF_MAP_TYPE_REUSEPORT_SOCKARRAY,
  BPF_MAP_TYPE_SOCKHASH,
  BPF_MAP_TYPE_SOCKMAP,
  BPF_MAP_TYPE_XSKMAP,
  BPF_PROG_ATTACH,
  BPF_PROG_DETACH,
  BPF_PROG_TEST_RUN,
  BPF_PROG_TYPE_SCHED_CLS,
  BPF_PROG_TYPE_SK_MSG,
  BPF_PROG_TYPE_SK_SKB,
  BPF_PROG_TYPE_XDP,
  BPF_SK_MSG_VERDICT,
  BPF_SK_SKB_STREAM_PARSER,
  BPF_SK_SKB_STREAM_VERDICT,
  E2BIG,
  EBADF,
  EBUSY,
  EEXIST,
  EINVAL,
  ENOENT,
  ENOSPC,
  ENOTSOCK,
  EOPNOTSUPP,
  EPERM,
  type MapCreateAttr,
  type TestRunAttr,
} from '@tsbpf/uapi';
import type { BpfMap, BpfProg } from '@tsbpf/core';
import { TestMap, answerText, u32s } from '@tsbpf/testkit';
import { nativeKernel } from '../../test/native-kernel.ts';
import { loadAsm, realKernel } from '../../test/real-kernel.ts';
import { writeField, writePointerField } from '../dev/fields.ts';
import { netOf } from '../net-state.ts';
import type { InetSocketOptions } from '../sock/inet-sock.ts';
import { installSocket } from '../sock/socket-file.ts';
import { programOfSock, psockOf } from '../sockmap/psock.ts';
import { sockHashStore, type SockHash } from './sockhash.ts';

const world = (attr: MapCreateAttr) => {
  const kernel = realKernel();
  const net = netOf(kernel.state);
  const create = (more: Partial<MapCreateAttr> = {}): TestMap => new TestMap(kernel, { ...attr, ...more });
  const errno = (more: Partial<MapCreateAttr>): number => kernel.bpf(BPF_MAP_CREATE, { ...attr, ...more });
  const open = (options: Partial<InetSocketOptions> = {}) => {
    const remote = { ip: '10.0.0.9', port: 5000 };
    const sock = net.addSocket({ protocol: 'tcp', local: { ip: '10.0.0.2', port: 80 }, remote, ...options });
    return { sock, fd: installSocket(kernel.state, sock, () => net.removeSocket(sock)) };
  };
  const mapOf = (map: TestMap): BpfMap => {
    const file = kernel.state.fds.get(map.fd, 'map');
    if (typeof file === 'number') throw new TypeError('no map');
    return file.map;
  };
  return { kernel, net, create, errno, open, map: create(), mapOf };
};
const listening = { local: { port: 81 }, remote: undefined } as Partial<InetSocketOptions>;
const attrs: Readonly<Record<'sockmap' | 'sockhash', MapCreateAttr>> = {
  sockmap: { map_type: BPF_MAP_TYPE_SOCKMAP, key_size: 4, value_size: 4, max_entries: 3 },
  sockhash: { map_type: BPF_MAP_TYPE_SOCKHASH, key_size: 4, value_size: 4, max_entries: 3 },
};

describe.each(['sockmap', 'sockhash'] as const)('%s', (name) => {
  it('refuses bad attributes', () => {
    const { errno, kernel } = world(attrs[name]);
    for (const more of [{ key_size: 0 }, { value_size: 8 }, { max_entries: 0 }, { map_flags: 1 }, { map_flags: 128 }]) {
      expect(errno(more), JSON.stringify(more)).toBe(-EINVAL);
    }
    expect(errno({ key_size: 513 })).toBe(name === 'sockmap' ? -EINVAL : -E2BIG);
    expect(errno({ max_entries: 0xffffffff })).toBe(name === 'sockmap' ? -E2BIG : -EINVAL);
    kernel.state.env.current = { ...kernel.state.env.current, caps: new Set() };
    expect(errno({ max_entries: 0 })).toBe(-EPERM);
  });

  it('holds connected TCP sockets', () => {
    const { map, open } = world(attrs[name]);
    const key = u32s(1);
    const store = (fd: number, flags = 0, at = key): number => map.update(at, u32s(fd), flags);
    const [a, b] = [open(), open()];
    // What is no such socket is refused before flags are looked at.
    expect([store(999, 3), store(map.fd, 3)]).toEqual([-EBADF, -ENOTSOCK]);
    expect([store(open(listening).fd, 3), store(open({ protocol: 'udp' }).fd)]).toEqual([-EOPNOTSUPP, -EOPNOTSUPP]);
    expect([store(a.fd, 3), store(a.fd, 2)]).toEqual([-EINVAL, -ENOENT]);
    expect([store(a.fd, 1), store(b.fd, 1), store(b.fd, 2), store(a.fd)]).toEqual([0, -EEXIST, 0, 0]);
    expect(map.lookup(key)).toBe(-EOPNOTSUPP);
    expect([map.delete(key), map.delete(key)]).toEqual([0, name === 'sockmap' ? -EINVAL : -ENOENT]);
    const all = [0, 1, 2].map((at) => store(a.fd, 0, u32s(at)));
    expect([...all, store(a.fd, 0, u32s(3))]).toEqual([0, 0, 0, -E2BIG]);
    expect(map.keys(10).map((found) => answerText(found))).toHaveLength(3);
  });

  it('refuses sockets with an upper layer', () => {
    const { map, open, kernel } = world(attrs[name]);
    const { sock, fd } = open();
    writePointerField(kernel.state, sock.off, 'inet_connection_sock.icsk_ulp_data', sock.off);
    expect(map.update(u32s(0), u32s(fd))).toBe(-EINVAL);
  });

  it('forgets sockets that are closed, and lets go of them when it goes', () => {
    const { map, open, kernel, create } = world(attrs[name]);
    const other = create();
    const before = kernel.state.mem.liveRegions;
    const [a, b] = [open(), open()];
    for (const each of [map, other]) {
      expect(each.update(u32s(0), u32s(a.fd))).toBe(0);
      expect(each.update(u32s(1), u32s(a.fd))).toBe(0);
      expect(each.update(u32s(2), u32s(b.fd))).toBe(0);
    }
    kernel.close(a.fd);
    expect([map.delete(u32s(0)), map.delete(u32s(1))].every((err) => err < 0)).toBe(true);
    expect(psockOf(kernel.state, b.sock.off)).not.toBe(0);
    expect(map.delete(u32s(2))).toBe(0);
    other.close();
    expect(psockOf(kernel.state, b.sock.off)).toBe(0);
    kernel.close(b.fd);
    expect(kernel.state.mem.liveRegions).toBe(before - 1);
  });

  it('lets programs delete', () => {
    const { map, open, kernel } = world(attrs[name]);
    const { sock, fd } = open();
    map.update(u32s(2), u32s(fd));
    const source = 'r1 = 2\n*(u32 *)(r10 - 4) = r1\nr2 = r10\nr2 += -4\nr1 = m ll\ncall 3\nr0 = -r0\nexit\n';
    const prog_fd = loadAsm(kernel, BPF_PROG_TYPE_SCHED_CLS, source, { m: map.fd });
    const run = (): number | undefined => {
      const attr: TestRunAttr = { prog_fd, data_in: new Uint8Array(64) };
      expect(kernel.bpf(BPF_PROG_TEST_RUN, attr)).toBe(0);
      return attr.retval;
    };
    expect([run(), psockOf(kernel.state, sock.off), run()]).toEqual([0, 0, name === 'sockmap' ? EINVAL : ENOENT]);
  });

  it('gives its programs to sockets that come, from one map only', () => {
    const { map, open, kernel, create } = world(attrs[name]);
    const [other, plain] = [create(), create()];
    const skb = loadAsm(kernel, BPF_PROG_TYPE_SK_SKB, 'r0 = 1\nexit\n');
    const msg = loadAsm(kernel, BPF_PROG_TYPE_SK_MSG, 'r0 = 1\nexit\n');
    const attach = (target: TestMap | number, fd: number, attach_type: number): number =>
      kernel.bpf(BPF_PROG_ATTACH, {
        target_fd: typeof target === 'number' ? target : target.fd,
        attach_bpf_fd: fd,
        attach_type,
      });
    const array = { map_type: BPF_MAP_TYPE_ARRAY, key_size: 4, value_size: 4, max_entries: 1 };
    expect([attach(999, msg, BPF_SK_MSG_VERDICT), attach(msg, msg, BPF_SK_MSG_VERDICT)]).toEqual([-EBADF, -EINVAL]);
    expect(attach(new TestMap(kernel, array), msg, BPF_SK_MSG_VERDICT)).toBe(-EOPNOTSUPP);
    expect(attach(map, skb, BPF_SK_MSG_VERDICT)).toBe(-EINVAL);

    const early = open();
    map.update(u32s(0), u32s(early.fd));
    for (const each of [map, other]) {
      expect(attach(each, msg, BPF_SK_MSG_VERDICT)).toBe(0);
      expect(attach(each, skb, BPF_SK_SKB_STREAM_VERDICT)).toBe(0);
    }
    const has = (sock: { off: number }): boolean[] =>
      (['msgVerdict', 'skbParser', 'skbVerdict'] as const).map(
        (slot) => programOfSock(kernel.state, sock.off, slot) !== undefined,
      );
    expect(has(early.sock)).toEqual([false, false, false]);
    const late = open();
    expect(map.update(u32s(1), u32s(late.fd))).toBe(0);
    // A verdict without a parser does nothing.
    expect(has(late.sock)).toEqual([true, false, false]);
    expect(other.update(u32s(1), u32s(late.fd))).toBe(-EBUSY);
    expect(map.update(u32s(1), u32s(late.fd))).toBe(-EBUSY);
    expect(plain.update(u32s(1), u32s(late.fd))).toBe(0);

    for (const each of [map, other]) {
      expect(attach(each, skb, BPF_SK_SKB_STREAM_PARSER)).toBe(0);
      expect(kernel.bpf(BPF_PROG_DETACH, { target_fd: each.fd, attach_type: BPF_SK_MSG_VERDICT })).toBe(0);
    }
    const stream = open();
    expect(map.update(u32s(2), u32s(stream.fd))).toBe(0);
    expect(has(stream.sock)).toEqual([false, true, true]);
    expect(other.update(u32s(2), u32s(stream.fd))).toBe(-EBUSY);
    const file = kernel.state.fds.get(msg, 'prog');
    if (typeof file === 'number') throw new TypeError('no program');
    // Only the socket that took it still has the message program.
    kernel.close(msg);
    expect(programOfSock(kernel.state, late.sock.off, 'msgVerdict')).toBe(file.prog);
    const { id } = file.prog as BpfProg;
    expect(kernel.state.progs.get(id)).toBeDefined();
    kernel.close(late.fd);
    expect(kernel.state.progs.get(id)).toBeUndefined();
  });
});

describe('sockhash', () => {
  it('finds keys of any size, and counts', () => {
    const { create, open } = world({ ...attrs.sockhash, key_size: 5, max_entries: 40 });
    const map = create();
    const { fd } = open();
    const key = (i: number): Uint8Array => Uint8Array.from([7, i, 0, i * 3, 1]);
    for (let i = 0; i < 40; i++) expect(map.update(key(i), u32s(fd), 1)).toBe(0);
    expect([map.update(key(40), u32s(fd)), map.update(key(3), u32s(fd))]).toEqual([-E2BIG, 0]);
    expect(new Set(map.keys(100).map((found) => answerText(found))).size).toBe(40);
    for (let i = 0; i < 40; i += 2) expect(map.delete(key(i))).toBe(0);
    expect(new Set(map.keys(100).map((found) => answerText(found))).size).toBe(20);
    expect(map.delete(key(2))).toBe(-ENOENT);
  });
});

describe('sock_ops programs', () => {
  it('put the socket of a new connection into a map', () => {
    const made = nativeKernel();
    const k = made.kernel.state;
    const map = new TestMap(made.kernel, attrs.sockhash);
    const file = k.fds.get(map.fd, 'map');
    if (typeof file === 'number') throw new TypeError('no map');
    const remote = { port: 9 };
    const tcp = made.net.addSocket({ protocol: 'tcp', local: { port: 80 }, remote });
    const udp = made.net.addSocket({ protocol: 'udp', local: { port: 80 }, remote });
    const ctx = k.mem.alloc(k.types.sizeOf('bpf_sock_ops_kern'));
    const key = k.mem.alloc(8);
    const call = (sk: number, op: number, flags = 0n): number => {
      writePointerField(k, ctx, 'bpf_sock_ops_kern.sk', sk);
      writeField(k, ctx, 'bpf_sock_ops_kern.op', op);
      return Number(made.call(ctx, 'bpf_sock_hash_update', ctx, file.map.off, key, flags));
    };
    expect([call(tcp.off, 3), call(udp.off, 4)]).toEqual([-EOPNOTSUPP, -EOPNOTSUPP]);
    expect([call(tcp.off, 4, 2n), call(tcp.off, 4, 1n << 32n)]).toEqual([-ENOENT, -EINVAL]);
    expect([call(tcp.off, 4), call(tcp.off, 5, 1n)]).toEqual([0, -EEXIST]);
    expect(map.keys(5)).toEqual([u32s(0)]);
    expect(sockHashStore(file.map as SockHash, key, tcp.off, 2)).toBe(0);
  });
});

describe('xskmap', () => {
  const attr: MapCreateAttr = { map_type: BPF_MAP_TYPE_XSKMAP, key_size: 4, value_size: 4, max_entries: 3 };

  it('has no sockets to hold', () => {
    const { map, open, errno, kernel } = world(attr);
    for (const more of [{ key_size: 8 }, { value_size: 8 }, { max_entries: 0 }, { map_flags: 1 }]) {
      expect(errno(more), JSON.stringify(more)).toBe(-EINVAL);
    }
    const { fd } = open();
    const store = (key: number, value: number, flags = 0): number => map.update(u32s(key), u32s(value), flags);
    expect([store(3, 999, 3), store(3, 999), store(0, 999), store(0, map.fd), store(0, fd)]).toEqual([
      -EINVAL,
      -E2BIG,
      -EBADF,
      -ENOTSOCK,
      -EOPNOTSUPP,
    ]);
    expect([map.lookup(u32s(0)), map.delete(u32s(0)), map.delete(u32s(3))]).toEqual([-EOPNOTSUPP, 0, -EINVAL]);
    expect(map.keys(9)).toEqual([u32s(0), u32s(1), u32s(2)]);
    kernel.state.env.current = { ...kernel.state.env.current, caps: new Set() };
    expect(errno({})).toBe(-EPERM);
  });

  it('is empty to programs', () => {
    const { map, kernel, net } = world(attr);
    const source =
      'r1 = 1\n*(u32 *)(r10 - 4) = r1\nr2 = r10\nr2 += -4\nr1 = m ll\ncall 1\nr6 = 3\nif r0 == 0 goto none\n' +
      'r6 = *(u32 *)(r0 + 0)\nnone:\nr1 = m ll\nr2 = 1\nr3 = 2\ncall 51\nr0 += r6\nexit\n';
    const eth0 = net.createDevice({ name: 'eth0' });
    eth0.attachXdp(loadAsm(kernel, BPF_PROG_TYPE_XDP, source, { m: map.fd }));
    expect(eth0.receive(new Uint8Array(60)).code).toBe(5);
  });
});

describe('reuseport_sockarray', () => {
  const attr: MapCreateAttr = {
    map_type: BPF_MAP_TYPE_REUSEPORT_SOCKARRAY,
    key_size: 4,
    value_size: 8,
    max_entries: 3,
  };

  it('checks attributes before privileges', () => {
    const { errno, kernel } = world(attr);
    for (const more of [
      { key_size: 8 },
      { value_size: 2 },
      { max_entries: 0 },
      { map_flags: 1 },
      { map_flags: 1024 },
    ]) {
      expect(errno(more), JSON.stringify(more)).toBe(-EINVAL);
    }
    kernel.state.env.current = { ...kernel.state.env.current, caps: new Set() };
    expect([errno({}), errno({ max_entries: 0 })]).toEqual([-EPERM, -EINVAL]);
  });

  it('holds what receives in a group, and shows cookies', () => {
    const { map, open, kernel, create, net } = world(attr);
    const store = (key: number, fd: number, flags = 0, high = 0): number =>
      map.update(u32s(key), u32s(fd, high), flags);
    const member = (options: Partial<InetSocketOptions>) => {
      const socket = open(options);
      writePointerField(kernel.state, socket.sock.off, 'sock.sk_reuseport_cb', socket.sock.off);
      return socket;
    };
    const [a, b] = [member(listening), member({ protocol: 'udp', remote: undefined })];
    expect([store(3, 999, 3), store(3, 999), store(0, 1, 0, 1), store(0, 999), store(0, map.fd)]).toEqual([
      -EINVAL,
      -E2BIG,
      -EINVAL,
      -EBADF,
      -ENOTSOCK,
    ]);
    expect([store(0, open(listening).fd), store(0, member({}).fd)]).toEqual([-EINVAL, -EINVAL]);
    expect([store(0, a.fd, 2), store(0, a.fd, 1), store(1, a.fd), store(0, b.fd, 1)]).toEqual([
      -ENOENT,
      0,
      -EBUSY,
      -EEXIST,
    ]);
    expect(answerText(map.lookup(u32s(0)))).toBe(
      answerText(new Uint8Array(new BigUint64Array([net.socketCookie(a.sock.off)]).buffer)),
    );
    expect([map.lookup(u32s(1)), map.lookup(u32s(3))]).toEqual([-ENOENT, -ENOENT]);
    expect(create({ value_size: 4 }).lookup(u32s(0))).toBe(-ENOSPC);
    // Replaced, a socket is free for another place.
    expect([store(0, b.fd, 2), store(1, a.fd), map.delete(u32s(1)), map.delete(u32s(1))]).toEqual([0, 0, 0, -ENOENT]);
    expect(map.delete(u32s(3))).toBe(-E2BIG);
    kernel.close(b.fd);
    expect(map.lookup(u32s(0))).toBe(-ENOENT);
    const other = create();
    expect(store(2, a.fd)).toBe(0);
    map.close();
    expect(other.update(u32s(0), u32s(a.fd, 0))).toBe(0);
  });
});
