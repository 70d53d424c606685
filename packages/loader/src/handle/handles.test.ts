// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { BPF_NOEXIST, SyscallError, UsageError } from '@tsbpf/uapi';
import { FakeSys, type FakeOptions } from '../../test/fake-sys.ts';
import { fixture } from '../../test/fixture.ts';
import { openObject } from './object.ts';

function loaded(name: string, fake: FakeOptions = {}) {
  const sys = new FakeSys(fake);
  const obj = openObject(fixture(name), { sys, name });
  obj.load();
  return { sys, obj };
}

describe('maps', () => {
  it('holds typed values', () => {
    const { points } = loaded('maps').obj.maps;
    expect(points.get(1)).toBeUndefined();
    points.set(1, { x: 7, y: -2, name: 'abc', stamp: 1n << 40n });
    points.set(2, { x: 9 });
    expect(points.get(1)).toEqual({ x: 7, y: -2, name: 'abc', stamp: 1n << 40n });
    expect(points.has(2)).toBe(true);
    expect([...points.keys()]).toEqual([1, 2]);
    expect([...points.entries()][1]).toEqual([2, { x: 9, y: 0, name: '', stamp: 0n }]);
    expect(points.size).toBe(2);
    expect(points.delete(2)).toBe(true);
    expect(points.delete(2)).toBe(false);
    expect(points.lookupAndDelete(1)).toMatchObject({ x: 7 });
    expect(points.size).toBe(0);
  });

  it('keeps a value for each CPU', () => {
    const { obj } = loaded('maps', { cpus: 3 });
    const { per_cpu: perCpu } = obj.maps;
    perCpu.set(0, [1n, 2n, 3n]);
    expect(perCpu.get(0)).toEqual([1n, 2n, 3n]);
    perCpu.set(1, 5n);
    expect(perCpu.get(1)).toEqual([5n, 5n, 5n]);
    expect(() => perCpu.set(0, [1n])).toThrow('1 values for 3 CPUs');
  });

  it('takes bytes and integers where there are no types', () => {
    const { untyped } = loaded('maps').obj.maps;
    const key = new Uint8Array([1, 2, 3, 4, 5, 6]);
    untyped.set(key, 9n);
    expect(untyped.get(key)).toBe(9n);
    expect([...untyped.keys()]).toEqual([key]);
    expect(() => untyped.set(5, 9n)).toThrow(UsageError);
    expect(() => untyped.set(key, -(1n << 64n))).toThrow('does not fit');
  });

  it('takes handles where a kernel takes fds', () => {
    const { sys, obj } = loaded('maps');
    obj.maps['jumps'].set(0, obj.progs['jump']);
    const value = sys.mapByName('jumps')?.elements.get('00000000');
    expect(new DataView(value!.buffer).getUint32(0, true)).toBe(obj.progs['jump'].fd);
    obj.maps['dynamic'].set(5, obj.maps['inner_a']);
    const inner = sys.mapByName('dynamic')?.elements.get('05000000');
    expect(new DataView(inner!.buffer).getUint32(0, true)).toBe(obj.maps['inner_a'].fd);
    const outer = sys.mapByName('outer')!;
    expect([...outer.elements.keys()]).toEqual(['00000000', '02000000']);
  });

  it('has settings until it exists', () => {
    const sys = new FakeSys();
    const obj = openObject(fixture('maps'), { sys, name: 'maps' });
    obj.maps['points'].maxEntries = 5;
    obj.maps['points'].mapFlags = 1;
    obj.load();
    expect(sys.mapByName('points')?.attr).toMatchObject({ max_entries: 5, map_flags: 1 });
    expect(sys.mapByName('events')?.attr.max_entries).toBe(2);
    expect(() => (obj.maps['points'].maxEntries = 6)).toThrow('max entries cannot change after loading');
    expect(obj.maps['points'].info()).toMatchObject({ max_entries: 5 });
  });

  it('changes sizes: types that no longer fit are dropped', () => {
    const sys = new FakeSys();
    const obj = openObject(fixture('maps'), { sys, name: 'maps' });
    obj.maps['points'].keySize = 8;
    obj.load();
    expect(sys.mapByName('points')?.attr).toMatchObject({ key_size: 8, btf_key_type_id: 0 });
    obj.maps['points'].set(1n << 40n, { x: 3 });
    expect([...obj.maps['points'].keys()]).toEqual([1n << 40n]);
    const globals = openObject(fixture('globals'), { sys, name: 'globals' });
    globals.map('.bss').valueSize = 4096;
    globals.load();
    expect(sys.mapByName('globals.bss')?.elements.get('00000000')).toHaveLength(4096);
    globals.bss['total'] = 6n;
    expect(globals.bss['total']).toBe(6n);
  });

  it('reuses a map that is given', () => {
    const first = loaded('maps');
    const obj = openObject(fixture('maps'), { sys: first.sys, name: 'maps' });
    const { fd } = first.obj.maps['points'];
    obj.maps['points'].reuseFd(fd);
    obj.load();
    expect(obj.maps['points'].fd).toBe(fd);
    expect(obj.maps['points'].reused).toBe(true);
  });

  it('says what failed', () => {
    const { obj } = loaded('globals');
    const rodata = obj.map('.rodata');
    expect(() => rodata.setBytes(new Uint8Array(4), new Uint8Array(rodata.valueSize), { flags: BPF_NOEXIST })).toThrow(
      SyscallError,
    );
    expect(() => obj.map('nope')).toThrow(/has no map 'nope'; it has: .*globals.rodata/);
    expect(() => obj.maps.get('.data')?.get()).toThrow('a key of 4 bytes is missing');
  });
});

describe('programs', () => {
  it('runs without being attached', () => {
    const { obj } = loaded('subprogs');
    const data = new Uint8Array([1, 2, 3]);
    expect(obj.progs['first'].testRun({ data, repeat: 2 })).toEqual({
      retval: 0xffffffff,
      data,
      ctx: undefined,
      durationNs: 12,
    });
  });

  it('has no fd before it is loaded, without autoload, and after its object is closed', () => {
    const { obj } = loaded('subprogs');
    expect(() => obj.progs['not_loaded'].fd).toThrow('autoload is off');
    obj.close();
    expect(() => obj.progs['first'].fd).toThrow('its object is closed');
    expect(() => openObject(fixture('subprogs')).progs['first'].fd).toThrow('load its object first');
    expect(() => obj.load()).toThrow(UsageError);
  });
});
