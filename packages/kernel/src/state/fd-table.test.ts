// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { EBADF, EINVAL, EMFILE } from '@tsbpf/uapi';
import type { KernelFile } from '@tsbpf/core';
import { createFdTable } from './fd-table.ts';

const file = (kind: string, closed: string[] = []): KernelFile => ({
  kind,
  name: `bpf-${kind}`,
  release: () => closed.push(kind),
});

describe('fd table', () => {
  it('hands out the lowest free number', () => {
    const fds = createFdTable();
    expect([fds.install(file('a')), fds.install(file('b')), fds.install(file('c'))]).toEqual([3, 4, 5]);
    expect(fds.close(4)).toBe(0);
    expect(fds.install(file('d'))).toBe(4);
    expect(fds.install(file('e'))).toBe(6);
    expect(fds.fds()).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });

  it('releases a file with its last fd', () => {
    const closed: string[] = [];
    const fds = createFdTable();
    const shared = file('map', closed);
    const first = fds.install(shared);
    const second = fds.install(shared);
    fds.close(first);
    expect(closed).toEqual([]);
    fds.close(second);
    expect(closed).toEqual(['map']);
  });

  it('tells a closed fd from one of another kind', () => {
    const fds = createFdTable();
    const fd = fds.install(file('prog'));
    expect(fds.get(fd, 'map')).toBe(-EINVAL);
    expect(fds.get(99, 'map')).toBe(-EBADF);
    expect(fds.get(1, 'map'), 'stdout').toBe(-EINVAL);
    expect(fds.close(99)).toBe(-EBADF);
  });

  it('stops at the limit', () => {
    const fds = createFdTable({ limit: 5 });
    fds.install(file('a'));
    fds.install(file('b'));
    expect(fds.install(file('c'))).toBe(-EMFILE);
  });
});
