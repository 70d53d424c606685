// SPDX-License-Identifier: MIT
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BpfError, ElfError } from '@tsbpf/uapi';
import { fixture } from '../../test/fixture.ts';
import { openObject } from '../handle/object.ts';
import { R_BPF_64_32, R_BPF_64_64, STT_FUNC } from './constants.ts';
import { parseElf } from './elf.ts';

describe('parseElf', () => {
  it('reads sections, symbols and relocations', () => {
    const elf = parseElf(fixture('subprogs'));
    expect(elf.littleEndian).toBe(true);
    expect(elf.sections.map((s) => s.name)).toEqual(expect.arrayContaining(['.text', 'tc', '?tc', '.bss', '.BTF']));
    const text = elf.section('.text');
    const funcs = elf.symbols.filter((s) => s.shndx === text?.index && s.type === STT_FUNC).map((s) => s.name);
    expect(funcs.sort()).toEqual(['hidden', 'leaf', 'middle', 'not_called', 'unused_leaf', 'weak_fn']);
    const rel = elf.section('.reltc');
    expect(rel).toBeDefined();
    const types = new Set(elf.relocations(rel!).map((r) => r.type));
    expect([...types]).toEqual([R_BPF_64_32]);
    expect(new Set(elf.relocations(elf.section('.rel.text')!).map((r) => r.type))).toContain(R_BPF_64_64);
  });

  it('reads the other byte order', () => {
    const elf = parseElf(fixture('globals', 'bpfeb'));
    expect(elf.littleEndian).toBe(false);
    expect(elf.symbols.map((s) => s.name)).toContain('add');
  });

  it.each([
    ['nothing', new Uint8Array(), 'too short'],
    ['text', new TextEncoder().encode('x'.repeat(100)), 'not an ELF file'],
  ])('refuses %s', (_name, bytes, text) => {
    expect(() => parseElf(bytes)).toThrow(text);
    expect(() => parseElf(bytes)).toThrow(ElfError);
  });

  it('refuses headers that point far outside, and says where', () => {
    const patch = (off: number, value: bigint): Uint8Array => {
      const bytes = fixture('maps').slice();
      new DataView(bytes.buffer).setBigUint64(off, value, true);
      return bytes;
    };
    expect(() => parseElf(patch(40, 1n << 62n))).toThrow(/0x4000000000000000 is out of range/);
    expect(() => parseElf(patch(40, 1n << 40n))).toThrow(/outside the file/);
    const elf = parseElf(fixture('maps'));
    const index = elf.section('.BTF')!.index;
    const shoff = Number(new DataView(elf.bytes.buffer, elf.bytes.byteOffset).getBigUint64(40, true));
    const huge = patch(shoff + index * 64 + 32, 1n << 45n);
    expect(() => openObject(huge)).toThrow(/section \.BTF: 35184372088832 bytes at \d+ end beyond/);
    const many = fixture('maps').slice();
    new DataView(many.buffer).setUint16(60, 0xffff, true);
    expect(() => parseElf(many)).toThrow('65535 section headers end beyond the file');
  });

  it('opens or refuses whatever it is given, and never fails otherwise', () => {
    const objects = ['maps', 'globals', 'subprogs', 'externs', 'struct_ops', 'legacy'].map((name) => fixture(name));
    fc.assert(
      fc.property(
        fc.nat(objects.length - 1),
        fc.array(fc.tuple(fc.nat(8000), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 12 }),
        (which, edits) => {
          const bytes = objects[which].slice();
          for (const [at, value] of edits) bytes[at % bytes.length] = value;
          try {
            const obj = openObject(bytes);
            expect(Array.isArray([...obj.progs])).toBe(true);
          } catch (error) {
            if (!(error instanceof BpfError)) throw error;
          }
        },
      ),
      { numRuns: 3000 },
    );
    fc.assert(
      fc.property(fc.nat(objects.length - 1), fc.nat(8000), (which, len) => {
        try {
          openObject(objects[which].subarray(0, len % objects[which].length));
        } catch (error) {
          if (!(error instanceof BpfError)) throw error;
        }
      }),
      { numRuns: 500 },
    );
  });
});
