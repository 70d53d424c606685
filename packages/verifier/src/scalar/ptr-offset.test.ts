// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import type { Bounds } from './index.ts';
import {
  BPF_MAX_VAR_OFF,
  UNKNOWN,
  ZERO,
  addPtrOffset,
  foldFixedOffset,
  formatBounds,
  known,
  knownImm,
  makeBounds,
  ptrOffsetFault,
  subPtrOffset,
  syncPtrOffset,
  unknownOfSize,
} from './index.ts';

describe('ptrOffsetFault', () => {
  it.each([
    [ZERO, 0, undefined],
    [knownImm(BPF_MAX_VAR_OFF - 1), 0, undefined],
    [knownImm(BPF_MAX_VAR_OFF), 0, 'const'],
    [knownImm(-BPF_MAX_VAR_OFF), 0, 'const'],
    [knownImm(1 - BPF_MAX_VAR_OFF), 0, undefined],
    [known(1n << 32n), 0, 'const'],
    [ZERO, BPF_MAX_VAR_OFF, 'fixed'],
    [ZERO, 1 - BPF_MAX_VAR_OFF, undefined],
    [UNKNOWN, 0, 'unbounded'],
    [UNKNOWN, -BPF_MAX_VAR_OFF, 'fixed'],
    [makeBounds({ smin: -(1n << 29n) }), 0, 'min'],
    [makeBounds({ smin: 1n << 33n }), 0, 'min'],
    [unknownOfSize(4), 0, undefined],
  ])('case %#', (varOff, off, expected) => {
    expect(ptrOffsetFault(varOff, off)).toBe(expected);
  });
});

describe('foldFixedOffset', () => {
  it.each([
    [8, knownImm(-16), 'add', -8],
    [8, knownImm(16), 'sub', -8],
    [0, ZERO, 'sub', 0],
    [5, unknownOfSize(1), 'add', undefined],
    [0x7fffffff, knownImm(1), 'add', undefined],
    [-5, known(0x8000_0001n), 'add', 0x7ffffffc],
    [0, known(1n << 62n), 'add', undefined],
  ] as [number, Bounds, 'add' | 'sub', number | undefined][])('%i, %#', (off, delta, direction, expected) => {
    expect(foldFixedOffset(off, delta, direction)).toBe(expected);
  });
});

describe('variable offsets', () => {
  it('add, subtract and sync', () => {
    const sum = addPtrOffset(unknownOfSize(1), knownImm(4));
    expect(formatBounds(sum)).toBe(',umin_value=4,umax_value=259,var_off=(0x0; 0x1ff)');
    const difference = subPtrOffset(ZERO, unknownOfSize(1));
    expect(formatBounds(syncPtrOffset(difference))).toBe(',smin_value=-255,smax_value=0');
    expect(syncPtrOffset(ZERO)).toBe(ZERO);
    expect(addPtrOffset(ZERO, UNKNOWN)).toBe(UNKNOWN);
  });

  it('does not normalise before the check', () => {
    // The minimum of an overflowed sum is unbounded though the tnum would say more.
    const high = makeBounds({
      value: 1n,
      mask: 6n,
      smin: (1n << 63n) - 8n,
      smax: (1n << 63n) - 1n,
      umin: 1n,
      umax: 7n,
    });
    const sum = addPtrOffset(high, knownImm(8));
    expect(ptrOffsetFault(sum, 0)).toBe('unbounded');
    expect(ptrOffsetFault(syncPtrOffset(sum), 0)).toBeUndefined();
  });
});
