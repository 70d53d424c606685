// SPDX-License-Identifier: MIT
import { E2BIG, InternalError } from '@tsbpf/uapi';
import type { BpfMap, MapOps } from '@tsbpf/core';
import { callHelper, createTestKernel, signed } from '@tsbpf/testkit';
import { describe, expect, test } from 'vitest';
import { mapElementHelpers as rows } from './elements.ts';

/** A kernel with one map that notes what it is asked. */
function withMap(ops: (log: unknown[][]) => MapOps) {
  const kernel = createTestKernel();
  const off = kernel.mem.alloc(64, { kind: 'map' });
  const log: unknown[][] = [];
  const map = { kind: 'map', off, def: { name: 'array', ops: ops(log) } } as unknown as BpfMap;
  kernel.objects.add(map);
  const call = (variant: string, ...args: (bigint | number)[]): bigint =>
    callHelper(kernel, { rows, variant }, { args: [kernel.mem.toAddr(off), ...args] });
  return { kernel, log, call };
}

const recording = (log: unknown[][]): MapOps => ({
  lookup: (_map, key) => (log.push(['lookup', key]), key === 0x20000 ? 0x30000 : 0),
  update: (_map, key, value, flags) => (log.push(['update', key, value, flags]), -E2BIG),
  delete: (_map, key) => (log.push(['delete', key]), 0),
  push: (_map, value, flags) => (log.push(['push', value, flags]), 0),
  pop: (_map, value) => (log.push(['pop', value]), 0),
  peek: (_map, value) => (log.push(['peek', value]), 0),
  free: () => undefined,
});

describe('map element helpers', () => {
  test('lookup answers an address, or NULL', () => {
    const { kernel, call } = withMap(recording);
    expect(call('bpf_map_lookup_elem', kernel.mem.toAddr(0x20000))).toBe(kernel.mem.toAddr(0x30000));
    expect(call('bpf_map_lookup_elem', kernel.mem.toAddr(0x20008))).toBe(0n);
  });

  test('offsets above 2 GiB arrive unsigned', () => {
    const { kernel, call, log } = withMap(recording);
    call('bpf_map_delete_elem', kernel.mem.toAddr(0x9000_0000));
    expect(log).toEqual([['delete', 0x9000_0000]]);
  });

  test.each([
    [0n, 0],
    [4n, 4],
    [0x1_0000_0001n, 0x1_0000_0001],
    [0xffffffff_00000000n, 0xffffffff * 2 ** 32],
  ])('update passes flags %s so that no high bit is lost', (flags, expected) => {
    const { kernel, call, log } = withMap(recording);
    const [key, value] = [kernel.mem.toAddr(0x20000), kernel.mem.toAddr(0x20040)];
    expect(signed(call('bpf_map_update_elem', key, value, flags))).toBe(-E2BIG);
    expect(log).toEqual([['update', 0x20000, 0x20040, expected]]);
  });

  test('push, pop; the peek that is not rewritten pops', () => {
    const { kernel, call, log } = withMap(recording);
    const value = kernel.mem.toAddr(0x20040);
    call('bpf_map_push_elem', value, 0x1_0000_0000n);
    call('bpf_map_pop_elem', value);
    call('bpf_map_peek_elem', value);
    expect(log).toEqual([
      ['push', 0x20040, 0x1_0000_0000],
      ['pop', 0x20040],
      ['pop', 0x20040],
    ]);
  });

  test('an operation a map type lacks, and an address of no map, are our defects', () => {
    const { kernel, call } = withMap(() => ({}) as MapOps);
    expect(() => call('bpf_map_lookup_elem', 0)).toThrow('maps of type array have no program-side lookup');
    expect(() => callHelper(kernel, { rows, variant: 'bpf_map_lookup_elem' }, { args: [0x20000, 0] })).toThrow(
      InternalError,
    );
  });
});
