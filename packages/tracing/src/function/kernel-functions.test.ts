// SPDX-License-Identifier: MIT
import { NotSupportedError, UsageError } from '@tsbpf/uapi';
import { createTestSys } from '@tsbpf/testkit';
import { describe, expect, test } from 'vitest';
import { FakeObject } from './fake-object.ts';
import { KernelFunctions } from './kernel-functions.ts';
import type { KernelValue } from './kernel-value.ts';
import { RunLog } from './run-log.ts';

function setUp(overridden?: bigint) {
  const kernel = createTestSys().state;
  const probed: string[] = [];
  const functions = new KernelFunctions(kernel, new RunLog(), {
    enter: (name, args) => (probed.push(`${name}(${args.join(', ')})`), overridden),
    leave: (name, ret) => void probed.push(`${name} = ${ret}`),
  });
  return { kernel, functions, probed };
}

describe('calls', () => {
  test('bodies get arguments as their types say, callers results', () => {
    const { functions } = setUp();
    const seen: (readonly bigint[])[] = [];
    const body = ({ args }: { args: readonly bigint[] }): bigint => (seen.push(args), -1n);
    const cases: [name: string, args: KernelValue[], seen: bigint[], ret: bigint][] = [
      ['bpf_fentry_test3', [-1, -2, 3], [-1n, -2n, 3n], -1n],
      ['bpf_fentry_test5', [2n ** 64n - 1n, null, -3, 7, 0], [2n ** 64n - 1n, 0n, -3n, 7n, 0n], -1n],
      ['vfs_create', [null, null, 0o644, true], [0n, 0n, 0o644n, 1n], -1n],
    ];
    for (const [name, args, expected, ret] of cases) {
      functions.define(name, body);
      expect(functions.call(name, args).ret).toBe(ret);
      expect(seen.at(-1)).toEqual(expected);
    }
  });

  test('functions of void return nothing', () => {
    const { functions } = setUp();
    functions.define('tcp_set_state', () => undefined);
    expect(functions.call('tcp_set_state', [null, 7])).toEqual({ ret: 0n, runs: [] });
  });

  test('probes see words; an override takes the place of function and return', () => {
    const plain = setUp();
    plain.functions.define('vfs_fsync', () => 3);
    expect(plain.functions.call('vfs_fsync', [null, -1]).ret).toBe(3n);
    expect(plain.probed).toEqual(['vfs_fsync(0, 4294967295)', 'vfs_fsync = 3']);

    const { functions, probed } = setUp(0xfffffff4n);
    functions.define('vfs_fsync', () => 3);
    expect(functions.call('vfs_fsync', [null, 0]).ret).toBe(-12n);
    expect(probed).toEqual(['vfs_fsync(0, 0)']);
  });

  test('a function that returns a pointer may return an object', () => {
    const { kernel, functions } = setUp();
    const page = new FakeObject(kernel, 'page', {});
    functions.define('__page_cache_alloc', () => page);
    expect(functions.call('__page_cache_alloc', [0]).ret).toBe(page.addr);
  });

  test('bodies call other functions', () => {
    const { functions } = setUp();
    functions.define('vfs_fsync', () => 1);
    functions.define('vfs_open', () => functions.call('vfs_fsync', [null, 0]).ret + 1n);
    expect(functions.call('vfs_open', [null, null]).ret).toBe(2n);
  });

  test('what cannot be', () => {
    const { functions } = setUp();
    expect(() => functions.call('vfs_fsync', [null, 0])).toThrow(NotSupportedError);
    functions.define('vfs_fsync', () => 2 ** 40);
    expect(() => functions.call('vfs_fsync', [null, 0])).toThrow(
      'vfs_fsync: 1099511627776 does not fit 32 bits of int',
    );
    expect(() => functions.call('vfs_fsync', [])).toThrow(UsageError);
    expect(() => functions.define('nothing', () => 0)).toThrow("the kernel's BTF has no function nothing");
  });
});
