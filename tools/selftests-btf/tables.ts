// SPDX-License-Identifier: MIT
// The tables as data.
import { readFileSync } from 'node:fs';
import { fromHex } from '../selftests/cases.ts';
import type { ExtractedTables } from './extract.ts';

interface Common {
  readonly index: number;
  readonly descr: string | null;
  readonly btf: Uint8Array;
}

/** BTF that is loaded, and a map that is made with it where that succeeds. */
export interface RawCase extends Common {
  readonly kind: 'raw' | 'pprint';
  /** In the log of the load. */
  readonly errStr: string | null;
  readonly loadFails: boolean;
  readonly mapFails: boolean;
  readonly mapName: string | null;
  readonly mapType: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly keyTypeId: number;
  readonly valueTypeId: number;
}

/** A program with func_info and line_info. */
export interface InfoCase extends Common {
  readonly kind: 'info';
  /** In the log of the program's load. */
  readonly errStr: string | null;
  readonly loadFails: boolean;
  readonly progType: number;
  readonly insns: Uint8Array;
  readonly funcInfo: Uint8Array;
  readonly funcInfoRecSize: number;
  readonly funcInfoCnt: number;
  readonly lineInfo: Uint8Array;
  readonly lineInfoRecSize: number;
  /** Functions of the compiled program where they are not those of func_info. */
  readonly ksyms: number;
  readonly deadLines: number;
  readonly deadFuncs: number;
  /** Bits: records of func_info that the program has no longer. */
  readonly deadFuncMask: number;
}

/** BTF before and after merging what it says twice. */
export interface DedupCase extends Common {
  readonly kind: 'dedup';
  readonly expected: Uint8Array;
}

/** A program, and what the log says of a register before or after an instruction. */
export interface AlignCase {
  readonly kind: 'align';
  readonly index: number;
  readonly descr: string;
  readonly progType: number;
  readonly loadFails: boolean;
  readonly insns: Uint8Array;
  readonly matches: readonly { readonly insn: number; readonly text: string }[];
}

export type BtfCase = RawCase | InfoCase | DedupCase;

const HEX = ['btf', 'expected', 'insns', 'funcInfo', 'lineInfo'];

function readLines<T>(path: string): T[] {
  const lines = readFileSync(path, 'utf8').split('\n');
  return lines
    .filter((line) => line !== '')
    .map(
      (line) =>
        JSON.parse(line, (key, value: unknown) =>
          HEX.includes(key) && typeof value === 'string' ? fromHex(value) : value,
        ) as T,
    );
}

/** The cases of prog_tests/btf.c, in order. */
export const btfCases = ({ btf }: ExtractedTables): BtfCase[] => readLines<BtfCase>(btf);

/** The cases of prog_tests/align.c, in order. */
export const alignCases = ({ align }: ExtractedTables): AlignCase[] => readLines<AlignCase>(align);
