// SPDX-License-Identifier: MIT
import { callHelper, createTestKernel } from '@tsbpf/testkit';
import { describe, expect, test } from 'vitest';
import { currentTaskHelpers as rows } from './current.ts';

const task = {
  pid: 4242,
  tgid: 4000,
  uid: 1000,
  gid: 0x8000_0001,
  comm: 'a name of twenty b.',
  cgroupId: 0x1_0000_0002n,
};

describe('the current task', () => {
  const kernel = createTestKernel({ env: { task } });
  const call = (variant: string, ...args: (bigint | number)[]): bigint =>
    callHelper(kernel, { rows, variant }, { args });

  test('pairs of ids: group above task', () => {
    expect(call('bpf_get_current_pid_tgid')).toBe((4000n << 32n) | 4242n);
    expect(call('bpf_get_current_uid_gid')).toBe((0x8000_0001n << 32n) | 1000n);
    expect(call('bpf_get_current_cgroup_id')).toBe(0x1_0000_0002n);
  });

  test.each([
    [1, ''],
    [5, 'a na'],
    [16, 'a name of twent'],
    [24, 'a name of twent'],
  ])('comm in a buffer of %i bytes is %j, padded with NUL', (size, expected) => {
    const off = kernel.mem.alloc(32);
    kernel.mem.fill(off, 32, 0xaa);
    expect(call('bpf_get_current_comm', kernel.mem.toAddr(off), size)).toBe(0n);
    const text = new TextDecoder().decode(kernel.mem.readBytes(off, size));
    expect(text).toBe(expected.padEnd(size, '\0'));
    expect(kernel.mem.read8(off + size)).toBe(0xaa);
  });

  test('task_struct follows what the script makes of the task', () => {
    const off = kernel.mem.toOff(call('bpf_get_current_task'));
    const at = (path: string): number => off + kernel.types.resolve(`task_struct.${path}`).off;
    expect(kernel.mem.read32(at('pid'))).toBe(4242);
    expect(kernel.mem.read32(at('tgid'))).toBe(4000);
    expect(kernel.mem.toOff(kernel.mem.read64(at('group_leader')))).toBe(off);
    const cred = kernel.mem.toOff(kernel.mem.read64(at('cred')));
    expect(kernel.mem.read32(cred + kernel.types.resolve('cred.euid').off)).toBe(1000);

    kernel.env.current.comm = 'renamed';
    expect(kernel.mem.toOff(call('bpf_get_current_task'))).toBe(off);
    expect(new TextDecoder().decode(kernel.mem.readBytes(at('comm'), 8))).toBe('renamed\0');
  });
});
