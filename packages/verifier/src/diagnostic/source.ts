// SPDX-License-Identifier: MIT
import type { SourceLine } from '@tsbpf/uapi';
import { lineRecordAt } from '../log/source-line.ts';
import type { Verification } from '../verification.ts';

/** Bits of a line record's `lineCol` that are the column. */
const COL_BITS = 10;

/** The line of C an instruction was compiled from; undefined without line info, or where the compiler says line 0. */
export function sourceLineAt(v: Verification, insnIdx: number): SourceLine | undefined {
  const record = lineRecordAt(v, insnIdx);
  const { btf } = v.prog;
  if (record === undefined || btf === undefined || record.lineCol >>> COL_BITS === 0) return undefined;
  return {
    file: btf.strAt(record.fileNameOff),
    line: record.lineCol >>> COL_BITS,
    col: record.lineCol & ((1 << COL_BITS) - 1),
    text: btf.strAt(record.lineOff).trimStart(),
  };
}
