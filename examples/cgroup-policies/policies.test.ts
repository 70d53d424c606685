// SPDX-License-Identifier: MIT
// Policies for a container, tried without a container: each test is a walk through one of the programs beside it.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import {
  createKernel,
  type EngineName,
  EACCES,
  EPERM,
  ECONNREFUSED,
  EFAULT,
  ENOPROTOOPT,
  ENXIO,
  openObject,
} from 'tsbpf';
import { describe, expect, test } from 'vitest';

const [AF_INET, SOCK_STREAM, SOCK_DGRAM] = [2, 1, 2];
const [SOL_SOCKET, SO_SNDBUF, SO_MARK] = [1, 7, 36];
const [SOL_TCP, TCP_CONGESTION, SOL_POLICY] = [6, 13, 0xc0de];

/** A machine with a container's cgroup, and a program of this folder loaded. */
function machineOn(engine: EngineName, object: string) {
  const kernel = createKernel(engine === 'interpreter' ? { engine, checked: true } : { engine });
  kernel.cgroups.create('/container');
  const obj = openObject(readFileSync(resolve(import.meta.dirname, object)), { sys: kernel });
  return { kernel, obj, cgroupFd: kernel.open('/sys/fs/cgroup/container', 0) };
}

const int = (bytes: Uint8Array): number => new DataView(bytes.buffer, bytes.byteOffset).getInt32(0, true);
const text = (bytes: readonly number[] | Uint8Array | string): string =>
  typeof bytes === 'string' ? bytes : String.fromCharCode(...bytes).replace(/\0.*$/s, '');

