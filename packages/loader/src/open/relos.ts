// SPDX-License-Identifier: MIT
import { BPF_CALL, BPF_INSN_SIZE, BPF_JMP, BPF_PSEUDO_CALL, ENOEXEC } from '@tsbpf/uapi';
import { isLdImm64, type Insn } from '@tsbpf/insn';
import * as C from '../elf/constants.ts';
import type { ElfFile, ElfRel, ElfSection, ElfSymbol } from '../elf/elf.ts';
import type { Print } from '../log.ts';
import type { Refuse } from './refuse.ts';
import { progAt } from './programs.ts';
import type { ExternSpec, MapSpec, ProgSpec, Relo } from './spec.ts';

export interface ReloContext {
  readonly elf: ElfFile;
  readonly progs: readonly ProgSpec[];
  readonly maps: readonly MapSpec[];
  readonly externs: readonly ExternSpec[];
  /** Sections that declare maps. */
  readonly mapSections: ReadonlySet<number>;
  readonly execSections: ReadonlySet<number>;
  readonly print: Print;
  readonly refuse: Refuse;
}

/** A call of a function of the program, of a kernel function or of a helper. */
export const isCall = (insn: Insn): boolean => insn.code === (BPF_JMP | BPF_CALL);

function callRelo(ctx: ReloContext, prog: ProgSpec, insnIdx: number, sym: ElfSymbol): Relo {
  const { refuse, elf } = ctx;
  const { name } = prog;
  const insn = prog.insns[insnIdx];
  if (insn.src !== BPF_PSEUDO_CALL) refuse(`prog '${name}': incorrect bpf_call opcode`, { prog: name });
  const target = elf.sections[sym.shndx]?.name ?? `section ${sym.shndx}`;
  if (!ctx.execSections.has(sym.shndx)) {
    refuse(`prog '${name}': bad call relo against '${sym.name}' in section '${target}'`, { prog: name });
  }
  if (sym.value % BPF_INSN_SIZE !== 0) {
    refuse(`prog '${name}': bad call relo against '${sym.name}' at offset ${sym.value}`, { prog: name });
  }
  // Against a function's own symbol the immediate is -1; against a section's, the distance in instructions less one.
  return { kind: 'call', insnIdx, secIdx: sym.shndx, target: sym.value / BPF_INSN_SIZE + insn.imm + 1 };
}

function loadRelo(ctx: ReloContext, prog: ProgSpec, insnIdx: number, sym: ElfSymbol): Relo {
  const { refuse, elf, print, maps } = ctx;
  const insn = prog.insns[insnIdx];
  const where = { prog: prog.name };
  const symName = sym.name === '' ? (elf.sections[sym.shndx]?.name ?? '<?>') : sym.name;
  if (sym.shndx === C.SHN_UNDEF || sym.shndx >= C.SHN_LORESERVE) {
    refuse(
      `prog '${prog.name}': invalid relo against '${symName}' in special section 0x${sym.shndx.toString(16)}; ` +
        'forgot to initialize global var?..',
      where,
    );
  }
  // A section's symbol leaves the rest of the offset in the instruction.
  const offset = sym.value + insn.imm;
  if (ctx.execSections.has(sym.shndx)) {
    if (offset % BPF_INSN_SIZE !== 0) {
      refuse(
        `prog '${prog.name}': bad subprog addr relo against '${symName}' at offset ${sym.value}+${insn.imm}`,
        where,
      );
    }
    return { kind: 'func', insnIdx, secIdx: sym.shndx, target: offset / BPF_INSN_SIZE };
  }
  const secName = elf.sections[sym.shndx]?.name ?? '<?>';
  if (ctx.mapSections.has(sym.shndx)) {
    const at = sym.type === C.STT_SECTION ? offset : sym.value;
    const map = maps.find((m) => m.secIdx === sym.shndx && m.secOffset === at);
    if (map === undefined) {
      return refuse(`prog '${prog.name}': map relo failed to find map for section '${secName}', off ${at}`, where);
    }
    const mapIdx = maps.indexOf(map);
    print(
      'debug',
      `prog '${prog.name}': found map ${mapIdx} (${map.name}, sec ${map.secIdx}, off ${map.secOffset}) for insn #${insnIdx}`,
    );
    return { kind: 'map', insnIdx, map };
  }
  const map = maps.find((m) => m.secIdx === sym.shndx && m.kind !== 'user' && m.kind !== 'struct_ops');
  if (map === undefined) {
    return refuse(`prog '${prog.name}': bad data relo against section '${secName}'`, where);
  }
  print(
    'debug',
    `prog '${prog.name}': found data map ${maps.indexOf(map)} (${map.name}, sec ${map.secIdx}, off 0) for insn ${insnIdx}`,
  );
  return { kind: 'data', insnIdx, map, symOff: offset };
}

