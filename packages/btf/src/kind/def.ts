// SPDX-License-Identifier: MIT
import type { Btf } from '../model/btf.ts';
import type { BtfType } from '../types.ts';

/** Where a kind's decoder reads: the type section, at a record. */
export interface Record {
  readonly id: number;
  readonly name: string;
  readonly vlen: number;
  readonly kflag: boolean;
  /** Third word: a size or a type id. */
  readonly sizeOrType: number;
  /** Word behind the record, by index. */
  word(index: number): number;
  /** The same word, signed. */
  sword(index: number): number;
  str(off: number): string;
}

/** Where a kind's encoder writes: the record's three fields, then words. */
export interface RecordWriter {
  head(fields: { vlen?: number; kflag?: boolean; sizeOrType?: number }): void;
  word(value: number): void;
  /** Offset of a string in the section being written; it is added where missing. */
  str(text: string): number;
}

/** Text that stands in JSON as it is. */
export class RawJson {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** An object whose keys may repeat, as bpftool's do. */
export class JsonEntries {
  readonly entries: readonly (readonly [key: string, value: Json])[];
  constructor(entries: readonly (readonly [key: string, value: Json])[]) {
    this.entries = entries;
  }
}

/** Plain data whose JSON is what bpftool prints; bigint stands for an integer of any width. */
export type Json =
  | string
  | number
  | bigint
  | boolean
  | null
  | RawJson
  | JsonEntries
  | readonly Json[]
  | { readonly [key: string]: Json };

/** Everything that depends on one kind of type, but the kernel's checks and the C dump. */
export interface KindDef<T extends BtfType = BtfType> {
  /** The Linux version that introduced it. */
  readonly since: string;
  decode(record: Record): T;
  encode(type: T, out: RecordWriter): void;
  /** What follows `[id] KIND 'name'` in the raw dump: the rest of the line, then the lines below. */
  rawText(type: T, btf: Btf): readonly string[];
  /** What follows id, kind and name in the raw dump's JSON. */
  rawJson(type: T, btf: Btf): { readonly [key: string]: Json };
}

/** A name as dumps print it. */
export function shownName(name: string): string {
  return name === '' ? '(anon)' : name;
}
