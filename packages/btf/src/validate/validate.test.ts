// SPDX-License-Identifier: MIT
import { E2BIG, EEXIST, EINVAL, ENOSPC, ENOTSUPP } from '@tsbpf/uapi';
import { describe, expect, it } from 'vitest';
import { fixture } from '../../test/files.ts';
import { createBtfBuilder, type BtfBuilder } from '../encode/builder.ts';
import * as K from '../kinds.ts';
import { validateBtf } from './validate.ts';

interface Row {
  readonly descr: string;
  readonly errno: number;
  /** Last line of the log; undefined where every type is accepted. */
  readonly last: string;
  readonly build: (b: BtfBuilder, int: number) => void;
  /** Words to change afterwards: byte offset in the blob, new value. */
  readonly patch?: readonly (readonly [at: number, value: number])[];
}

const INT = 16 + 24;
const rows: readonly Row[] = [
  { descr: 'an int', errno: 0, last: '[1] INT int size=4 bits_offset=0 nr_bits=32 encoding=SIGNED', build: () => 0 },
  {
    descr: 'FLOAT is newer than 5.6',
    errno: EINVAL,
    // Its fifth kind bit is a reserved one.
    last: '[2] Invalid btf_info:10000000',
    build: (b) => b.add({ kind: K.BTF_KIND_FLOAT, name: 'f', size: 4 }),
  },
  {
    descr: 'an unknown kind',
    errno: EINVAL,
    last: '[1] Invalid kind:0',
    build: () => 0,
    patch: [[28, 0]],
  },
  {
    descr: 'an int of two encodings',
    errno: ENOTSUPP,
    last: '[1] INT int size=4 bits_offset=0 nr_bits=32 encoding=UNKN Unsupported encoding',
    build: () => 0,
    patch: [[36, 0x03000020]],
  },
  {
    descr: 'an int wider than its size',
    errno: EINVAL,
    last: '[1] INT int size=4 bits_offset=0 nr_bits=33 encoding=(none) nr_bits exceeds type_size',
    build: () => 0,
    patch: [[36, 33]],
  },
  {
    descr: 'reserved int data',
    errno: EINVAL,
    last: '[1] INT int Invalid int_data:10000020',
    build: () => 0,
    patch: [[36, 0x10000020]],
  },
  {
    descr: 'a pointer to nothing',
    errno: EINVAL,
    last: '[2] PTR (anon) type_id=9 Invalid type_id',
    build: (b) => b.ptr(9),
  },
  {
    descr: 'a named pointer',
    errno: EINVAL,
    last: '[2] PTR int type_id=1 Invalid name',
    build: (b) => b.ptr(1),
    patch: [[INT, 1]],
  },
  {
    descr: 'const and typedef in a circle',
    errno: EEXIST,
    last: '[2] CONST (anon) type_id=3 Loop detected',
    build: (b) => {
      b.const(3);
      b.typedef('t', 2);
    },
  },
  {
    descr: 'more than 32 pointers in a row',
    errno: E2BIG,
    last: '[2] PTR (anon) type_id=3 Exceeded max resolving depth:32',
    build: (b) => {
      for (let i = 0; i < 40; i++) b.ptr(i === 39 ? 1 : b.nextId + 1);
    },
  },
  {
    descr: 'a struct inside itself',
    errno: EEXIST,
    last: '[2] STRUCT s size=4 vlen=1 Loop detected',
    build: (b) => b.struct('s', 4, [{ name: 'm', typeId: 2, bitOffset: 0 }]),
  },
  {
    descr: 'a member beyond its struct',
    errno: EINVAL,
    last: '\tm type_id=1 bits_offset=8 Member exceeds struct_size',
    build: (b, int) => b.struct('s', 4, [{ name: 'm', typeId: int, bitOffset: 8 }]),
  },
  {
    descr: 'a bitfield wider than its int',
    errno: EINVAL,
    last: '\tm type_id=1 bitfield_size=33 bits_offset=0 Invalid member bitfield_size',
    build: (b, int) => b.struct('s', 8, [{ name: 'm', typeId: int, bitOffset: 0, bitSize: 33 }]),
  },
  {
    descr: 'members out of order',
    errno: EINVAL,
    last: '\tb type_id=1 bits_offset=0 Invalid member bits_offset',
    build: (b, int) =>
      b.struct('s', 8, [
        { name: 'a', typeId: int, bitOffset: 32 },
        { name: 'b', typeId: int, bitOffset: 0 },
      ]),
  },
  {
    descr: 'a member that is only declared',
    errno: EINVAL,
    last: '\tm type_id=2 bits_offset=0 Invalid member',
    build: (b) => {
      b.add({ kind: K.BTF_KIND_FWD, name: 'f', fwdKind: 'struct' });
      b.struct('s', 8, [{ name: 'm', typeId: 2, bitOffset: 0 }]);
    },
  },
  {
    descr: 'an array that overflows',
    errno: EINVAL,
    last: '[2] ARRAY (anon) type_id=1 index_type_id=1 nr_elems=2147483648 Array size overflows U32_MAX',
    build: (b, int) => b.array(int, int, 0x80000000),
  },
  {
    descr: 'a signed enum before 6.0',
    errno: EINVAL,
    last: '[2] ENUM e size=4 vlen=1 Invalid btf_info kind_flag',
    build: (b) =>
      b.add({ kind: K.BTF_KIND_ENUM, name: 'e', size: 4, signed: true, values: [{ name: 'A', value: -1 }] }),
  },
  {
    descr: 'an unsigned enum, printed signed',
    errno: 0,
    last: '\tA val=-1',
    build: (b) =>
      b.add({ kind: K.BTF_KIND_ENUM, name: 'e', size: 4, signed: false, values: [{ name: 'A', value: 0xffffffff }] }),
  },
  {
    descr: 'an extern function',
    errno: EINVAL,
    last: '[3] FUNC f type_id=2 Invalid func linkage',
    build: (b) => b.func('f', b.funcProto(0, []), { linkage: K.BTF_FUNC_EXTERN }),
  },
  {
    descr: 'a function with a nameless parameter',
    errno: EINVAL,
    last: '[3] FUNC f type_id=2 Invalid arg#1',
    build: (b, int) => b.func('f', b.funcProto(int, [{ name: '', typeId: int }])),
  },
  {
    descr: 'a prototype with varargs',
    errno: 0,
    last: '[2] FUNC_PROTO (anon) return=1 args=(1 a, vararg)',
    build: (b, int) =>
      b.funcProto(int, [
        { name: 'a', typeId: int },
        { name: '', typeId: 0 },
      ]),
  },
  {
    descr: 'an extern variable',
    errno: EINVAL,
    last: '[2] VAR v type_id=1 linkage=2 Linkage not supported',
    build: (b, int) => b.add({ kind: K.BTF_KIND_VAR, name: 'v', typeId: int, linkage: 2 }),
  },
  {
    descr: 'an empty section, refused before 5.12',
    errno: EINVAL,
    last: '[2] DATASEC .x size=4 vlen=0 vlen == 0',
    build: (b) => b.add({ kind: K.BTF_KIND_DATASEC, name: '.x', size: 4, vars: [] }),
  },
  {
    descr: 'a section with something that is no variable',
    errno: EINVAL,
    last: '\t type_id=1 offset=0 size=4 Not a VAR kind member',
    build: (b, int) =>
      b.add({ kind: K.BTF_KIND_DATASEC, name: '.x', size: 4, vars: [{ typeId: int, offset: 0, size: 4 }] }),
  },
];