describe.each(['interpreter', 'jit'] as const)('on %s', (engine) => {
  const machine = (object: string) => machineOn(engine, object);

  describe('sysctl_guard', () => {
    test('first warns, then denies; a task elsewhere is left alone', () => {
      const { kernel, obj, cgroupFd } = machine('sysctl_guard.bpf.o');
      obj.load();
      obj.progs.guard?.attachCgroup(cgroupFd);
      const inside = kernel.cgroups.spawn({ cgroup: '/container', comm: 'sysctl' });
      const outside = kernel.cgroups.spawn({ comm: 'admin' });

      expect(inside.writeSysctl('net.ipv4.ip_forward', '1\n')).toBe(2);
      expect(inside.writeSysctl('net.ipv4.ip_forward', '0\n')).toBe(2);
      const { result, decisions } = kernel.cgroups.trace(() => inside.writeSysctl('net.ipv4.ip_forward', '1\n'));
      expect(result).toBe(-EPERM);
      expect(decisions).toMatchObject([
        { hook: 'BPF_CGROUP_SYSCTL', cgroup: '/container', progName: 'guard', verdict: 0, allowed: false },
      ]);
      expect(inside.readSysctl('net/ipv4/ip_forward')).toBe('0\n');
      expect(outside.writeSysctl('/proc/sys/net/ipv4/ip_forward', '1')).toBe(1);
      expect(inside.readSysctl('net/ipv4/ip_forward')).toBe('1\n');

      const id = kernel.cgroups.get('/container').id;
      const attempts = [0, 1, 2].map((nth) => obj.maps.attempts?.get(nth) as Record<string, never>);
      expect(attempts.map((attempt) => [attempt.cgroup_id, attempt.denied, text(attempt.value ?? '')])).toEqual([
        [id, 0, '1\n'],
        [id, 0, '0\n'],
        [id, 1, '1\n'],
      ]);
    });

    test('writes a limit in place of a value above it, and says how much it wrote', () => {
      const { kernel, obj, cgroupFd } = machine('sysctl_guard.bpf.o');
      obj.load();
      obj.progs.guard?.attachCgroup(cgroupFd);
      const task = kernel.cgroups.spawn({ cgroup: '/container' });
      expect(task.writeSysctl('net.core.somaxconn', '512')).toBe(3);
      expect(task.readSysctl('net.core.somaxconn')).toBe('512\n');
      expect(task.writeSysctl('net.core.somaxconn', '100000\n'), 'four bytes of "1024"').toBe(4);
      expect(task.readSysctl('net.core.somaxconn')).toBe('1024\n');
      expect(task.writeSysctl('net.core.somaxconn', 'many'), 'not a number: the program denies it').toBe(-EPERM);
    });

    test('who is not root fails before any program is asked', () => {
      const { kernel, obj, cgroupFd } = machine('sysctl_guard.bpf.o');
      obj.load();
      obj.progs.guard?.attachCgroup(cgroupFd);
      const user = kernel.cgroups.spawn({ cgroup: '/container', uid: 1000, gid: 1000 });
      const { result, decisions } = kernel.cgroups.trace(() => user.writeSysctl('net.ipv4.ip_forward', '1'));
      expect([result, decisions]).toEqual([-EACCES, []]);
    });
  });

  describe('sockopt_policy', () => {
    function withSocket(type: number) {
      const { kernel, obj, cgroupFd } = machine('sockopt_policy.bpf.o');
      obj.load();
      obj.progs.limit?.attachCgroup(cgroupFd);
      obj.progs.hide?.attachCgroup(cgroupFd);
      const task = kernel.cgroups.spawn({ cgroup: '/container' });
      const socket = task.socket({ family: AF_INET, type });
      if (typeof socket === 'number') throw new TypeError(`no socket: ${socket}`);
      return { kernel, obj, task, socket };
    }

    test('SO_SNDBUF is cut to a limit, which the kernel doubles as ever', () => {
      const { kernel, obj, task, socket } = withSocket(SOCK_DGRAM);
      expect(socket.setsockopt(SOL_SOCKET, SO_SNDBUF, 10_000)).toBe(0);
      expect(int(socket.getsockopt(SOL_SOCKET, SO_SNDBUF).optval)).toBe(20_000);
      expect(socket.setsockopt(SOL_SOCKET, SO_SNDBUF, 200_000)).toBe(0);
      expect(int(socket.getsockopt(SOL_SOCKET, SO_SNDBUF).optval)).toBe(131_072);

      const key = { cgroup_inode_id: kernel.cgroups.get('/container').id, attach_type: 22 };
      expect(obj.maps.capped?.get(key), 'storage of the cgroup counts').toBe(1n);
      task.moveTo('/');
      expect(socket.setsockopt(SOL_SOCKET, SO_SNDBUF, 200_000), 'the socket stays in its cgroup').toBe(0);
      expect(obj.maps.capped?.get(key)).toBe(2n);
    });

    test('SO_MARK can be neither set nor seen', () => {
      const { socket } = withSocket(SOCK_STREAM);
      expect(socket.setsockopt(SOL_SOCKET, SO_MARK, 7)).toBe(-EPERM);
      expect(socket.getsockopt(SOL_SOCKET, SO_MARK)).toMatchObject({ ret: 0, optlen: 4 });
      const small = socket.getsockopt(SOL_SOCKET, SO_MARK, 2);
      expect(small, 'no room to hide it in: denied, though the kernel has written').toMatchObject({ ret: -EPERM });
    });

    test('an option no kernel has is answered by the program', () => {
      const { socket } = withSocket(SOCK_STREAM);
      const { ret, optval, optlen } = socket.getsockopt(SOL_POLICY, 1, 16);
      expect([ret, optlen, int(optval)]).toEqual([0, 4, 65536]);
      expect(socket.setsockopt(SOL_POLICY, 1, 5), 'the other program lets the kernel say no').toBe(-ENOPROTOOPT);
    });

    test('TCP_CONGESTION seems to work', () => {
      const { socket } = withSocket(SOCK_STREAM);
      expect(socket.setsockopt(SOL_TCP, TCP_CONGESTION, new TextEncoder().encode('no such thing'))).toBe(0);
      expect(text(socket.getsockopt(SOL_TCP, TCP_CONGESTION, 16).optval)).toBe('cubic');
      expect(socket.setsockopt(SOL_SOCKET, SO_SNDBUF, new Uint8Array(4), 4097), 'longer than a page').toBe(-22);
      expect(socket.setsockopt(SOL_SOCKET, SO_SNDBUF, new Uint8Array(2), 4)).toBe(-EFAULT);
    });
  });

  describe('connect_rewriter', () => {
    test('a service address leads to a backend, for whoever is in the cgroup', () => {
      const { kernel, obj, cgroupFd } = machine('connect_rewriter.bpf.o');
      obj.load();
      obj.progs.rewrite?.attachCgroup(cgroupFd);
      kernel.cgroups.addLocalAddress('10.96.0.1');
      obj.maps.services?.set(
        Uint8Array.of(10, 96, 0, 1, 0, 80, 0, 0),
        Uint8Array.of(127, 0, 0, 1, 8080 >> 8, 8080 & 0xff, 0, 0),
      );
      const open = (cgroup: string) => {
        const socket = kernel.cgroups.spawn({ cgroup }).socket({ family: AF_INET, type: SOCK_STREAM });
        if (typeof socket === 'number') throw new TypeError(`no socket: ${socket}`);
        return socket;
      };
      const server = open('/');
      expect(server.bind({ ip: '127.0.0.1', port: 8080 })).toBe(0);
      expect(server.listen()).toBe(0);

      const inside = open('/container');
      expect(inside.connect({ ip: '10.96.0.1', port: 80 })).toBe(0);
      expect(inside.remote).toEqual({ ip: Uint8Array.of(127, 0, 0, 1), port: 8080 });
      expect(server.accept()?.remote?.port).toBe(inside.local.port);
      expect(open('/').connect({ ip: '10.96.0.1', port: 80 }), 'nobody listens there').toBe(-ECONNREFUSED);
      expect(open('/container').connect({ ip: '127.0.0.1', port: 25 }), 'no mail').toBe(-EPERM);
    });
  });

  describe('device_policy', () => {
    test.each([
      ['/dev/null', 'rw', 0],
      ['/dev/urandom', 'r', 0],
      ['/dev/tty', 'rw', 0],
      ['/dev/mem', 'r', -EPERM],
      ['/dev/kmsg', 'w', -EPERM],
      ['/dev/sda', 'r', -EPERM],
      ['/dev/net/tun', 'rw', -EPERM],
    ] as const)('%s for %s: %i', (path, mode, expected) => {
      const { kernel, obj, cgroupFd } = machine('device_policy.bpf.o');
      obj.load();
      obj.progs.policy?.attachCgroup(cgroupFd);
      expect(kernel.cgroups.spawn({ cgroup: '/container' }).openDevice(path, mode)).toBe(expected);
      expect(kernel.cgroups.spawn().openDevice(path, mode), 'outside nobody asks').toBe(0);
    });

    test('nodes of disks may be made, but not opened', () => {
      const { kernel, obj, cgroupFd } = machine('device_policy.bpf.o');
      obj.load();
      obj.progs.policy?.attachCgroup(cgroupFd);
      const task = kernel.cgroups.spawn({ cgroup: '/container' });
      const disk = { type: 'block', major: 259, minor: 0 } as const;
      expect(task.mknod(disk)).toBe(0);
      expect(task.openDevice(disk, 'r')).toBe(-EPERM);
      expect(kernel.cgroups.spawn().openDevice(disk, 'r'), 'no driver').toBe(-ENXIO);
    });
  });
});
