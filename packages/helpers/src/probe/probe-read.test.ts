// SPDX-License-Identifier: MIT
import { EFAULT, EPERM } from '@tsbpf/uapi';
import { callHelper, createTestKernel, signed } from '@tsbpf/testkit';
import { describe, expect, test } from 'vitest';
import { TASK_SIZE_MAX, userSpaceOf } from '../task/user-space.ts';
import { probeReadHelpers } from './probe-read.ts';
import { probeWriteHelpers } from './probe-write.ts';

const rows = [...probeReadHelpers, ...probeWriteHelpers];
const USER = 0x5555_0000_0000n;
const text = (s: string): Uint8Array => new TextEncoder().encode(s);

function setUp() {
  const kernel = createTestKernel();
  const src = kernel.mem.alloc(64);
  const dst = kernel.mem.alloc(64);
  kernel.mem.fill(dst, 64, 0xaa);
  kernel.mem.writeBytes(src, text('kernel text\0behind'));
  userSpaceOf(kernel).write(USER, text('user text\0behind it'));
  const call = (name: string, ...args: (bigint | number)[]): number =>
    signed(callHelper(kernel, { rows, variant: `bpf_probe_${name}` }, { args }));
  const read = (name: string, size: number, addr: bigint): number => call(name, kernel.mem.toAddr(dst), size, addr);
  const got = (len: number): string => String.fromCharCode(...kernel.mem.readBytes(dst, len));
  return { kernel, call, read, got, src: kernel.mem.toAddr(src), srcOff: src, dst };
}

/** Result of an 8-byte block read and of a string read of 64 bytes, by where the address points. */
const reach: [name: string, kernel: boolean, user: boolean][] = [
  ['read_compat', true, true],
  ['read_kernel', true, false],
  ['read_user', false, true],
  ['read_compat_str', true, true],
  ['read_kernel_str', true, false],
  ['read_user_str', false, true],
];

describe('probe_read', () => {
  test.each(reach)('%s reads kernel memory: %s, user memory: %s', (name, kernel, user) => {
    for (const [addr, allowed] of [
      [setUp().src, kernel],
      [USER, user],
    ] as const) {
      const { read, got } = setUp();
      const result = read(name, 8, addr);
      const cut = addr === USER ? 'user tex' : 'kernel t';
      const expected = name.endsWith('str') ? `${cut.slice(0, 7)}\0` : cut;
      expect(result).toBe(allowed ? (name.endsWith('str') ? 8 : 0) : -EFAULT);
      expect(got(9)).toBe(`${allowed ? expected : '\0'.repeat(8)}\xaa`);
    }
  });

  test.each([
    ['NULL', 0n],
    ['a page that is not mapped', USER + 0x10000n],
    ['the never allocated beginning of kernel memory', 0xffff_8880_0000_0008n],
    ['behind kernel memory', 0xffff_8880_fff0_0000n],
    ['kernel text', 0xffff_ffff_8100_0000n],
    ['a non-canonical address', 0x0123_4567_89ab_cdefn],
  ])('%s faults, and the buffer is zeroed', (_what, addr) => {
    for (const [name] of reach) {
      const { read, got } = setUp();
      expect(read(name, 4, addr), name).toBe(-EFAULT);
      expect(got(5), name).toBe('\0\0\0\0\xaa');
    }
  });

  test('a range that ends where nothing is mapped faults as a whole', () => {
    const { kernel, read, got } = setUp();
    userSpaceOf(kernel).write(USER + 0xffcn, text('tail'));
    expect(read('read_user', 8, USER + 0xffcn)).toBe(-EFAULT);
    expect(got(8)).toBe('\0'.repeat(8));
    const end = BigInt(kernel.mem.u8.length);
    expect(read('read_kernel', 8, 0xffff_8880_0000_0000n + end - 4n)).toBe(-EFAULT);
  });

  test('no bytes: the strict helpers still refuse the wrong space', () => {
    const { read } = setUp();
    expect(read('read_compat', 0, 0n)).toBe(0);
    expect(read('read_kernel', 0, 0n)).toBe(-EFAULT);
    expect(read('read_user', 0, 0n)).toBe(0);
    expect(read('read_user', 0, TASK_SIZE_MAX + 1n)).toBe(-EFAULT);
    expect(read('read_user_str', 0, 0n)).toBe(0);
    expect(read('read_kernel_str', 0, 0n)).toBe(-EFAULT);
  });
});

describe('probe_read_str', () => {
  test('counts the NUL; kernel strings go byte by byte', () => {
    const { read, got, src } = setUp();
    expect(read('read_kernel_str', 64, src)).toBe(12);
    expect(got(13)).toBe('kernel text\0\xaa');
    expect(read('read_compat_str', 64, USER)).toBe(10);
  });

  test('user strings go by words: bytes behind the NUL arrive with it', () => {
    const { read, got } = setUp();
    expect(read('read_user_str', 64, USER)).toBe(10);
    expect(got(17)).toBe('user text\0behind\xaa');
  });

  test('the last bytes of a short buffer go one by one', () => {
    const { read, got } = setUp();
    expect(read('read_user_str', 12, USER)).toBe(10);
    expect(got(11)).toBe('user text\0\xaa');
  });

  test('an empty string counts 1, from user memory 0', () => {
    const { kernel, read, src, srcOff } = setUp();
    kernel.mem.write8(srcOff, 0);
    userSpaceOf(kernel).write(USER, Uint8Array.of(0));
    expect(read('read_kernel_str', 8, src)).toBe(1);
    expect(read('read_user_str', 8, USER)).toBe(0);
  });

  test('a string that runs into nothing faults, and the buffer is zeroed', () => {
    const { kernel, read, got } = setUp();
    userSpaceOf(kernel).write(USER + 0xffen, text('no'));
    for (const name of ['read_user_str', 'read_compat_str']) {
      expect(read(name, 8, USER + 0xffen)).toBe(-EFAULT);
      expect(got(8)).toBe('\0'.repeat(8));
    }
    userSpaceOf(kernel).write(TASK_SIZE_MAX - 2n, text('no'));
    expect(read('read_user_str', 8, TASK_SIZE_MAX - 2n)).toBe(-EFAULT);
  });
});

describe('probe_write_user', () => {
  test('writes what is mapped', () => {
    const { kernel, call, src } = setUp();
    expect(call('write_user', USER, src, 6)).toBe(0);
    expect(userSpaceOf(kernel).read(USER, 9)).toEqual(text('kernelxt\0'.slice(0, 6) + 'ext'));
    expect(call('write_user', USER + 0xffdn, src, 6)).toBe(-EFAULT);
    expect(userSpaceOf(kernel).byteAt(USER + 0xffdn)).toBe(0);
    expect(call('write_user', src, src, 6)).toBe(-EFAULT);
  });

  test('the idle task has no user memory', () => {
    const { kernel, call, src } = setUp();
    kernel.env.current = { ...kernel.env.current, pid: 0, tgid: 0 };
    expect(call('write_user', USER, src, 6)).toBe(-EPERM);
  });
});
