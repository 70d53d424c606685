// SPDX-License-Identifier: MIT
// TCP of simulated tasks: what arrives, what is lost, what a socket's fd is good for, what a checkpoint brings back.
// The order of events is compared with a kernel's in examples/cgroup-policies. Programs are functions here.
import {
  BPF_CGROUP_INET_EGRESS,
  BPF_CGROUP_INET_INGRESS,
  BPF_CGROUP_SOCK_OPS,
  BPF_F_ALLOW_MULTI,
  EAGAIN,
  EBADF,
  ECONNREFUSED,
  ECONNRESET,
  EINVAL,
  ENOENT,
  ENOTCONN,
  EPIPE,
  ETIMEDOUT,
} from '@tsbpf/uapi';
import type { BpfProg } from '@tsbpf/core';
import { netOf, readField, sockOfFd, writeField, writePointerField } from '@tsbpf/net';
import { callHelper, createTestKernel, signed } from '@tsbpf/testkit';
import { describe, expect, test } from 'vitest';
import { attachProg } from '../attach/attach.ts';
import { cgroupsOf } from '../cgroups.ts';
import { cgroupRegistries } from '../registries.ts';
import { Context } from '../run/context.ts';
import type { SimSocket } from './socket.ts';

const [STREAM, TCP_CLOSE, TCP_ESTABLISHED] = [1, 7, 1];

function world(family: 2 | 10 = 2) {
  const kernel = createTestKernel();
  const cgroups = cgroupsOf(kernel);
  kernel.cgroups = cgroups;
  const [client, server] = ['/client', '/server'].map((path) => cgroups.create(path));
  if (client === undefined || server === undefined) throw new TypeError('no cgroups');
  const attach = (where: typeof client, attachType: number, run: (ctx: number) => number): void => {
    const prog = {
      name: 'f',
      verified: { cgroupStorage: [undefined, undefined], cbAccess: false },
      get: () => undefined,
      put: () => undefined,
      loaded: { run },
    } as unknown as BpfProg;
    attachProg(where, { prog, attachType, flags: BPF_F_ALLOW_MULTI, seq: cgroups.nextSeq() });
  };
  const open = (cgroup: typeof client) => cgroups.spawn({ cgroup }).socket({ family, type: STREAM }) as SimSocket;
  const where = { ip: family === 2 ? '127.0.0.1' : '::1', port: 80 };
  const listener = open(server);
  listener.bind(where);
  listener.listen();
  const connect = () => {
    const near = open(client);
    const ret = near.connect(where);
    return { ret, near, far: listener.accept() as SimSocket };
  };
  return { kernel, cgroups, client, server, attach, open, listener, where, connect };
}

const text = (got: Uint8Array | number): string | number =>
  typeof got === 'number' ? got : new TextDecoder().decode(got);

describe('a connection', () => {
  test('carries bytes both ways, and ends', () => {
    const { connect } = world();
    const { ret, near, far } = connect();
    expect([ret, near.state, far.state]).toEqual([0, TCP_ESTABLISHED, TCP_ESTABLISHED]);
    expect([near.send('hello'), near.send(' world'), text(far.recv(3)), text(far.recv())]).toEqual([
      5,
      6,
      'hel',
      'lo world',
    ]);
    expect(far.recv()).toBe(-EAGAIN);
    expect([far.send('yes'), near.shutdown(1), near.send('x'), text(near.recv()), text(far.recv())]).toEqual([
      3,
      0,
      -EPIPE,
      'yes',
      '',
    ]);
    far.close();
    expect([text(near.recv()), near.state]).toEqual(['', TCP_CLOSE]);
  });

  test('with unread bytes is reset', () => {
    const { connect } = world();
    const { near, far } = connect();
    near.send('nobody reads this');
    far.close();
    expect([near.recv(), near.send('x'), text(near.recv())]).toEqual([-ECONNRESET, -EPIPE, '']);
  });

  test('is not there for who never connected, or has nobody to connect to', () => {
    const { open, client, listener } = world();
    const socket = open(client);
    expect([socket.recv(), socket.send('x'), socket.shutdown(1), listener.recv()]).toEqual([
      -ENOTCONN,
      -EPIPE,
      -ENOTCONN,
      -ENOTCONN,
    ]);
    expect(socket.connect({ ip: '127.0.0.1', port: 81 })).toBe(-ECONNREFUSED);
  });
});

