// SPDX-License-Identifier: MIT
import { expect, it } from 'vitest';
import { BPF_MAP_CREATE, BPF_MAP_TYPE_PERF_EVENT_ARRAY } from '@tsbpf/uapi';
import { FakeSys } from '../../test/fake-sys.ts';
import { CLANGS, fixture } from '../../test/fixture.ts';
import { openObject } from '../handle/object.ts';

it.each(CLANGS)('gives a perf event array inside a map as many elements as there are CPUs (%s)', (clang) => {
  const sys = new FakeSys({});
  openObject(fixture('inner-perf', clang), { sys, name: 'inner' }).load();
  const created = sys.calls.filter(({ verb }) => verb === `bpf ${BPF_MAP_CREATE}`).map(({ args }) => args);
  expect(created).toContainEqual(
    expect.objectContaining({
      map_type: BPF_MAP_TYPE_PERF_EVENT_ARRAY,
      map_name: 'rings.inner',
      max_entries: sys.possibleCpus(),
    }),
  );
});
