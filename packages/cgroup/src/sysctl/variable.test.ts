// SPDX-License-Identifier: MIT
// Sysctls whose variable another subsystem keeps.
import { syncookiesOf } from '@tsbpf/net';
import { createTestKernel } from '@tsbpf/testkit';
import { EINVAL } from '@tsbpf/uapi';
import { expect, test } from 'vitest';
import { cgroupsOf } from '../cgroups.ts';

function world() {
  const kernel = createTestKernel();
  const cgroups = cgroupsOf(kernel);
  kernel.cgroups = cgroups;
  return { kernel, cgroups, state: syncookiesOf(kernel), task: cgroups.spawn() };
}

test('net.ipv4.tcp_syncookies is what TCP asks, whoever writes it', () => {
  const { state, task } = world();
  expect([state.mode, task.readSysctl('net.ipv4.tcp_syncookies')]).toEqual([1, '1\n']);
  expect([task.writeSysctl('net.ipv4.tcp_syncookies', '2\n'), state.mode]).toEqual([2, 2]);
  state.mode = 0;
  expect(task.readSysctl('/proc/sys/net/ipv4/tcp_syncookies')).toBe('0\n');
});

test('what is refused changes nothing; v5.6 takes any int', () => {
  const { state, task } = world();
  const write = (value: string): number => task.writeSysctl('net.ipv4.tcp_syncookies', value);
  expect([write('x'), write('4294967296'), state.mode]).toEqual([-EINVAL, -EINVAL, 1]);
  expect([write('-3'), state.mode]).toEqual([2, -3]);
});

test('two kernels, and a checkpoint', () => {
  const { kernel, state, task } = world();
  const other = world();
  task.writeSysctl('net.ipv4.tcp_syncookies', '2');
  expect(other.state.mode).toBe(1);
  const saved = kernel.checkpointables.map((part) => part.save());
  task.writeSysctl('net.ipv4.tcp_syncookies', '0');
  kernel.checkpointables.forEach((part, i) => part.restore(saved[i]));
  expect([state.mode, task.readSysctl('net.ipv4.tcp_syncookies')]).toEqual([2, '2\n']);
});

test('a sysctl of one’s own may be about anything', () => {
  const { cgroups, task } = world();
  const seen: unknown[] = [];
  let value: readonly bigint[] = [7n, 8n];
  cgroups.sysctls.define({
    name: 'net/test/pair',
    type: 'int',
    max: 10n,
    value: (kernel) => {
      seen.push(kernel === cgroups.kernel);
      return { get: () => value, set: (next) => void (value = next as readonly bigint[]) };
    },
  });
  expect([task.readSysctl('net.test.pair'), task.writeSysctl('net.test.pair', '1 11')]).toEqual(['7\t8\n', -EINVAL]);
  expect([seen, value]).toEqual([[true], [1n, 8n]]);
});
