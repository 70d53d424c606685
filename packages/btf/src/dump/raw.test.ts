// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { fixture, golden } from '../../test/files.ts';
import { createBtfBuilder } from '../encode/builder.ts';
import { BTF_KIND_ENUM } from '../kinds.ts';
import { parseBtf } from '../model/btf.ts';
import { formatJson } from './json.ts';
import { dumpBtfRaw, dumpBtfRawJson } from './raw.ts';

describe('raw dump', () => {
  const btf = parseBtf(fixture('layouts.btf'));

  it('is what bpftool prints', () => {
    expect(dumpBtfRaw(btf)).toBe(golden('layouts.raw.txt'));
  });

  it('is what bpftool -p prints, and the same as -j', () => {
    expect(`${dumpBtfRawJson(btf, { pretty: true })}\n`).toBe(golden('layouts.json.txt'));
    expect(JSON.parse(dumpBtfRawJson(btf))).toEqual(JSON.parse(golden('layouts.json.txt')));
  });

  it('widens unsigned enumerators in JSON as bpftool does', () => {
    const b = createBtfBuilder();
    b.add({ kind: BTF_KIND_ENUM, name: 'e', size: 4, signed: false, values: [{ name: 'A', value: 0xfffffffe }] });
    expect(dumpBtfRawJson(b.build())).toContain('"val":18446744073709551614');
    expect(dumpBtfRaw(b.build())).toContain("\t'A' val=4294967294\n");
  });

  it('lays JSON out as bpftool', () => {
    expect(formatJson({ a: [1, { b: 'x"' }], c: {}, d: [] }, { pretty: true })).toBe(
      '{\n    "a": [1,{\n            "b": "x\\""\n        }\n    ],\n    "c": {},\n    "d": []\n}',
    );
  });
});
