// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { isOlderThan, LATER_ATTACH_TYPES, LATER_HELPERS, LATER_MAP_TYPES, LATER_PROG_TYPES } from './since.ts';
import { BPF_MAP_TYPE_NAMES } from './generated/map-types.ts';

describe('what came later', () => {
  it('numbers helpers as Linux does', () => {
    expect(LATER_HELPERS.get(118)).toBeUndefined();
    expect(LATER_HELPERS.get(131)).toEqual({ name: 'bpf_ringbuf_reserve', version: '5.8' });
    expect(LATER_HELPERS.get(166)).toEqual({ name: 'bpf_sys_bpf', version: '5.14' });
    expect(LATER_HELPERS.get(181)).toEqual({ name: 'bpf_loop', version: '5.17' });
    expect(LATER_HELPERS.get(211)).toEqual({ name: 'bpf_cgrp_storage_delete', version: '6.2' });
    expect(LATER_HELPERS.size).toBe(211 - 118);
  });

  it('numbers map, program and attach types as Linux does', () => {
    for (const [type, { name }] of LATER_MAP_TYPES) expect(BPF_MAP_TYPE_NAMES[type]).toBe(name);
    expect(LATER_PROG_TYPES.get(30)?.name).toBe('BPF_PROG_TYPE_SK_LOOKUP');
    expect(LATER_ATTACH_TYPES.get(28)?.name).toBe('BPF_TRACE_ITER');
    expect(LATER_ATTACH_TYPES.get(37)?.name).toBe('BPF_XDP');
    expect(LATER_ATTACH_TYPES.get(57)?.name).toBe('BPF_TRACE_UPROBE_SESSION');
  });

  it.each([
    ['5.6.0', '5.7', true],
    ['5.6.4-arch1', '5.6', false],
    ['5.10.0', '5.8', false],
    ['6.1.0-13-amd64', '6.2', true],
    ['6.18.44', '5.19', false],
    ['5', '5.1', true],
  ])('compares release %s with %s', (release, version, older) => {
    expect(isOlderThan(release, { name: 'x', version })).toBe(older);
  });
});
