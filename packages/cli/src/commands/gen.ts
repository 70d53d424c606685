// SPDX-License-Identifier: MIT
// `gen object` links object files; `gen min_core_btf` cuts a kernel's types down to what objects relocate against.
import {
  BpfError,
  errnoText,
  linkObjects,
  minCoreBtf,
  openBtf,
  parseBtf,
  parseBtfExt,
  parseElf,
  type Btf,
} from 'tsbpf';
import { explain } from '../failure.ts';
import { readBytes, readObject } from '../input/read-file.ts';
import { note } from '../output/streams.ts';
import { writeWhole } from '../output/write-file.ts';
import { fail } from './bpftool-error.ts';

const OBJECT_USAGE = 'gen object OUTPUT_FILE INPUT_FILE [INPUT_FILE...]';
const MIN_CORE_USAGE = 'gen min_core_btf INPUT OUTPUT OBJECT [OBJECT...]';

function needAtLeast(verb: string, words: readonly string[], least: number, usage: string): void {
  if (words.length >= least) return;
  fail(`'${verb}' needs at least ${least} arguments, ${words.length} found\nUsage: tsbpf ${usage}`);
}

/** Why something failed, in a line. */
const reason = (error: unknown): string => {
  const known = explain(error);
  if (known === undefined) throw error;
  return known.message;
};

/** `gen object OUTPUT_FILE INPUT_FILE [INPUT_FILE...]` */
export function genObject(words: readonly string[]): void {
  needAtLeast('object', words, 2, OBJECT_USAGE);
  const [out = '', ...paths] = words;
  let current = '';
  function* inputs(): Generator<{ name: string; bytes: Uint8Array }> {
    for (const path of paths) {
      current = path;
      yield { name: path, bytes: readObject(path) };
    }
  }
  let linked: Uint8Array;
  try {
    linked = linkObjects(inputs(), {
      print: (level, text) => {
        if (level === 'warn') note(`libbpf: ${text}`);
      },
    });
  } catch (error) {
    const why = error instanceof BpfError ? `${errnoText(error.errno)} (${error.errno})` : reason(error);
    return fail(`failed to link '${current}': ${why}`);
  }
  writeWhole(out, linked);
}

/** An object's types and its records of what it relocates. */
function readRelocations(path: string): { btf: Btf; ext: ReturnType<typeof parseBtfExt> } {
  try {
    const elf = parseElf(readObject(path));
    const [types, ext] = ['.BTF', '.BTF.ext'].map((name) => elf.section(name));
    if (types === undefined) return fail(`failed to parse BPF object '${path}': it has no .BTF: compile it with -g`);
    if (ext === undefined) return fail(`failed to parse BPF object '${path}': it has no .BTF.ext`);
    return { btf: parseBtf(elf.data(types)), ext: parseBtfExt(elf.data(ext)) };
  } catch (error) {
    return fail(`failed to parse BPF object '${path}': ${reason(error)}`);
  }
}

/** `gen min_core_btf INPUT OUTPUT OBJECT [OBJECT...]` */
export function genMinCoreBtf(words: readonly string[]): void {
  needAtLeast('min_core_btf', words, 3, MIN_CORE_USAGE);
  const [input = '', out = '', ...paths] = words;
  let target: Btf;
  try {
    target = openBtf(readBytes(input, 'BTF'));
  } catch (error) {
    return fail(`failed parsing '${input}' BTF file: ${reason(error)}`);
  }
  const objects = paths.map((path) => ({ path, ...readRelocations(path) }));
  let result: Uint8Array;
  try {
    result = minCoreBtf(target, objects);
  } catch (error) {
    return fail(`error recording relocations: ${reason(error)}`);
  }
  writeWhole(out, result);
}
