// SPDX-License-Identifier: MIT
// Rules of v5.6 that later kernels changed, or that a comparison with one cannot show. Programs are functions here.
import {
  BPF_CGROUP_GETSOCKOPT,
  BPF_CGROUP_INET4_POST_BIND,
  BPF_CGROUP_SETSOCKOPT,
  BPF_F_ALLOW_MULTI,
  EFAULT,
  EINVAL,
  EPERM,
} from '@tsbpf/uapi';
import type { BpfProg } from '@tsbpf/core';
import { callHelper, createTestKernel, signed } from '@tsbpf/testkit';
import { describe, expect, test } from 'vitest';
import { attachProg } from '../attach/attach.ts';
import { cgroupsOf } from '../cgroups.ts';
import { cgroupRegistries } from '../registries.ts';
import { Context } from '../run/context.ts';
import { encodeAddress } from '../socket/address.ts';
import { SOCK_STREAM } from '../socket/kinds.ts';
import type { SimSocket } from '../socket/socket.ts';
import { SOL_SOCKET } from './options.ts';

const SO_SNDBUF = 7;
const SO_KEEPALIVE = 9;

function world() {
  const kernel = createTestKernel();
  const cgroups = cgroupsOf(kernel);
  kernel.cgroups = cgroups;
  const container = cgroups.create('/container');
  const inner = cgroups.create('/container/inner');
  const attach = (where: typeof container, attachType: number, run: (ctx: Context) => number): void => {
    const prog = {
      name: 'f',
      verified: { cgroupStorage: [undefined, undefined], cbAccess: false },
      get: () => undefined,
      put: () => undefined,
      loaded: { run: (off: number) => run(new Context(kernel, 'bpf_sockopt_kern', off)) },
    } as unknown as BpfProg;
    attachProg(where, { prog, attachType, flags: BPF_F_ALLOW_MULTI, seq: cgroups.nextSeq() });
  };
  const socket = cgroups.spawn({ cgroup: inner }).socket({ family: 2, type: SOCK_STREAM }) as SimSocket;
  return { kernel, cgroups, container, inner, attach, socket };
}

describe('setsockopt', () => {
  test('more than a page is refused before any program runs; without programs the kernel decides', () => {
    const { attach, inner, socket } = world();
    const long = new Uint8Array(4097);
    expect(socket.setsockopt(SOL_SOCKET, SO_KEEPALIVE, long)).toBe(0);
    let runs = 0;
    attach(inner, BPF_CGROUP_SETSOCKOPT, () => (runs++, 1));
    expect(socket.setsockopt(SOL_SOCKET, SO_KEEPALIVE, long)).toBe(-EINVAL);
    expect(runs).toBe(0);
    expect(socket.setsockopt(SOL_SOCKET, SO_KEEPALIVE, long.subarray(1))).toBe(0);
    expect(runs).toBe(1);
  });

  test('a length of 0 reaches the kernel as 0', () => {
    const { attach, inner, socket } = world();
    attach(inner, BPF_CGROUP_SETSOCKOPT, (ctx) => (ctx.setWord('optlen', 0), 1));
    expect(socket.setsockopt(SOL_SOCKET, SO_SNDBUF, 10_000)).toBe(-EINVAL);
  });

  test('the outer program sees what the inner one wrote, and may overrule it; all run', () => {
    const { attach, inner, container, socket, cgroups } = world();
    attach(inner, BPF_CGROUP_SETSOCKOPT, (ctx) => (ctx.setWord('optname', SO_KEEPALIVE), 0));
    attach(container, BPF_CGROUP_SETSOCKOPT, (ctx) => (ctx.word('optname') === SO_KEEPALIVE ? 1 : 0));
    const { result, decisions } = cgroups.trace(() => socket.setsockopt(SOL_SOCKET, SO_SNDBUF, 1));
    expect(result).toBe(-EPERM);
    expect(decisions.map(({ cgroup, allowed }) => [cgroup, allowed])).toEqual([
      ['/container/inner', false],
      ['/container', true],
    ]);
  });
});

