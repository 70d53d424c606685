// SPDX-License-Identifier: MIT
// Relocations follow what they apply to and what they mean to where both went.
import { EINVAL } from '@tsbpf/uapi';
import * as C from '../elf/constants.ts';
import type { Refuse } from '../open/refuse.ts';
import type { Input, InputSection } from './input.ts';
import type { Output } from './output.ts';
import { checkMatch, type Placement } from './sections.ts';

/** `call`: its immediate counts instructions. */
const CALL = 0x85;
const INSN_SIZE = 8;
const IMM = 4;

/** Appends an object's relocations, once its sections and symbols have their places. */
export function mergeRelocations(
  output: Output,
  input: Input,
  placement: Placement,
  symbols: Uint32Array,
  refuse: Refuse,
): void {
  const { littleEndian } = input.elf;
  const byIndex = new Map<number, InputSection>();
  for (const section of input.sections) if (section.elf !== undefined) byIndex.set(section.elf.index, section);
  const placeOf = (index: number): ReturnType<Placement['get']> => {
    const section = byIndex.get(index);
    return section && placement.get(section);
  };
  for (const { section, rels } of input.relocs) {
    const target = placeOf(section.info);
    if (target === undefined) {
      return refuse(`ELF relo section #${section.index} points to a section that is not linked in ${input.file}`);
    }
    if (target.skipped) continue;
    const out = output.section(section.name);
    const { type, flags, align } = section;
    if (out.index === 0) {
      output.appear(out, { type, flags, entsize: C.REL_SIZE, align });
      out.link = output.section('.symtab').index;
      out.info = target.out.index;
    } else checkMatch(out, { ...section, entsize: C.REL_SIZE }, refuse);
    out.align = Math.max(out.align, align);
    const isCode = (target.out.flags & BigInt(C.SHF_EXECINSTR)) !== 0n;
    const bytes = new Uint8Array(rels.length * C.REL_SIZE);
    const view = new DataView(bytes.buffer);
    for (const [i, rel] of rels.entries()) {
      const symIdx = symbols[rel.symIdx];
      const sym = input.symbols[rel.symIdx];
      if (symIdx === 0) {
        refuse(`ELF relo #${i} in section #${section.index} points to a symbol that is not linked in ${input.file}`);
      }
      const at = i * C.REL_SIZE;
      view.setBigUint64(at, BigInt(target.off + rel.offset), littleEndian);
      view.setBigUint64(at + 8, (BigInt(symIdx) << 32n) | BigInt(rel.type), littleEndian);
      if (sym.type !== C.STT_SECTION) continue;
      // What is relative to a section's start is so to the merged section's.
      if (!isCode) refuse('relocation against STT_SECTION in non-exec section is not supported!', { errno: EINVAL });
      const insns = target.out.parts.find((part) => part.at === target.off)?.bytes;
      if (insns === undefined || rel.offset + INSN_SIZE > insns.length) continue;
      const moved = placeOf(sym.shndx)?.off ?? 0;
      const code = new DataView(insns.buffer, insns.byteOffset, insns.byteLength);
      const imm = code.getInt32(rel.offset + IMM, littleEndian);
      const delta = insns[rel.offset] === CALL ? moved / INSN_SIZE : moved;
      code.setInt32(rel.offset + IMM, imm + delta, littleEndian);
    }
    output.append(out, bytes);
  }
}
