// SPDX-License-Identifier: MIT
import { EINVAL, ERANGE } from '@tsbpf/uapi';
import { callHelper, createTestKernel, signed } from '@tsbpf/testkit';
import { describe, expect, test } from 'vitest';
import { strtoHelpers as rows } from './strto.ts';

function convert(variant: string, text: string, flags: bigint | number = 0): [number, bigint] {
  const kernel = createTestKernel();
  const buf = kernel.mem.alloc(128);
  const result = kernel.mem.alloc(8);
  kernel.mem.fill(result, 8, 0xaa);
  kernel.mem.writeBytes(
    buf,
    Uint8Array.from(text, (c) => c.charCodeAt(0)),
  );
  const args = [kernel.mem.toAddr(buf), text.length, flags, kernel.mem.toAddr(result)];
  const r0 = signed(callHelper(kernel, { rows, variant }, { args }));
  return [r0, kernel.mem.readS64(result)];
}

/** Bytes consumed or -errno, and the value stored. */
const both: [text: string, flags: number | bigint, r0: number, value: bigint][] = [
  ['600\n', 0, 3, 600n],
  ['  \t\n42 7', 0, 6, 42n],
  ['0x1F', 0, 4, 31n],
  ['0X1f', 16, 4, 31n],
  ['1f', 16, 2, 31n],
  ['0xg', 0, 1, 0n],
  ['0xg', 16, -EINVAL, 0n],
  ['0777', 0, 4, 511n],
  ['0777', 10, 4, 777n],
  ['778', 8, 2, 63n],
  ['8', 8, -EINVAL, 0n],
  ['12ab', 10, 2, 12n],
  ['', 0, -EINVAL, 0n],
  ['   ', 0, -EINVAL, 0n],
  ['-', 0, -EINVAL, 0n],
  ['abc', 10, -EINVAL, 0n],
  ['+1', 0, -EINVAL, 0n],
  ['1', 2, -EINVAL, 0n],
  ['1', 31, -EINVAL, 0n],
  ['1', 32 + 10, -EINVAL, 0n],
  ['1', 0x1_0000_0000n, -EINVAL, 0n],
  ['18446744073709551616', 0, -ERANGE, 0n],
  ['9223372036854775807', 0, 19, 9223372036854775807n],
  [`${'0'.repeat(62)}12`, 10, 63, 1n],
  ['\xa05', 0, 2, 5n],
  ['1\x002', 0, 1, 1n],
];

describe.each(['bpf_strtol', 'bpf_strtoul'])('%s', (variant) => {
  test.each(both)('%j with flags %s', (text, flags, r0, value) => {
    expect(convert(variant, text, flags)).toEqual([r0, value]);
  });
});

test.each([
  ['-17 ', 3, -17n],
  ['-0', 2, 0n],
  ['-9223372036854775808', 20, -(2n ** 63n)],
  ['-9223372036854775809', -ERANGE, 0n],
  ['9223372036854775808', -ERANGE, 0n],
])('strtol of %j', (text, r0, value) => {
  expect(convert('bpf_strtol', text)).toEqual([r0, value]);
});

test.each([
  ['-1', -EINVAL, 0n],
  ['18446744073709551615', 20, -1n],
])('strtoul of %j', (text, r0, value) => {
  expect(convert('bpf_strtoul', text)).toEqual([r0, value]);
});