describe('programs that see packets', () => {
  test('see a connection’s, and may keep it from being made', () => {
    const { attach, client, server, connect } = world();
    const seen = { out: 0, in: 0 };
    let allow = 1;
    attach(client, BPF_CGROUP_INET_EGRESS, () => (seen.out++, allow));
    attach(server, BPF_CGROUP_INET_INGRESS, () => (seen.in++, 1));
    expect(connect().ret).toBe(0);
    expect(seen, 'SYN and the last acknowledgement').toEqual({ out: 2, in: 2 });
    allow = 0;
    expect(connect().ret).toBe(-ETIMEDOUT);
    expect(seen, 'the SYN, and six more').toEqual({ out: 9, in: 2 });
  });

  test('that drop what is sent end a connection in time; programs of TCP hear of it', () => {
    const { kernel, attach, client, connect } = world();
    const { near } = connect();
    const told: number[][] = [];
    attach(client, BPF_CGROUP_SOCK_OPS, (off) => {
      const ctx = new Context(kernel, 'bpf_sock_ops_kern', off);
      told.push([ctx.word('op'), ctx.word('args[0]'), ctx.word('args[2]')]);
      return 1;
    });
    writeField(kernel, near.sk.off, 'tcp_sock.bpf_sock_ops_cb_flags', 3);
    let drops = 2;
    attach(client, BPF_CGROUP_INET_EGRESS, () => (drops-- > 0 ? 0 : 1));
    expect(near.send('x')).toBe(1);
    const seq = told[1]?.[1] ?? 0;
    expect(told).toEqual([
      [8, 0, 0],
      [9, seq, -1],
      [8, 1, 0],
      [9, seq, 0],
    ]);
    drops = Infinity;
    expect([near.send('x'), near.state]).toEqual([-ETIMEDOUT, TCP_CLOSE]);
    expect(told.at(-1), 'the last timeout says so').toEqual([8, 15, 1]);
  });
});

describe('a socket as an fd', () => {
  test('is the same while it is open, and nothing once the socket is closed', () => {
    const { kernel, connect } = world();
    const { near, far } = connect();
    const fd = near.fd();
    expect([near.fd(), sockOfFd(kernel, fd)]).toEqual([fd, near.sk]);
    expect(far.fd()).not.toBe(fd);
    kernel.fds.close(fd);
    expect(sockOfFd(kernel, near.fd()), 'it may be asked for again').toBe(near.sk);
    const last = near.fd();
    near.close();
    expect(sockOfFd(kernel, last)).toBe(-EBADF);
  });

  test('and is found by packets as long as it is there', () => {
    const { kernel, listener } = world();
    const { sockets } = netOf(kernel);
    expect(sockets.socks.includes(listener.sk)).toBe(true);
    listener.close();
    expect(sockets.socks.includes(listener.sk)).toBe(false);
  });
});

test('a checkpoint brings sockets back with what they carry', () => {
  const { kernel, cgroups, connect, open, client } = world();
  const { near, far } = connect();
  near.send('before');
  near.setsockopt(1, 9, 1);
  const saved = kernel.checkpointables.map((part) => part.save());
  far.recv();
  near.setsockopt(1, 9, 0);
  near.setsockopt(6, 13, new TextEncoder().encode('reno'));
  near.close();
  const later = open(client);
  kernel.checkpointables.forEach((part, i) => part.restore(saved[i]));
  expect(cgroups.sockets.has(later)).toBe(false);
  expect([near.closed, near.state, text(far.recv())]).toEqual([false, TCP_ESTABLISHED, 'before']);
  expect([...near.getsockopt(1, 9).optval]).toEqual([1, 0, 0, 0]);
  expect(text(near.getsockopt(6, 13, 16).optval)).toMatch(/^cubic\0/);
  expect([near.send('after'), text(far.recv())]).toEqual([5, 'after']);
});