function reloOf(ctx: ReloContext, prog: ProgSpec, insnIdx: number, sym: ElfSymbol): Relo {
  const { refuse, externs, print } = ctx;
  const insn = prog.insns[insnIdx];
  const ext = externs.find((e) => e.symIdx === sym.index);
  if (ext !== undefined && (isCall(insn) || isLdImm64(insn))) {
    const extIdx = externs.indexOf(ext);
    print(
      'debug',
      `prog '${prog.name}': found extern #${extIdx} '${ext.name}' (sym ${sym.index}) for insn #${insnIdx}`,
    );
    return { kind: isCall(insn) ? 'externCall' : 'extern', insnIdx, ext };
  }
  if (isCall(insn)) return callRelo(ctx, prog, insnIdx, sym);
  if (!isLdImm64(insn)) {
    refuse(`prog '${prog.name}': invalid relo for insns[${insnIdx}].code 0x${insn.code.toString(16)}`, {
      prog: prog.name,
    });
  }
  return loadRelo(ctx, prog, insnIdx, sym);
}

/** Symbol of a relocation, which the file may well not have. */
export function symbolOf(ctx: Pick<ReloContext, 'elf' | 'refuse'>, section: ElfSection, rel: ElfRel): ElfSymbol {
  const sym = ctx.elf.symbols[rel.symIdx];
  if (sym !== undefined) return sym;
  return ctx.refuse(`sec '${section.name}': symbol #${rel.symIdx} of a relocation is not there`, { errno: ENOEXEC });
}

/** Gives every program the relocations of its instructions. */
export function collectProgRelos(ctx: ReloContext, section: ElfSection, target: ElfSection): void {
  const { elf, print, refuse } = ctx;
  print('debug', `sec '${section.name}': collecting relocation for section(${target.index}) '${target.name}'`);
  elf.relocations(section).forEach((rel, i) => {
    const sym = symbolOf(ctx, section, rel);
    if (rel.offset % BPF_INSN_SIZE !== 0 || rel.offset >= target.size) {
      refuse(`sec '${section.name}': invalid offset 0x${rel.offset.toString(16)} for relo #${i}`, { errno: ENOEXEC });
    }
    const secInsn = rel.offset / BPF_INSN_SIZE;
    const symName = sym.name === '' ? (elf.sections[sym.shndx]?.name ?? '<?>') : sym.name;
    print('debug', `sec '${section.name}': relo #${i}: insn #${secInsn} against '${symName}'`);
    const prog = progAt(ctx.progs, target.index, secInsn);
    if (prog === undefined) {
      print(
        'debug',
        `sec '${section.name}': relo #${i}: couldn't find program in section '${target.name}' for insn #${secInsn}, probably overridden weak function, skipping...`,
      );
      return;
    }
    prog.relos.push(reloOf(ctx, prog, secInsn - prog.secInsnOff, sym));
  });
  for (const prog of ctx.progs) if (prog.secIdx === target.index) prog.relos.sort((a, b) => a.insnIdx - b.insnIdx);
}
