// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { CLANGS, fixture } from '../../test/fixture.ts';
import { internalMapName } from '../maps/internal-maps.ts';
import { openObject } from '../handle/object.ts';

const open = (name: string, clang = 'clang16') => openObject(fixture(name, clang), { name });

describe.each(CLANGS)('objects of %s', (clang) => {
  it('maps: every way to declare one', () => {
    const obj = open('maps', clang);
    expect([...obj.progs].map((p) => p.name)).toEqual(['count', 'jump']);
    const rows = [...obj.maps].map((m) => [m.name, m.type, m.keySize, m.valueSize, m.maxEntries, m.mapFlags]);
    expect(rows.sort()).toEqual([
      ['dynamic', 13, 4, 4, 3, 0],
      ['events', 4, 4, 4, 0, 0],
      ['inner_a', 2, 4, 4, 1, 0],
      ['inner_b', 2, 4, 4, 1, 0],
      ['jumps', 3, 4, 4, 3, 0],
      ['outer', 12, 4, 4, 4, 0],
      ['per_cpu', 6, 4, 8, 2, 0],
      ['points', 1, 4, 24, 16, 0],
      ['queue', 22, 0, 4, 4, 0],
      ['untyped', 9, 6, 8, 8, 4],
    ]);
    const spec = (name: string) => obj.map(name).spec;
    expect([...(spec('outer').slots ?? [])]).toEqual([
      [0, { map: 'inner_a' }],
      [2, { map: 'inner_b' }],
    ]);
    expect([...(spec('jumps').slots ?? [])]).toEqual([[1, { prog: 'count' }]]);
    expect(spec('dynamic').inner).toMatchObject({ name: 'dynamic.inner', type: 1, keySize: 8, maxEntries: 5 });
  });

  it('globals: typed access before loading', () => {
    const obj = open('globals', clang);
    expect([...obj.maps].map((m) => m.name).sort()).toEqual(
      ['.data.custom', '.rodata.limits', '.rodata.str1.1', 'globals.bss', 'globals.data', 'globals.rodata'].sort(),
    );
    expect(obj.rodata['wide']).toBe(0x1122334455667788n);
    expect(obj.rodata['config']).toEqual({ limit: 10, mode: 2, tag: 'abc' });
    expect(obj.rodata['color']).toBe(5);
    obj.rodata['config'] = { limit: 99, mode: 1, tag: 'xy' };
    expect(obj.rodata['config']).toEqual({ limit: 99, mode: 1, tag: 'xy' });
    expect([obj.data['counter'], obj.data['negative'], obj.data['flag']]).toEqual([3, -5n, true]);
    expect(obj.bss['total']).toBe(0n);
    expect(obj.section('.data.custom')?.get('custom')).toBe(77);
    expect(obj.section('.rodata.limits')?.get('limits')).toEqual([100, 200]);
    expect(() => obj.section('.data')?.get('nope')).toThrow(/no variable 'nope'; it has: .*counter/);
    expect(() => (obj.rodata['nope'] = 1)).toThrow();
    expect(obj.license).toBe('GPL');
    expect(obj.maps.get('.rodata')?.name).toBe('globals.rodata');
  });

  it('subprogs: only what can be loaded is a program', () => {
    const obj = open('subprogs', clang);
    expect([...obj.progs].map((p) => [p.name, p.sectionName, p.type, p.autoload])).toEqual([
      ['first', 'tc', 3, true],
      ['second', 'tc', 3, true],
      ['third', 'tc', 3, true],
      ['not_loaded', 'tc', 3, false],
    ]);
    expect(() => obj.program('leaf')).toThrow("no program 'leaf'; it has: first, second, third, not_loaded");
  });

  it('externs: .kconfig laid out by alignment, size and name', () => {
    const obj = open('externs', clang);
    expect(obj.section('.kconfig')?.map.valueSize).toBe(8 + 4 * 3 + 1 + 16);
    expect(obj.section('.kconfig')?.names.sort()).toEqual([
      'CONFIG_BPF',
      'CONFIG_BPF_SYSCALL',
      'CONFIG_CC_VERSION_TEXT',
      'CONFIG_HZ',
      'CONFIG_NOT_THERE',
      'LINUX_KERNEL_VERSION',
    ]);
  });

  it('legacy: maps of struct bpf_map_def', () => {
    const obj = open('legacy', clang);
    expect(
      [...obj.maps].filter((m) => m.kind === 'user').map((m) => [m.name, m.type, m.valueSize, m.mapFlags]),
    ).toEqual([
      ['hits', 2, 8, 0],
      ['names', 1, 3, 1],
    ]);
  });

  it('struct_ops: the variable and its functions', () => {
    const obj = open('struct_ops', clang);
    const [map] = obj.maps;
    expect([map.name, map.kind, map.type]).toEqual(['mine', 'struct_ops', 26]);
    expect(map.spec.structOps?.funcs.map((f) => f.progName).sort()).toEqual([
      'mine_cong_avoid',
      'mine_ssthresh',
      'mine_undo_cwnd',
    ]);
  });

  it('sections: types and targets from names', () => {
    const obj = open('sections', clang);
    expect([...obj.progs].map((p) => [p.name, p.type, p.expectedAttachType, p.attachTarget])).toEqual([
      ['on_kprobe', 2, 0, undefined],
      ['on_kretprobe', 2, 0, undefined],
      ['on_tracepoint', 5, 0, undefined],
      ['on_raw_tp', 17, 0, undefined],
      ['on_tp_btf', 26, 23, 'sched_switch'],
      ['on_fentry', 26, 24, 'bpf_fentry_test1'],
      ['on_fexit', 26, 25, 'bpf_fentry_test1'],
      ['on_sysctl', 23, 18, undefined],
      ['on_egress', 8, 1, undefined],
      ['on_xdp', 6, 37, undefined],
      ['on_perf', 7, 0, undefined],
      ['on_nothing', 0, 0, undefined],
    ]);
  });
});

describe('opening', () => {
  it('needs no system; loading does', () => {
    const obj = open('maps');
    expect(() => obj.load()).toThrow('load needs a system');
    expect(() => obj.maps['points'].fd).toThrow('does not exist before');
  });

  it('opens the other byte order', () => {
    const obj = open('globals', 'bpfeb');
    expect(obj.littleEndian).toBe(false);
    expect(obj.rodata['wide']).toBe(0x1122334455667788n);
    expect(obj.data['counter']).toBe(3);
    expect(obj.progs['add'].insns.at(-1)?.code).toBe(0x95);
  });

  it('prints what libbpf prints', () => {
    const lines: string[] = [];
    openObject(fixture('maps'), { name: 'maps', print: (_level, text) => lines.push(text) });
    expect(lines).toEqual(
      expect.arrayContaining(['license of maps is GPL', ".maps relo #2: map 'jumps' slot [1] points to prog 'count'"]),
    );
  });
});

describe('internalMapName', () => {
  it.each([
    ['s19', '.data', 's19.data'],
    ['a_very_long_object', '.bss', 'a_very_l.bss'],
    ['a_very_long_object', '.rodata', 'a_very_l.rodata'],
    ['a_very_long_object', '.kconfig', 'a_very_.kconfig'],
    ['x', '.data.cust', '.data.cust'],
    ['x', '.rodata.str1.1', '.rodata.str1.1'],
    ['x', '.rodata.a_very_long_name', '.rodata.a_very_'],
    ['a-b', '.data', 'a_b.data'],
  ])('%s %s', (obj, sec, name) => {
    expect(internalMapName(obj, sec)).toBe(name);
  });
});