describe('options of sock_ops programs', () => {
  function call(family: 2 | 10 = 2, op = 4) {
    const { kernel, connect } = world(family);
    const { near } = connect();
    const ctx = kernel.mem.alloc(kernel.types.sizeOf('bpf_sock_ops_kern'), { kind: 'ctx' });
    const context = new Context(kernel, 'bpf_sock_ops_kern', ctx);
    context.setPointer('sk', near.sk.off);
    context.setWord('op', op);
    const at = kernel.mem.alloc(256);
    const rows = cgroupRegistries().helpers;
    const ask = (variant: string, ...args: number[]) =>
      signed(callHelper(kernel, { rows, variant }, { args: [ctx, ...args], ctx }));
    const set = (level: number, optname: number, value: number | string, len?: number) => {
      const bytes =
        typeof value === 'string' ? new TextEncoder().encode(value) : new Uint8Array(new Int32Array([value]).buffer);
      kernel.mem.writeBytes(at, bytes);
      return ask('bpf_setsockopt', level, optname, at, len ?? bytes.length);
    };
    const get = (level: number, optname: number, len = 4) => {
      kernel.mem.fill(at, 64, 9);
      return { ret: ask('bpf_getsockopt', level, optname, at, len), bytes: kernel.mem.readBytes(at, len) };
    };
    const field = (path: string) => readField(kernel, near.sk.off, path);
    return { kernel, near, set, get, field, at };
  }

  test.each([
    [1, 7, 1, 'sock.sk_sndbuf', 4608],
    [1, 7, 10_000_000, 'sock.sk_sndbuf', 425_984],
    [1, 7, -1, 'sock.sk_sndbuf', 425_984],
    [1, 8, 0, 'sock.sk_rcvbuf', 2304],
    [1, 12, 9, 'sock.sk_priority', 9],
    [1, 18, 0, 'sock.sk_rcvlowat', 1],
    [1, 18, -5, 'sock.sk_rcvlowat', 0x7fffffff],
    [1, 36, 77, 'sock.sk_mark', 77],
    [0, 1, 0x20, 'inet_sock.tos', 0x20],
    [0, 1, -1, 'inet_sock.tos', 0],
    [6, 1001, 20, 'tcp_sock.snd_cwnd', 20],
    [6, 1002, 30, 'tcp_sock.snd_cwnd_clamp', 30],
    [6, 1002, 30, 'tcp_sock.snd_ssthresh', 30],
    [6, 27, 1, 'tcp_sock.save_syn', 1],
  ])('%i/%i set to %i: %s is %i', (level, optname, value, path, expected) => {
    const { set, field } = call();
    expect([set(level, optname, value), field(path)]).toEqual([0, expected]);
  });

  test('a pacing rate limits, unless it is all ones', () => {
    const { kernel, near, set } = call();
    const rate = (name: string) => kernel.mem.read64(near.sk.off + kernel.types.resolve(`sock.${name}`).off);
    expect([set(1, 47, 1000), rate('sk_max_pacing_rate'), rate('sk_pacing_rate')]).toEqual([0, 1000n, 1000n]);
    expect([set(1, 47, -1), rate('sk_max_pacing_rate'), rate('sk_pacing_rate')]).toEqual([0, 2n ** 64n - 1n, 1000n]);
  });

  test('what v5.6 does not have, or not so, is EINVAL', () => {
    const { set, near } = call();
    const wrong: [number, number, number, number?][] = [
      ...([
        [1, 9, 1],
        [1, 7, 1, 3],
        [1, 7, 1, 8],
        [0, 1, 256],
        [0, 1, -2],
        [0, 2, 5],
        [0, 1, 5, 1],
      ] as [number, number, number, number?][]),
      ...([
        [41, 67, 5],
        [6, 1001, 0],
        [6, 1002, -1],
        [6, 27, 2],
        [6, 1, 1],
        [6, 4, 1],
        [17, 1, 1],
        [4660, 1, 1],
      ] as [number, number, number][]),
    ];
    for (const [level, optname, value, len] of wrong)
      expect(set(level, optname, value, len), `${level}/${optname}`).toBe(-EINVAL);
    near.send('data');
    expect(set(6, 1001, 20), 'no first window any more').toBe(-EINVAL);
  });

  test('IPv6 has a traffic class and no TOS', () => {
    const { set, get } = call(10);
    expect([set(0, 1, 5), set(41, 67, 0x20), set(41, 67, 256), set(41, 67, 1, 2)]).toEqual([
      -EINVAL,
      0,
      -EINVAL,
      -EINVAL,
    ]);
    expect(get(41, 67)).toEqual({ ret: 0, bytes: Uint8Array.of(0x20, 0, 0, 0) });
    expect(get(0, 1)).toEqual({ ret: -EINVAL, bytes: new Uint8Array(4) });
  });

  test('congestion control goes by name', () => {
    const { set, get } = call();
    expect([set(6, 13, 'reno'), set(6, 13, 'nonesuch'), set(6, 13, 'reno\0x', 6)]).toEqual([0, -ENOENT, 0]);
    expect(text(get(6, 13, 8).bytes)).toBe('reno\0\0\0\0');
    expect(text(get(6, 13, 3).bytes)).toBe('re\0');
    expect(get(6, 13, 1)).toEqual({ ret: -EINVAL, bytes: new Uint8Array(1) });
  });

  test('a SYN that was kept can be read, in part, and no more than there is', () => {
    const { kernel, near, get } = call();
    expect(get(6, 28, 8).ret).toBe(-EINVAL);
    const kept = kernel.mem.alloc(64);
    kernel.mem.write32(kept, 8);
    kernel.mem.writeBytes(kept + 4, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
    writePointerField(kernel, near.sk.off, 'tcp_sock.saved_syn', kept);
    expect(get(6, 28, 5)).toEqual({ ret: 0, bytes: Uint8Array.of(1, 2, 3, 4, 5) });
    expect(get(6, 28, 9)).toEqual({ ret: -EINVAL, bytes: new Uint8Array(9) });
    expect(get(1, 7)).toEqual({ ret: -EINVAL, bytes: new Uint8Array(4) });
    expect(get(0, 2)).toEqual({ ret: -EINVAL, bytes: new Uint8Array(4) });
  });

  test('a half-made socket has none', () => {
    const { kernel, near, set, get } = call();
    writeField(kernel, near.sk.off, 'sock_common.skc_state', 12);
    expect([set(1, 7, 5), get(0, 1)]).toEqual([-EINVAL, { ret: -EINVAL, bytes: new Uint8Array(4) }]);
  });
});

test('the SYN is kept where the listener wants it kept', () => {
  const { kernel, listener, connect } = world();
  writeField(kernel, listener.sk.off, 'tcp_sock.save_syn', 1);
  const { far } = connect();
  const at = kernel.mem.read64(far.sk.off + kernel.types.resolve('tcp_sock.saved_syn').off);
  const off = Number(BigInt.asUintN(32, at));
  expect([kernel.mem.read32(off), kernel.mem.read8(off + 4)]).toEqual([60, 0x45]);
});

describe('the queue of connections to accept', () => {
  test('has room for one more than listen(2) said; others time out', () => {
    const { kernel, listener, open, client, where } = world();
    const waiting = (): number => readField(kernel, listener.sk.off, 'sock.sk_ack_backlog');
    expect([listener.listen(1), readField(kernel, listener.sk.off, 'sock.sk_max_ack_backlog')]).toEqual([0, 1]);
    const connect = (): number => open(client).connect(where);
    expect([connect(), connect(), waiting(), connect(), waiting()]).toEqual([0, 0, 2, -ETIMEDOUT, 2]);
    listener.accept();
    expect([waiting(), connect(), listener.pending.length]).toEqual([1, 0, 2]);
    listener.accept();
    listener.accept();
    expect([listener.accept(), waiting()]).toEqual([undefined, 0]);
  });

  test('is no longer than the machine lets it', () => {
    const { kernel, cgroups, listener } = world();
    const limit = (): number => readField(kernel, listener.sk.off, 'sock.sk_max_ack_backlog');
    expect(limit()).toBe(4096);
    cgroups.spawn().writeSysctl('net.core.somaxconn', '7');
    expect([listener.listen(100), limit()]).toEqual([0, 7]);
    expect([listener.listen(3), limit(), listener.listen(-1), limit()]).toEqual([0, 3, 0, 7]);
  });
});

test('a socket that is gone is not written to by what its peer does', () => {
  const { kernel, connect } = world();
  const { near, far } = connect();
  const struct = (): Uint8Array => kernel.mem.readBytes(far.sk.off, kernel.types.sizeOf('tcp_sock'));
  far.close();
  const before = struct();
  expect([near.send('x'), near.send('x'), near.shutdown(2)]).toEqual([1, -EPIPE, -ENOTCONN]);
  near.close();
  expect(struct()).toEqual(before);
});
