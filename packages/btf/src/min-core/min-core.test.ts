// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { fixture } from '../../test/files.ts';
import { dumpBtfRaw } from '../dump/raw.ts';
import { createBtfBuilder } from '../encode/builder.ts';
import { parseBtfExt } from '../ext/ext.ts';
import * as K from '../kinds.ts';
import { parseBtf } from '../model/btf.ts';
import { minCoreBtf } from './min-core.ts';

describe('minCoreBtf', () => {
  it('keeps the members that relocations reach, and what they are made of', () => {
    const b = createBtfBuilder();
    const int = b.int('int', 4, { encoding: K.BTF_INT_SIGNED });
    const u64 = b.int('unsigned long', 8);
    const pid = b.typedef('pid_t', int);
    const other = b.struct('other', 4, [{ name: 'x', typeId: int, bitOffset: 0 }]);
    b.struct('task_struct', 64, [
      { name: 'unused', typeId: u64, bitOffset: 0 },
      { name: 'pid', typeId: pid, bitOffset: 64 },
      { name: 'parent', typeId: b.ptr(other), bitOffset: 128 },
      { name: 'tgid', typeId: pid, bitOffset: 192 },
    ]);
    const object = { btf: parseBtf(fixture('core.btf')), ext: parseBtfExt(fixture('core.btfext')) };
    const min = parseBtf(minCoreBtf(b.build(), [object]));
    expect(dumpBtfRaw(min)).toBe(
      [
        "[1] INT 'int' size=4 bits_offset=0 nr_bits=32 encoding=SIGNED",
        "[2] TYPEDEF 'pid_t' type_id=1",
        "[3] STRUCT 'task_struct' size=64 vlen=2",
        "\t'pid' type_id=2 bits_offset=64",
        "\t'tgid' type_id=2 bits_offset=192",
        '',
      ].join('\n'),
    );
  });
});
