// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { BTF_KIND_FWD, createBtfBuilder } from '@tsbpf/btf';
import { exit } from '@tsbpf/insn';
import { EACCES, EFAULT, EINVAL } from '@tsbpf/uapi';
import { fakeVerification, outcome } from '../../test/verification.ts';
import { btfStructAccess, type StructLoad } from './struct-access.ts';

const k = createBtfBuilder();
const int = k.int('int', 4);
const long = k.int('long', 8);
const task = k.nextId + 20;
const taskPtr = k.ptr(k.const(task));
const intPtr = k.ptr(int);
const inner = k.struct('inner', 16, [
  { name: 'x', typeId: int, bitOffset: 0 },
  { name: 'p', typeId: taskPtr, bitOffset: 64 },
]);
const ints = k.array(int, int, 4);
const grid = k.array(k.array(inner, int, 2), int, 2);
const empty = k.array(int, int, 0);
const either = k.union('either', 8, [
  { name: 'small', typeId: int, bitOffset: 0 },
  { name: 'large', typeId: taskPtr, bitOffset: 0 },
]);
const incomplete = k.add({ kind: BTF_KIND_FWD, name: 'later', fwdKind: 'struct' });
const holder = k.struct('holder', 8, [{ name: 'later', typeId: incomplete, bitOffset: 0 }]);
while (k.nextId < task) k.volatile(int);
const members = [
  { name: 'state', typeId: long, bitOffset: 0 },
  { name: 'flags', typeId: int, bitOffset: 64 },
  { name: 'mm', typeId: taskPtr, bitOffset: 128 },
  { name: 'num', typeId: intPtr, bitOffset: 192 },
  { name: 'cb', typeId: ints, bitOffset: 256 },
  { name: 'none', typeId: empty, bitOffset: 384 },
  { name: 'grid', typeId: grid, bitOffset: 384 },
  { name: '', typeId: either, bitOffset: 896 },
  { name: 'in', typeId: inner, bitOffset: 960 },
];
k.struct('task', 136, members);
const bits = k.struct('bits', 8, [
  { name: 'a', typeId: int, bitOffset: 0, bitSize: 3 },
  { name: 'b', typeId: int, bitOffset: 3, bitSize: 13 },
  { name: 'c', typeId: int, bitOffset: 32 },
]);
const vmlinux = k.build();

interface Case {
  name: string;
  structId?: number;
  off: number;
  size: number;
  found?: number | 'scalar';
  errno?: number;
  log?: string;
}
const cases: Case[] = [
  { name: 'integer', off: 0, size: 8, found: 'scalar' },
  { name: 'part of an integer', off: 2, size: 2, found: 'scalar' },
  {
    name: 'across the end of a member',
    off: 4,
    size: 8,
    errno: EACCES,
    log: 'access beyond the end of member state (mend:8) in struct task with off 4 size 8\n',
  },
  { name: 'hole', off: 12, size: 4, errno: EINVAL, log: "struct task doesn't have field at offset 12\n" },
  { name: 'pointer to a structure', off: 16, size: 8, found: task },
  {
    name: 'part of a pointer',
    off: 16,
    size: 4,
    errno: EACCES,
    log: 'cannot access ptr member mm with moff 16 in struct task with off 16 size 4\n',
  },
  {
    name: 'end of a pointer',
    off: 20,
    size: 4,
    errno: EACCES,
    log: 'cannot access ptr member mm with moff 16 in struct task with off 20 size 4\n',
  },
  { name: 'pointer to int', off: 24, size: 8, found: 'scalar' },
  {
    name: 'part of a pointer to int',
    off: 24,
    size: 4,
    errno: EACCES,
    log: 'cannot access ptr member num with moff 24 in struct task with off 24 size 4\n',
  },
  { name: 'element', off: 36, size: 4, found: 'scalar' },
  { name: 'several elements', off: 36, size: 8, found: 'scalar' },
  {
    name: 'past the last element',
    off: 44,
    size: 8,
    errno: EACCES,
    log: 'access beyond the end of member cb (mend:48) in struct task with off 44 size 8\n',
  },
  { name: 'structure in an array of arrays', off: 48 + 3 * 16 + 8, size: 8, found: task },
  { name: 'its integer', off: 48 + 16, size: 4, found: 'scalar' },
  { name: 'its hole', off: 48 + 16 + 4, size: 4, errno: EINVAL, log: "struct inner doesn't have field at offset 4\n" },
  { name: 'first member of a union that covers', off: 112, size: 4, found: 'scalar' },
  {
    name: 'first member of a union, too short',
    off: 112,
    size: 8,
    errno: EACCES,
    log: 'access beyond the end of member small (mend:4) in struct either with off 0 size 8\n',
  },
  {
    name: 'second member of a union',
    off: 116,
    size: 4,
    errno: EACCES,
    log: 'cannot access ptr member large with moff 0 in struct either with off 4 size 4\n',
  },
  { name: 'nested', off: 128, size: 8, found: task },
  {
    name: 'past the structure',
    off: 132,
    size: 8,
    errno: EACCES,
    log: 'access beyond struct task at off 132 size 8\n',
  },
  { name: 'bitfield', structId: bits, off: 0, size: 1, found: 'scalar' },
  { name: 'second bitfield with the first', structId: bits, off: 0, size: 2, found: 'scalar' },
  {
    name: 'part of a bitfield',
    structId: bits,
    off: 1,
    size: 1,
    errno: EINVAL,
    log: "struct bits doesn't have field at offset 1\n",
  },
  { name: 'plain member beside bitfields', structId: bits, off: 4, size: 4, found: 'scalar' },
  { name: 'not a structure', structId: int, off: 0, size: 4, errno: EINVAL, log: "Type 'int' is not a struct\n" },
  { name: 'incomplete type', structId: holder, off: 0, size: 8, errno: EFAULT, log: "field later doesn't have size\n" },
];

describe('loads from kernel structures', () => {
  it.each(cases)('$name', ({ structId = task, off, size, found, errno = 0, log = '' }) => {
    const v = fakeVerification({ insns: [exit()], env: { vmlinux } });
    let load: StructLoad | undefined;
    const result = outcome(v, () => (load = btfStructAccess(v, { structId, off, size })));
    expect(result).toEqual({ errno: errno === 0 ? 0 : -errno, log });
    const got = load === undefined ? undefined : load.regType === 'SCALAR_VALUE' ? 'scalar' : load.btfId;
    expect(got).toBe(found);
  });
});
