// SPDX-License-Identifier: MIT
import { describe, expect, test, vi } from 'vitest';
import { main, walk } from './try.ts';

describe.each(['sysctl', 'sockopt'])('the walk through %s', (name) => {
  test('is the same on both engines', () => expect(walk(name, 'jit')).toEqual(walk(name, 'interpreter')));
});

test('says which program decided what', () => {
  expect(walk('sysctl', 'jit').slice(4, 8)).toEqual([
    'sysctl: write net.ipv4.ip_forward "1" = -1 EPERM',
    '    BPF_CGROUP_SYSCTL at /container: guard returned 0, DENIED',
    'admin: write net.ipv4.ip_forward "1" = 1',
    'sysctl: write net.core.somaxconn "100000" = 4',
  ]);
  expect(walk('sockopt', 'jit').slice(0, 4)).toEqual([
    'setsockopt SO_SNDBUF 200000 = 0',
    '    BPF_CGROUP_SETSOCKOPT at /container: limit returned 1, allowed',
    'getsockopt SO_SNDBUF = 131072',
    '    BPF_CGROUP_GETSOCKOPT at /container: hide returned 1, allowed',
  ]);
});

test.each([
  [['nonesuch'], /no policy "nonesuch": there are sysctl and sockopt/],
  [['sysctl', '--engine', 'fast'], /--engine fast: there are interpreter and jit/],
  [['sysctl', '--engine'], /--engine : there are interpreter and jit/],
  [['sysctl', 'sockopt'], /one word too many: sockopt/],
])('%o is refused', (args, message) => {
  const said = vi.spyOn(console, 'error').mockImplementation(() => undefined);
  expect(main(args)).toBe(2);
  expect(said.mock.calls.flat().join('\n')).toMatch(message);
  said.mockRestore();
});
