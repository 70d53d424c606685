// SPDX-License-Identifier: MIT
// Sysctls that come to be when somebody asks for them.
import { createTestKernel } from '@tsbpf/testkit';
import { EINVAL, EIO, ENOENT } from '@tsbpf/uapi';
import { expect, test } from 'vitest';
import { cgroupsOf } from '../cgroups.ts';

function world() {
  const kernel = createTestKernel();
  const cgroups = cgroupsOf(kernel);
  kernel.cgroups = cgroups;
  return { kernel, cgroups, task: cgroups.spawn() };
}

test('values, bounds, and times that have to fit ticks', () => {
  const { task } = world();
  expect(task.readSysctl('net.ipv4.route.mtu_expires')).toBe('600\n');
  expect(task.writeSysctl('net.ipv4.route.mtu_expires', '606')).toBe(3);
  expect(task.readSysctl('net.ipv4.route.mtu_expires')).toBe('606\n');
  expect([8589934, 8589935].map((value) => task.writeSysctl('net.ipv4.route.mtu_expires', `${value}`))).toEqual([
    7,
    -EINVAL,
  ]);
  expect(['0', '255', '256'].map((value) => task.writeSysctl('net.ipv4.ip_default_ttl', value))).toEqual([
    -EINVAL,
    3,
    -EINVAL,
  ]);
  expect(task.readSysctl('net.ipv4.no_such')).toBe(-ENOENT);
});

test('a secret that nobody has set cannot be read', () => {
  const { task } = world();
  const name = 'net/ipv6/conf/lo/stable_secret';
  expect(task.readSysctl(name)).toBe(-EIO);
  expect([task.writeSysctl(name, 'x'), task.readSysctl(name)]).toEqual([-EIO, -EIO]);
  expect([task.writeSysctl(name, '2001:db8::1\n'), task.readSysctl(name)]).toEqual([
    12,
    '2001:0db8:0000:0000:0000:0000:0000:0001\n',
  ]);
  expect(task.writeSysctl('net/ipv6/conf/all/stable_secret', '::1')).toBe(-EIO);
});

test('a sysctl of one’s own goes before one that nobody has asked for; all are listed', () => {
  const { cgroups, task } = world();
  cgroups.sysctls.define({ name: 'net/ipv4/tcp_keepalive_time', type: 'int', value: 3 });
  expect(task.readSysctl('net.ipv4.tcp_keepalive_time')).toBe('3\n');
  const names = [...cgroups.sysctls.all()].map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  expect(names).toEqual(expect.arrayContaining(['kernel/ostype', 'net/ipv4/tcp_sack', 'net/ipv4/route/gc_timeout']));
});

test('a checkpoint from before it was asked for forgets what was written', () => {
  const { kernel, task } = world();
  const saved = kernel.checkpointables.map((part) => part.save());
  task.writeSysctl('net.ipv4.tcp_sack', '0');
  kernel.checkpointables.forEach((part, i) => part.restore(saved[i]));
  expect(task.readSysctl('net.ipv4.tcp_sack')).toBe('1\n');
});
