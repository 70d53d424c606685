// SPDX-License-Identifier: MIT
import { expect, it } from 'vitest';
import {
  BPF_MAP_CREATE,
  BPF_MAP_TYPE_PERF_EVENT_ARRAY,
  BPF_MAP_TYPE_RINGBUF,
  EINVAL,
  type BpfAttrs,
  type BpfCmd,
  type MapCreateAttr,
} from '@tsbpf/uapi';
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

/** A kernel that has no rings. */
class Ringless extends FakeSys {
  override bpf<C extends BpfCmd>(cmd: C, attr: BpfAttrs[C]): number {
    const ring = cmd === BPF_MAP_CREATE && (attr as MapCreateAttr).map_type === BPF_MAP_TYPE_RINGBUF;
    return ring ? -EINVAL : super.bpf(cmd, attr);
  }
}

it.each(CLANGS)('tells which Linux has a map type that the kernel refuses (%s)', (clang) => {
  const printed: string[] = [];
  const sys = new Ringless({ version: '5.6' });
  const obj = openObject(fixture('inner-sizes', clang), { sys, print: (_, text) => printed.push(text) });
  expect(() => obj.load()).toThrow(/: BPF_MAP_TYPE_RINGBUF is since Linux 5\.8, and this kernel is 5\.6/);
  expect(printed).toContainEqual(expect.stringMatching(/failed to create inner map: -22$/));
});
