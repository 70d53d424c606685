// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { createBtfBuilder } from '../encode/builder.ts';
import { findMember, linearArray, memberAt, membersAt, resolvePath } from './members.ts';

const b = createBtfBuilder();
const u8 = b.int('unsigned char', 1);
const u32 = b.int('unsigned int', 4);
const inner = b.struct('', 8, [
  { name: 'a', typeId: u32, bitOffset: 0 },
  { name: 'b', typeId: u8, bitOffset: 32, bitSize: 3 },
]);
const u = b.union('', 8, [
  { name: '', typeId: inner, bitOffset: 0 },
  { name: 'raw', typeId: b.array(u8, u32, 8), bitOffset: 0 },
]);
const elem = b.struct('elem', 4, [{ name: 'x', typeId: u8, bitOffset: 8 }]);
const grid = b.array(b.array(elem, u32, 3), u32, 2);
const s = b.struct('s', 40, [
  { name: 'first', typeId: u32, bitOffset: 0 },
  { name: '', typeId: u, bitOffset: 64 },
  { name: 'grid', typeId: grid, bitOffset: 128 },
]);
const btf = b.build();
const alias = { btf, s: b.typedef('s_t', b.const(s)) };
const whole = b.build();

describe('member walks', () => {
  it('find members by name, in anonymous ones too', () => {
    expect(findMember(whole, alias.s, 'b')).toMatchObject({ bitOffset: 96, bitSize: 3, structId: inner, index: 1 });
    expect(findMember(whole, s, 'x')).toBeUndefined();
  });

  it('find what lies at a byte', () => {
    expect(memberAt(whole, s, 8)).toMatchObject({ name: 'a', bitOffset: 64 });
    expect(memberAt(whole, s, 4)).toBeUndefined();
    expect(memberAt(whole, s, 16 + 4 * 4 + 1)).toMatchObject({ name: 'x', bitOffset: 8 * (16 + 16) + 8 });
    expect(membersAt(whole, s, 9).map((m) => m.name)).toEqual(['', '', 'a', 'raw']);
  });

  it('lay dimensions end to end', () => {
    expect(linearArray(whole, grid)).toEqual({ elemTypeId: elem, elemSize: 4, nelems: 6 });
    expect(linearArray(whole, s)).toBeUndefined();
  });

  it('follow paths', () => {
    expect(resolvePath(whole, s, 'grid[1][2].x')).toEqual({ typeId: u8, bitOffset: 8 * (16 + 20) + 8, bitSize: 0 });
    expect(resolvePath(whole, s, 'raw[3]').bitOffset).toBe(88);
    for (const path of ['nope', 'grid[2]', 'first.x', 'grid[', 'first[0]']) {
      expect(() => resolvePath(whole, s, path)).toThrow(/path|member|array/);
    }
  });
});
