// SPDX-License-Identifier: MIT
// Links object files into one, as `bpftool gen object` does. @see libbpf, linker.c
import { dedupBtf } from '@tsbpf/btf';
import { EINVAL, LoaderError, UsageError } from '@tsbpf/uapi';
import * as C from '../elf/constants.ts';
import { silent, type Print } from '../log.ts';
import { refuser } from '../open/refuse.ts';
import { encodeExtInfo, mergeExtInfo, nameExtSections } from './ext-info.ts';
import type { Globals } from './globals.ts';
import { readInput } from './input.ts';
import { Output } from './output.ts';
import { mergeRelocations } from './relocations.ts';
import { mergeSections } from './sections.ts';
import { mergeSymbols } from './symbols.ts';
import { appendDatasecs, mergeTypes, OutTypes } from './types.ts';
import { writeElf } from './write-elf.ts';

export interface LinkInput {
  /** The file's name, for messages. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

export interface LinkOptions {
  /** Takes what libbpf would print. */
  readonly print?: Print;
  /** Keeps declared types apart from the one struct of their name, as libbpf did before 1.2. */
  readonly keepDeclarations?: boolean;
}

/** Indexes from here on mean something else. */
const MAX_SECTIONS = 0xff00;

/**
 * Links object files of one byte order, taken one after another, into one: sections of a name are joined, symbols resolved (strong before weak
 * before extern), types merged, and relocations and `.BTF.ext` follow. Debug information is dropped. An extern that no
 * object defines stays one, for the kernel or a later link.
 * @errno EINVAL (LoaderError) an object that makes no sense, two strong definitions of a name, declarations that
 * differ; ENOENT a global symbol that the types do not describe
 */
export function linkObjects(inputs: Iterable<LinkInput>, options: LinkOptions = {}): Uint8Array {
  const { print = silent, keepDeclarations = false } = options;
  const refuse = refuser(print);
  const output = new Output();
  const globals: Globals = new Map();
  let types: OutTypes | undefined;
  let littleEndian = true;
  let first = '';
  for (const { name, bytes } of inputs) {
    const input = readInput(bytes, name, refuse);
    if (types === undefined) {
      littleEndian = input.elf.littleEndian;
      first = name;
      types = new OutTypes(littleEndian);
    }
    if (input.elf.littleEndian !== littleEndian) {
      refuse(`unsupported byte order of ELF file ${name}: it is not that of ${first}`, { errno: EINVAL });
    }
    const placement = mergeSections(output, input, refuse);
    const symbols = mergeSymbols({ output, types, globals, input, placement, print, refuse });
    mergeRelocations(output, input, placement, symbols, refuse);
    const typeIds = mergeTypes({ out: types, input, placement, globals, refuse });
    mergeExtInfo({ input, placement, typeIds, types, refuse });
  }
  if (types === undefined) throw new UsageError('there is nothing to link', { errno: EINVAL });
  if (types.count > 0) appendTypesTo(output, types, { littleEndian, keepDeclarations });
  if (output.sections.length >= MAX_SECTIONS) {
    throw new LoaderError(`${output.sections.length} sections are more than a file can have`, { errno: EINVAL });
  }
  return writeElf(output, littleEndian);
}

/** Writes the sections `.BTF` and `.BTF.ext`. */
function appendTypesTo(
  output: Output,
  types: OutTypes,
  options: { littleEndian: boolean; keepDeclarations: boolean },
): void {
  const { littleEndian, keepDeclarations } = options;
  appendDatasecs(types, output.sections);
  nameExtSections(types, output.sections);
  const builder = types.builder();
  const dedup = dedupBtf(builder.build(), { keepStrings: 'all', keepDeclarations });
  const { texts } = types.strings;
  const ext = encodeExtInfo(output.sections, {
    typeMap: dedup.typeMap,
    strOff: (text) => builder.addString(typeof text === 'number' ? texts[text] : text),
    littleEndian,
  });
  const header = { type: C.SHT_PROGBITS, flags: 0n, entsize: 0, align: 8 };
  for (const [name, bytes] of [
    ['.BTF', dedup.btf.bytes],
    ['.BTF.ext', ext],
  ] as const) {
    if (bytes === undefined) continue;
    const section = output.section(name);
    output.appear(section, header);
    output.append(section, bytes);
  }
}