describe('getsockopt', () => {
  test('the result may become 0 and nothing else', () => {
    const { attach, inner, socket } = world();
    let retval = 0;
    attach(inner, BPF_CGROUP_GETSOCKOPT, (ctx) => (ctx.setWord('retval', retval), 1));
    expect(socket.getsockopt(SOL_SOCKET, SO_SNDBUF).ret).toBe(0);
    retval = -13;
    expect(socket.getsockopt(SOL_SOCKET, SO_SNDBUF).ret).toBe(-EFAULT);
    retval = 1;
    expect(socket.getsockopt(4660, 1).ret).toBe(-EFAULT);
  });

  test('room for more than a page is refused, though the kernel has answered', () => {
    const { attach, inner, socket } = world();
    let runs = 0;
    attach(inner, BPF_CGROUP_GETSOCKOPT, () => (runs++, 1));
    const answer = socket.getsockopt(SOL_SOCKET, SO_SNDBUF, 4097);
    expect(answer).toMatchObject({ ret: -EINVAL, optlen: 4 });
    expect(answer.optval.some((byte) => byte !== 0)).toBe(true);
    expect(runs).toBe(0);
    expect(socket.getsockopt(SOL_SOCKET, SO_SNDBUF, 0, -1).ret).toBe(-EINVAL);
  });

  test('bytes and length are the program’s even where the error stays', () => {
    const { kernel, attach, inner, socket } = world();
    attach(inner, BPF_CGROUP_GETSOCKOPT, (ctx) => {
      kernel.mem.write32(ctx.pointer('optval'), 0x01020304);
      ctx.setWord('optlen', 4);
      return 1;
    });
    const { ret, optval, optlen } = socket.getsockopt(4660, 1, 8);
    expect([ret, optlen, [...optval]]).toEqual([-95, 4, [4, 3, 2, 1, 0, 0, 0, 0]]);
  });
});

test('a port that a post-bind program denies stays taken', () => {
  const { attach, inner, cgroups, socket } = world();
  let verdict = 0;
  attach(inner, BPF_CGROUP_INET4_POST_BIND, () => verdict);
  expect(socket.bind({ ip: '127.0.0.1', port: 5000 })).toBe(-EPERM);
  expect(socket.local).toEqual({ ip: new Uint8Array(4), port: 5000 });
  verdict = 1;
  expect(socket.bind({ ip: '127.0.0.1', port: 5001 }), 'it is bound, after all').toBe(-EINVAL);
  const other = cgroups.spawn().socket({ family: 2, type: SOCK_STREAM }) as SimSocket;
  expect(other.bind({ ip: '127.0.0.1', port: 5000 })).toBe(-98);
});

test('bpf_bind takes an address and no port, for the socket that connects', () => {
  const { kernel, cgroups, socket } = world();
  const off = kernel.mem.alloc(16);
  const ctx = kernel.mem.alloc(kernel.types.sizeOf('bpf_sock_addr_kern'), { kind: 'ctx' });
  new Context(kernel, 'bpf_sock_addr_kern', ctx).setPointer('sk', socket.sk.off);
  const bind = (port: number, lenBytes = 16): number => {
    kernel.mem.writeBytes(off, encodeAddress({ ip: '127.0.0.5', port }));
    const pick = { rows: cgroupRegistries().helpers, variant: 'bpf_bind' };
    return signed(callHelper(kernel, pick, { args: [ctx, off, lenBytes], ctx }));
  };
  expect([bind(80), bind(0, 15), bind(0, 1)]).toEqual([-EINVAL, -EINVAL, -EINVAL]);
  const { result, decisions } = cgroups.trace(() => bind(0));
  expect([result, decisions]).toEqual([0, []]);
  expect(socket.local).toEqual({ ip: Uint8Array.of(127, 0, 0, 5), port: 0 });
});

test('a checkpoint brings back the tree, what is attached, tasks and sysctls', () => {
  const { kernel, attach, inner, container, cgroups } = world();
  attach(inner, BPF_CGROUP_SETSOCKOPT, () => 1);
  const task = cgroups.spawn({ cgroup: container });
  const saved = kernel.checkpointables.map((part) => part.save());
  attach(container, BPF_CGROUP_SETSOCKOPT, () => 0);
  cgroups.create('/later');
  task.writeSysctl('vm.swappiness', '10');
  task.moveTo('/');
  kernel.checkpointables.forEach((part, i) => part.restore(saved[i]));
  expect(cgroups.find('/later')).toBe(undefined);
  expect(inner.effective.get(BPF_CGROUP_SETSOCKOPT)?.length).toBe(1);
  expect([task.cgroup.path, task.readSysctl('vm.swappiness')]).toEqual(['/container', '60\n']);
  expect(cgroups.create('/again').id).toBe(4n);
});
