// SPDX-License-Identifier: MIT
import { expect, it } from 'vitest';
import { BPF_MAP_CREATE, BPF_MAP_TYPE_PERF_EVENT_ARRAY, BPF_MAP_TYPE_RINGBUF } from '@tsbpf/uapi';
import { FakeSys } from '../../test/fake-sys.ts';
import { CLANGS, fixture } from '../../test/fixture.ts';
import { openObject } from '../handle/object.ts';

it.each(CLANGS)('gives maps inside maps the sizes that maps of their own get (%s)', (clang) => {
  const sys = new FakeSys({ version: '6.18' });
  openObject(fixture('inner-sizes', clang), { sys, name: 'inner' }).load();
  const created = sys.calls.filter(({ verb }) => verb === `bpf ${BPF_MAP_CREATE}`).map(({ args }) => args);
  const inner = (map_name: string, map_type: number, max_entries: number): unknown =>
    expect.objectContaining({ map_name, map_type, max_entries });
  expect(created).toContainEqual(inner('rings.inner', BPF_MAP_TYPE_PERF_EVENT_ARRAY, sys.possibleCpus()));
  expect(created).toContainEqual(inner('buffers.inner', BPF_MAP_TYPE_RINGBUF, 8192));
});
