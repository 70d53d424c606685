// SPDX-License-Identifier: MIT
import { EINVAL } from '@tsbpf/uapi';
import { callHelper, createTestKernel, signed } from '@tsbpf/testkit';
import { describe, expect, test } from 'vitest';
import { userSpaceOf } from '../task/user-space.ts';
import { tracePrintkHelpers as rows } from './trace-printk.ts';

const latin1 = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0));

function printk(fmt: string, args: (bigint | number)[] = [], kernel = createTestKernel()) {
  const off = kernel.mem.alloc(fmt.length);
  kernel.mem.writeBytes(off, latin1(fmt));
  const call = { args: [kernel.mem.toAddr(off), fmt.length, ...args] };
  const r0 = signed(callHelper(kernel, { rows, variant: 'bpf_trace_printk' }, call));
  return { r0, line: kernel.env.tracePipe.at(-1) };
}

const MINUS_ONE = 0xffff_ffff_ffff_ffffn;

const good: [fmt: string, args: (bigint | number)[], text: string][] = [
  ['plain\n', [], 'plain\n'],
  ['', [], ''],
  ['%d %i', [MINUS_ONE, 0x1_8000_0000n], '-1 -2147483648'],
  ['%u %x', [MINUS_ONE, 0x1_dead_beefn], '4294967295 deadbeef'],
  ['%ld %li', [MINUS_ONE, 1n << 63n], '-1 -9223372036854775808'],
  ['%lu %llu', [MINUS_ONE, 1n << 63n], '18446744073709551615 9223372036854775808'],
  ['%lx %llx %lld', [MINUS_ONE, 0x1_dead_beefn, -5], 'ffffffffffffffff 1deadbeef -5'],
  ['[%s]', [0], '[]'],
  ['%s%d', [0, 3], '3'],
];

const bad: [fmt: string, why: string][] = [
  ['no end', 'no NUL at the end'],
  ['a\0b\0', 'a NUL inside'],
  ['\x01\0', 'a control character'],
  ['\xe4\0', 'not ASCII'],
  ['100%\0', '% at the end'],
  ['%%\0', 'no %%'],
  ['%c\0', 'another conversion'],
  ['%5d\0', 'a width'],
  ['%hd\0', 'h'],
  ['%lp\0', 'a long pointer'],
  ['%llld\0', 'three l'],
  ['%l\0', 'l alone'],
  ['%d %d %d %d\0', 'four'],
  ['%s %s\0', 'two strings'],
  ['%pK\0', 'an extended pointer'],
  ['%sx\0', 'a letter behind %s'],
];

describe('bpf_trace_printk', () => {
  test.each(good)('%j of %s', (fmt, args, text) => {
    const { r0, line } = printk(`${fmt}\0`, args);
    expect(r0).toBe(text.length);
    expect(line).toBe(`           tsbpf-1000  [000] d...     1.000001: 0: ${text.replace('\n', '')}`);
  });

  test.each(bad)('%j is EINVAL: %s', (fmt) => {
    expect(printk(fmt)).toEqual({ r0: -EINVAL, line: undefined });
  });

  test('strings come from any space, at most 63 bytes of them, up to where they fault', () => {
    const kernel = createTestKernel();
    const user = userSpaceOf(kernel);
    user.write(0x1000n, latin1(`${'x'.repeat(100)}\0`));
    user.write(0x1ffdn, latin1('end'));
    const inKernel = kernel.mem.alloc(8);
    kernel.mem.writeBytes(inKernel, latin1('kernel'));
    expect(printk('%s\0', [0x1000], kernel).r0).toBe(63);
    expect(printk('%s\0', [0x1ffd], kernel).line).toMatch(/: end$/);
    expect(printk('%d,%s;\0', [1, kernel.mem.toAddr(inKernel)], kernel).line).toMatch(/: 1,kernel;$/);
  });

  test('pointers are hashed, always the same way', () => {
    const [a, b, c] = [1n, 1n, 2n].map((p) => printk('%p\0', [p]).line?.slice(-16));
    expect(a).toMatch(/^0{8}[0-9a-f]{8}$/);
    expect(b).toBe(a);
    expect(c).not.toBe(a);
  });

  test('task, CPU and time are those of the run', () => {
    const env = { task: { pid: 7, comm: 'ping' }, startNs: 12_345_006_789_000n, tickNs: 0n };
    const kernel = createTestKernel({ env });
    kernel.env.cpu = 1;
    expect(printk('hi\0', [], kernel).line).toBe('            ping-7     [001] d... 12345.006789: 0: hi');
  });

  test('a script says in what context it is; the idle task has a name of its own', () => {
    const env = { task: { pid: 0, comm: 'swapper/0' }, startNs: 1_000_000n, tickNs: 0n };
    const kernel = createTestKernel({ env });
    kernel.env.latency = '..s1';
    expect(printk('hi\0', [], kernel).line).toBe('          <idle>-0     [000] ..s1     0.001000: 0: hi');
  });
});
