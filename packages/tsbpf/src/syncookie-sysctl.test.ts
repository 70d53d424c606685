// SPDX-License-Identifier: MIT
// One program changes what a task writes to net.ipv4.tcp_syncookies; another asks a listener for a cookie.
import { describe, expect, it } from 'vitest';
import {
  BPF_CGROUP_SYSCTL,
  BPF_PROG_ATTACH,
  BPF_PROG_LOAD,
  BPF_PROG_TEST_RUN,
  BPF_PROG_TYPE_CGROUP_SYSCTL,
  BPF_PROG_TYPE_SCHED_CLS,
  ENOENT,
  assembleSource,
  createKernel,
  encodeInsns,
  type SimulatedKernel,
} from './index.ts';

const NAME = 'net.ipv4.tcp_syncookies';
const TWO = 0x32;

/** Whatever is written, "2" is. */
const ALWAYS = `
  *(u64 *)(r10 - 8) = ${TWO}
  r2 = r10
  r2 += -8
  r3 = 1
  call 104
  r0 = 1
  exit`;

/** A SYN from 127.0.0.9:4000 to 127.0.0.1:80: the segment size the cookie stands for, or -errno. */
const COOKIE = `
  *(u32 *)(r10 - 16) = 0x0900007f
  *(u32 *)(r10 - 12) = 0x0100007f
  *(u32 *)(r10 - 8) = 0x5000a00f
  *(u64 *)(r10 - 40) = 0x45
  *(u64 *)(r10 - 32) = 0
  *(u32 *)(r10 - 28) = 0x0900007f
  *(u32 *)(r10 - 24) = 0x0100007f
  *(u32 *)(r10 - 64) = 0x5000a00f
  *(u32 *)(r10 - 60) = 0
  *(u32 *)(r10 - 56) = 0
  *(u32 *)(r10 - 52) = 0x0250
  *(u32 *)(r10 - 48) = 0
  r2 = r10
  r2 += -16
  r3 = 12
  r4 = -1
  r5 = 0
  call 99
  if r0 == 0 goto none
  r7 = r0
  r1 = r7
  r2 = r10
  r2 += -40
  r3 = 20
  r4 = r10
  r4 += -64
  r5 = 20
  call 110
  r8 = r0
  r1 = r7
  call 86
  r0 = r8
  if r0 s< 0 goto end
  r0 >>= 32
  r0 &= 0xffff
  goto end
none:
  r0 = 0
end:
  exit`;

function load(kernel: SimulatedKernel, prog_type: number, source: string): number {
  const log_buf = new Uint8Array(1 << 15);
  const attr = { prog_type, insns: encodeInsns(assembleSource(source).insns), license: 'GPL', log_level: 1, log_buf };
  const fd = kernel.bpf(BPF_PROG_LOAD, {
    ...attr,
    expected_attach_type: prog_type === BPF_PROG_TYPE_CGROUP_SYSCTL ? BPF_CGROUP_SYSCTL : 0,
  });
  expect(fd, new TextDecoder().decode(log_buf)).toBeGreaterThan(0);
  return fd;
}

describe.each(['interpreter', 'jit'] as const)('on the %s', (engine) => {
  it('a sysctl that a program rewrote decides whether a listener gives out cookies', () => {
    const kernel = createKernel({ engine });
    kernel.cgroups.create('/box');
    const task = kernel.cgroups.spawn({ cgroup: '/box' });
    const listener = task.socket({ family: 2, type: 1 });
    if (typeof listener === 'number') throw new TypeError(`socket: ${listener}`);
    expect([listener.bind({ ip: '127.0.0.1', port: 80 }), listener.listen()]).toEqual([0, 0]);
    const prog_fd = load(kernel, BPF_PROG_TYPE_SCHED_CLS, COOKIE);
    const cookie = (): number => {
      const attr = { prog_fd, data_in: new Uint8Array(64), retval: 0 };
      expect(kernel.bpf(BPF_PROG_TEST_RUN, attr)).toBe(0);
      return attr.retval | 0;
    };
    expect(cookie(), 'room in the queue').toBe(-ENOENT);

    const attach_bpf_fd = load(kernel, BPF_PROG_TYPE_CGROUP_SYSCTL, ALWAYS);
    const target_fd = kernel.open('/sys/fs/cgroup/box', 0);
    expect(kernel.bpf(BPF_PROG_ATTACH, { target_fd, attach_bpf_fd, attach_type: BPF_CGROUP_SYSCTL })).toBe(0);
    expect(task.writeSysctl(NAME, '0\n')).toBe(1);
    expect(task.readSysctl(NAME)).toBe('2\n');
    expect(cookie(), 'always').toBe(536);

    expect(kernel.cgroups.spawn().writeSysctl(NAME, '0\n')).toBe(2);
    expect(cookie(), 'never').toBe(-ENOENT);
  });

  it('with 1, whether its queue of requests has room does', () => {
    const kernel = createKernel({ engine });
    const listener = kernel.cgroups.spawn().socket({ family: 2, type: 1 });
    if (typeof listener === 'number') throw new TypeError(`socket: ${listener}`);
    expect([listener.bind({ ip: '127.0.0.1', port: 80 }), listener.listen(0)]).toEqual([0, 0]);
    const attr = { prog_fd: load(kernel, BPF_PROG_TYPE_SCHED_CLS, COOKIE), data_in: new Uint8Array(64), retval: 0 };
    expect([kernel.bpf(BPF_PROG_TEST_RUN, attr), attr.retval]).toEqual([0, 536]);
    expect([listener.listen(1), kernel.bpf(BPF_PROG_TEST_RUN, attr), attr.retval | 0]).toEqual([0, 0, -ENOENT]);
  });
});
