// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dumpBtfRaw, parseBtf } from '@tsbpf/btf';
import { BpfError, LoaderError, UsageError } from '@tsbpf/uapi';
import { fixture } from '../../test/fixture.ts';
import { parseElf } from '../elf/elf.ts';
import { openObject } from '../handle/object.ts';
import { linkObjects, type LinkInput } from './linker.ts';

const read = (name: string): LinkInput => ({
  name,
  bytes: new Uint8Array(readFileSync(new URL(`../../test/linker/${name}`, import.meta.url))),
});
const one = read('one.o');
const two = read('two.o');
const three = read('three.o');

describe('linkObjects', () => {
  it('writes what bpftool wrote, but for the offsets of maps that were declared first', () => {
    const elf = parseElf(linkObjects([one, two]));
    const wanted = parseElf(read('one-two.o').bytes);
    expect(elf.sections).toEqual(wanted.sections);
    expect(elf.symbols).toEqual(wanted.symbols);
    for (const section of wanted.sections.slice(1)) {
      const mine = elf.section(section.name)!;
      if (section.type === 8 || section.name === '.BTF') continue;
      expect(elf.data(mine), section.name).toEqual(wanted.data(section));
    }
    const dump = (file: typeof elf): string => dumpBtfRaw(parseBtf(file.data(file.section('.BTF')!)));
    const place = /offset=\d+( size=\d+ \(VAR '(mode|counter)')/g;
    expect(dump(elf).replace(place, '$1')).toBe(dump(wanted).replace(place, '$1'));
  });

  it('lets the strong definition win, in either order', () => {
    for (const inputs of [
      [one, two],
      [two, one],
    ]) {
      const obj = openObject(linkObjects(inputs));
      expect([...obj.progs].map((prog) => prog.name).sort()).toEqual(['first', 'second', 'third']);
      expect(
        [...obj.maps]
          .filter((map) => map.kind === 'user')
          .map((map) => map.name)
          .sort(),
      ).toEqual(['private_map', 'shared', 'weak_map']);
      expect(obj.data['counter']).toBe(7);
      expect(obj.rodata['mode']).toBe(5);
    }
  });

  it('keeps sections that only one file has', () => {
    const obj = openObject(linkObjects([one, two, three]));
    expect(obj.section('.data.ticks')?.vars['ticks']).toBe(9);
    expect(obj.map('outer').spec.slots).toEqual(new Map([[1, { map: 'inner_a' }]]));
    expect(obj.program('fifth').autoload).toBe(false);
  });

  it('keeps what nobody defines for a later link', () => {
    const step = { name: 'step', bytes: linkObjects([one]) };
    const symbol = parseElf(step.bytes).symbols.find((sym) => sym.name === 'counter');
    expect(symbol).toMatchObject({ shndx: 0, type: 0 });
    expect(openObject(linkObjects([step, two])).data['counter']).toBe(7);
  });

  it('links the other byte order', () => {
    const bytes = fixture('globals', 'bpfeb');
    const linked = parseElf(linkObjects([{ name: 'be', bytes }]));
    expect(linked.littleEndian).toBe(false);
    expect([...openObject(linked.bytes).progs].map((prog) => prog.name)).toEqual(
      [...openObject(bytes).progs].map((prog) => prog.name),
    );
    expect(() => linkObjects([one, { name: 'be', bytes }])).toThrow(/unsupported byte order of ELF file be/);
  });

  it('says what it cannot link', () => {
    expect(() => linkObjects([])).toThrow(UsageError);
    expect(() => linkObjects([one, one])).toThrow(/^conflicting non-weak symbol #\d+ \(\w+\) definition in 'one\.o'$/);
    expect(() => linkObjects([{ name: 'x', bytes: new Uint8Array(100) }])).toThrow(/failed to parse ELF file 'x'/);
    const machine = one.bytes.slice();
    machine[18] = 62;
    expect(() => linkObjects([{ name: 'x', bytes: machine }])).toThrow(/unsupported kind of ELF file x/);
    const said: string[] = [];
    expect(() => linkObjects([one, one], { print: (level, text) => said.push(`${level}: ${text}`) })).toThrow(
      LoaderError,
    );
    expect(said.at(-1)).toMatch(/^warn: conflicting/);
  });

  it('links or refuses whatever it is given', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(20000), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 8 }),
        (edits) => {
          const bytes = two.bytes.slice();
          for (const [at, value] of edits) bytes[at % bytes.length] = value;
          try {
            linkObjects([one, { name: 'mutant', bytes }]);
          } catch (error) {
            if (!(error instanceof BpfError)) throw error;
          }
        },
      ),
      { numRuns: 400 },
    );
  });
});
