// SPDX-License-Identifier: MIT
import { BPF_INSN_SIZE, EINVAL, ENOEXEC } from '@tsbpf/uapi';
import { decodeInsns } from '@tsbpf/insn';
import * as C from '../elf/constants.ts';
import type { ElfFile, ElfSection } from '../elf/elf.ts';
import type { Print } from '../log.ts';
import { findSecDef } from '../sections/sec-def.ts';
import type { Refuse } from './refuse.ts';
import type { ProgSpec } from './spec.ts';

const hex = (n: number): string => n.toString(16);

/** Cuts one section of code into its functions, as the symbols say. */
function programsOf(elf: ElfFile, section: ElfSection, print: Print, refuse: Refuse): ProgSpec[] {
  const data = elf.data(section);
  const secName = section.name.startsWith('?') ? section.name.slice(1) : section.name;
  const progs: ProgSpec[] = [];
  for (const sym of elf.symbols) {
    if (sym.shndx !== section.index || sym.type !== C.STT_FUNC) continue;
    if (sym.name === '') refuse(`sec '${section.name}': failed to get symbol name for offset 0`, { errno: ENOEXEC });
    if (sym.value > data.length || sym.size > data.length - sym.value) {
      refuse(`sec '${section.name}': program at offset ${sym.value} crosses section boundary`, { errno: ENOEXEC });
    }
    if (sym.value % BPF_INSN_SIZE !== 0 || sym.size % BPF_INSN_SIZE !== 0 || sym.size === 0) {
      refuse(`sec '${section.name}': program '${sym.name}' at ${sym.value} is not made of whole instructions`, {
        errno: ENOEXEC,
        prog: sym.name,
      });
    }
    const insnOff = sym.value / BPF_INSN_SIZE;
    print(
      'debug',
      `sec '${section.name}': found program '${sym.name}' at insn offset ${insnOff} (${sym.value} bytes), ` +
        `code size ${sym.size / BPF_INSN_SIZE} insns (${sym.size} bytes)`,
    );
    const secDef = findSecDef(secName);
    const local = sym.bind === C.STB_LOCAL;
    progs.push({
      name: sym.name,
      secName,
      secIdx: section.index,
      secInsnOff: insnOff,
      insns: decodeInsns(data.subarray(sym.value, sym.value + sym.size), {
        endian: elf.littleEndian ? 'little' : 'big',
      }),
      relos: [],
      // A static function can only be called, whatever section it is in.
      isSubprog: local && section.name !== '.text',
      hidden: !local && (sym.visibility === C.STV_HIDDEN || sym.visibility === C.STV_INTERNAL),
      secDef,
      autoload: !section.name.startsWith('?'),
    });
    if (secDef === undefined && section.name !== '.text') {
      print('debug', `prog '${sym.name}': unrecognized ELF section name '${secName}'`);
    }
  }
  progs.sort((a, b) => a.secInsnOff - b.secInsnOff);
  for (let i = 1; i < progs.length; i++) {
    if (progs[i].secInsnOff < progs[i - 1].secInsnOff + progs[i - 1].insns.length) {
      const [a, b] = [progs[i - 1], progs[i]];
      refuse(`sec '${section.name}': programs '${a.name}' and '${b.name}' overlap at 0x${hex(b.secInsnOff * 8)}`, {
        errno: EINVAL,
        prog: b.name,
      });
    }
  }
  return progs;
}

/** Every function of the object, by section and offset; those that are only called by others are marked. */
export function collectPrograms(elf: ElfFile, exec: readonly ElfSection[], print: Print, refuse: Refuse): ProgSpec[] {
  const progs = exec.flatMap((section) => programsOf(elf, section, print, refuse));
  // A lone function in .text may be a program of its own; next to others it can only be called.
  if (progs.length > 1) for (const prog of progs) if (prog.secName === '.text') prog.isSubprog = true;
  return progs;
}

/** The function of a section that holds an instruction, counted from the section's start. */
export function progAt(progs: readonly ProgSpec[], secIdx: number, insn: number): ProgSpec | undefined {
  return progs.find((p) => p.secIdx === secIdx && insn >= p.secInsnOff && insn < p.secInsnOff + p.insns.length);
}