function blob(row: Row): Uint8Array {
  const b = createBtfBuilder();
  row.build(b, b.int('int', 4, { encoding: K.BTF_INT_SIGNED }));
  const bytes = b.bytes();
  for (const [at, value] of row.patch ?? []) new DataView(bytes.buffer).setUint32(at, value, true);
  return bytes;
}

describe('validateBtf 5.6', () => {
  it.each(rows)('$descr', (row) => {
    const result = validateBtf(blob(row), { logLevel: 1 });
    expect(result.log.split('\n').findLast((line) => line !== '')).toBe(row.last);
    expect(result.errno).toBe(row.errno);
    expect(validateBtf(blob(row))).toEqual({ errno: row.errno, log: '' });
  });

  it('writes the header first', () => {
    const bytes = blob(rows[0]);
    expect(validateBtf(bytes, { logLevel: 1 }).log).toBe(
      `magic: 0xeb9f\nversion: 1\nflags: 0x0\nhdr_len: 24\ntype_off: 0\ntype_len: 16\nstr_off: 16\nstr_len: 5\n` +
        `btf_total_size: 45\n${rows[0].last}\n`,
    );
  });

  it.each([
    ['cut before hdr_len', 0, 7, 'hdr_len not found', EINVAL],
    ['cut header', 0, 20, 'btf_header not found', EINVAL],
    ['magic', 0, 0x0100eb9e, 'Invalid magic', EINVAL],
    ['version', 0, 0x0002eb9f, 'Unsupported version', ENOTSUPP],
    ['flags', 0, 0x0101eb9f, 'Unsupported flags', ENOTSUPP],
    ['no types', 12, 0, 'Unsupported section found', EINVAL],
    ['unaligned', 8, 1, 'Unsupported section found', EINVAL],
    ['overlap', 16, 12, 'Section overlap found', EINVAL],
    ['strings too long', 20, 6, 'Total section length too long', EINVAL],
  ])('header: %s', (_, at, value, message, errno) => {
    let bytes = blob(rows[0]);
    if (at === 0 && value < 24) bytes = bytes.subarray(0, value);
    else new DataView(bytes.buffer).setUint32(at, value, true);
    const result = validateBtf(bytes, { logLevel: 1 });
    expect(result.log.split('\n').at(-1)).toBe(message);
    expect(result.errno).toBe(errno);
  });

  it('header: no types at the offset of the strings is a section that is empty, not one that overlaps', () => {
    const bytes = new Uint8Array(25);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, 0x0001eb9f, true);
    view.setUint32(4, 24, true);
    view.setUint32(20, 1, true);
    const { errno, log } = validateBtf(bytes, { logLevel: 1 });
    expect([errno, log.split('\n').at(-1)]).toEqual([EINVAL, 'No type found']);
  });

  it('says ENOSPC where the log is full, and EINVAL where its size is', () => {
    const { btf } = { btf: fixture('layouts.btf') };
    const whole = validateBtf(btf, { logLevel: 1, version: '6.18' });
    const cut = validateBtf(btf, { logLevel: 1, logSize: 200, version: '6.18' });
    expect(cut).toEqual({ errno: ENOSPC, log: whole.log.slice(0, 199) });
    expect(validateBtf(btf, { logLevel: 1, logSize: 64 })).toEqual({ errno: EINVAL, log: '' });
  });

  it('has the bug of v5.6 with a variable behind one of a struct', () => {
    const b = createBtfBuilder();
    const int = b.int('int', 4, { encoding: K.BTF_INT_SIGNED });
    b.add({
      kind: K.BTF_KIND_DATASEC,
      name: '.x',
      size: 8,
      vars: [
        { typeId: 4, offset: 0, size: 4 },
        { typeId: 5, offset: 4, size: 4 },
      ],
    });
    const s = b.struct('s', 4, [{ name: 'm', typeId: int, bitOffset: 0 }]);
    b.add({ kind: K.BTF_KIND_VAR, name: 'a', typeId: s, linkage: 1 });
    b.add({ kind: K.BTF_KIND_VAR, name: 'b', typeId: 6, linkage: 1 });
    b.const(int);
    expect(validateBtf(b.bytes(), { logLevel: 1 })).toMatchObject({
      errno: EINVAL,
      log: expect.stringMatching(/ type_id=5 offset=4 size=4 Invalid type\n$/) as string,
    });
    expect(validateBtf(b.bytes(), { version: '6.18' }).errno).toBe(0);
  });
});
