// SPDX-License-Identifier: MIT
import { UsageError } from '@tsbpf/uapi';
import { createTestSys } from '@tsbpf/testkit';
import { describe, expect, test } from 'vitest';
import { FakeObject } from './fake-object.ts';
import type { KernelValue } from './kernel-value.ts';

type Members = { readonly [path: string]: KernelValue };
const setUp = () => {
  const kernel = createTestSys().state;
  return { kernel, fake: (name: string, values?: Members) => new FakeObject(kernel, name, values) };
};

describe('fake objects', () => {
  test('lie in kernel memory as the BTF says', () => {
    const { kernel, fake } = setUp();
    const task = fake('task_struct', { comm: 'bash', pid: 42, cred: { uid: { val: 1000 } } });
    const at = (path: string): number => task.off + kernel.types.resolve(`task_struct.${path}`).off;
    expect(kernel.mem.read32(at('pid'))).toBe(42);
    expect(new TextDecoder().decode(kernel.mem.readBytes(at('comm'), 5))).toBe('bash\0');
    const cred = kernel.mem.toOff(kernel.mem.read64(at('cred')));
    expect(kernel.mem.read32(cred + kernel.types.resolve('cred.uid').off)).toBe(1000);
    expect(kernel.mem.toOff(task.addr)).toBe(task.off);
  });

  test('are read and changed by path, across pointers', () => {
    const { fake } = setUp();
    const task = fake('task_struct', { 'mm.exe_file.f_path.dentry.d_iname': 'bash', 'mm.exe_file.f_flags': 3 });
    expect(task.get('mm.exe_file.f_path.dentry.d_iname[3]')).toBe('h'.charCodeAt(0));
    expect(task.get('mm.exe_file')).toBeTypeOf('bigint');
    expect(task.get('mm.exe_file.f_flags')).toBe(3);
    task.set('mm.exe_file.f_flags', 5);
    task.set('real_parent', task);
    task.set('real_parent.pid', 9);
    expect([task.get('mm.exe_file.f_flags'), task.get('pid')]).toEqual([5, 9]);
    expect(task.get('real_parent')).toBe(task.addr);
  });

  test('take strings, bytes, arrays and addresses for pointers', () => {
    const { kernel, fake } = setUp();
    const name = fake('filename', { name: '/etc/passwd', uptr: 0x7fff_0000_1000n });
    const text = kernel.mem.toOff(name.get('name') as bigint);
    expect(new TextDecoder().decode(kernel.mem.readBytes(text, 12))).toBe('/etc/passwd\0');
    expect(name.get('uptr')).toBe(0x7fff_0000_1000n);
    const one = fake('file', { f_flags: 1 });
    const table = fake('fdtable', { max_fds: 2, fd: [one, { f_flags: 2 }], open_fds: [3n, 4n] });
    expect(['fd[0].f_flags', 'fd[1].f_flags', 'open_fds[1]'].map((path) => table.get(path))).toEqual([1, 2, 4n]);
    const pid = fake('pid', { numbers: [{ nr: 7 }] });
    expect(pid.get('numbers[0].nr')).toBe(7);
    pid.set('numbers[0]', { nr: 8, ns: null });
    expect(pid.get('numbers[0]')).toEqual({ nr: 8, ns: 0n });
  });

  test('have bit fields', () => {
    const { fake } = setUp();
    const skb = fake('sk_buff', { pkt_type: 5, cloned: 1 });
    expect([skb.get('pkt_type'), skb.get('cloned')]).toEqual([5, 1]);
    skb.set('pkt_type', 2);
    expect([skb.get('pkt_type'), skb.get('cloned')]).toEqual([2, 1]);
    expect(() => skb.set('pkt_type', 8)).toThrow('sk_buff.pkt_type: 8 does not fit 3 bits');
    expect(() => skb.set('pkt_type', 'x')).toThrow('a bit field takes a number');
  });

  test('are freed with all that was made for them', () => {
    const { kernel, fake } = setUp();
    const before = kernel.mem.liveRegions;
    const task = fake('task_struct', { cred: { uid: { val: 1 } }, 'mm.exe_file.f_inode': { i_ino: 1n } });
    expect(kernel.mem.liveRegions).toBe(before + 5);
    task.free();
    expect(() => fake('task_struct', { cred: { uid: { val: 1 }, no: 1 } })).toThrow(UsageError);
    expect(kernel.mem.liveRegions).toBe(before);
  });

  const refused: [name: string, values: Members, message: string][] = [
    ['no_such', {}, "the kernel's BTF has no structure no_such"],
    ['task_struct', { nope: 1 }, 'task_struct: there is no member "nope"'],
    ['task_struct', { pid: 2 ** 31 }, 'task_struct.pid: 2147483648 does not fit 32 bits of int'],
    ['task_struct', { pid: 'one' }, 'task_struct.pid: "one" is not an integer'],
    ['task_struct', { comm: 'more than sixteen' }, 'task_struct.comm: 17 bytes do not fit 16'],
    ['task_struct', { cred: 'root' }, 'task_struct.cred: this pointer takes an address, or null'],
    ['task_struct', { stack: { a: 1 } }, 'task_struct.stack: this pointer takes an address, or null'],
    ['task_struct', { se: 1 }, 'task_struct.se: a structure takes an object'],
    ['task_struct', { 'se..x y': 1 }, 'task_struct.se: there is no member "x y"'],
    ['task_struct', { 'cred]': 1 }, '"cred]" is no path of members'],
    ['task_struct', { cred: 5n, 'cred.uid.val': 1 }, 'task_struct.cred points nowhere: 0x5'],
    ['pid', { 'numbers[1].nr': 1 }, 'pid.numbers: there is no element 1'],
    ['bpf_map', { ops: {} }, "bpf_map.ops: the kernel's BTF does not say what bpf_map_ops is"],
    ['bpf_map', { 'ops.x': 1 }, "bpf_map.ops: the kernel's BTF does not say what it points to"],
    ['task_struct', { 'stack.x': 1 }, 'task_struct.stack points to void'],
  ];
  test.each(refused)('%s %o', (name, values, message) => {
    const { fake } = setUp();
    expect(() => fake(name, values)).toThrow(UsageError);
    expect(() => fake(name, values)).toThrow(message);
  });

  test('end where a pointer is NULL', () => {
    const { fake } = setUp();
    const task = fake('task_struct');
    expect(() => task.get('cred.uid')).toThrow('task_struct.cred points nowhere: 0x0');
    expect(task.get('cred')).toBe(0n);
  });
});
