// SPDX-License-Identifier: MIT
// Relocations of declarations: the initial elements of maps of maps and program arrays, and the functions of
// struct_ops variables.
import { BPF_INSN_SIZE, BPF_MAP_TYPE_PROG_ARRAY, EINVAL, EOPNOTSUPP } from '@tsbpf/uapi';
import * as C from '../elf/constants.ts';
import type { ElfSection, ElfSymbol } from '../elf/elf.ts';
import { valuesOffset } from '../maps/btf-maps.ts';
import type { Btf } from '@tsbpf/btf';
import { symbolOf, type ReloContext } from './relos.ts';
import type { MapSpec, ProgSpec } from './spec.ts';

const POINTER_SIZE = 8;

function containing(maps: readonly MapSpec[], section: ElfSection, offset: number): MapSpec | undefined {
  let found: MapSpec | undefined;
  for (const map of maps) {
    if (map.secIdx === section.index && map.secOffset <= offset && map.secOffset >= (found?.secOffset ?? 0))
      found = map;
  }
  return found;
}

function progOf(ctx: ReloContext, sym: ElfSymbol, addend: number): ProgSpec | undefined {
  const insn = (sym.value + addend) / BPF_INSN_SIZE;
  return ctx.progs.find((p) => p.secIdx === sym.shndx && p.secInsnOff === insn);
}

/** What the file holds where a relocation applies: the offset from a section's symbol. */
function addendAt(ctx: ReloContext, target: ElfSection, offset: number): number {
  const data = ctx.elf.data(target);
  if (offset + POINTER_SIZE > data.length) return 0;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  return Number(view.getBigUint64(offset, ctx.elf.littleEndian));
}

/** Elements that a map of maps or a program array starts with. */
export function collectMapRelos(ctx: ReloContext, btf: Btf, section: ElfSection, target: ElfSection): void {
  const { refuse, print, maps } = ctx;
  ctx.elf.relocations(section).forEach((rel, i) => {
    const sym = symbolOf(ctx, section, rel);
    const name = sym.name === '' ? '<?>' : sym.name;
    const map = containing(maps, target, rel.offset);
    if (map === undefined) return refuse(`.maps relo #${i}: cannot find map at offset ${rel.offset}`);
    const isProgArray = map.type === BPF_MAP_TYPE_PROG_ARRAY;
    if (map.inner === undefined && !isProgArray) {
      return refuse(`.maps relo #${i}: hash-of-maps '${map.name}' is neither a map of maps nor a program array`, {
        map: map.name,
      });
    }
    const start = valuesOffset(btf, map);
    const offset = rel.offset - map.secOffset - (start ?? 0);
    if (start === undefined || offset < 0 || offset % POINTER_SIZE !== 0) {
      return refuse(`.maps relo #${i}: invalid offset ${rel.offset} of map '${map.name}'`, { map: map.name });
    }
    const index = offset / POINTER_SIZE;
    map.slots ??= new Map();
    if (isProgArray) {
      const prog = progOf(ctx, sym, 0);
      if (prog === undefined) {
        return refuse(`.maps relo #${i}: '${name}' isn't a valid program reference`, { errno: EINVAL, map: map.name });
      }
      if (prog.isSubprog) {
        refuse(`.maps relo #${i}: '${name}' isn't an entry-point program`, { map: map.name });
      }
      map.slots.set(index, { prog: prog.name });
      print('debug', `.maps relo #${i}: map '${map.name}' slot [${index}] points to prog '${prog.name}'`);
      return;
    }
    const inner = maps.find((m) => m.secIdx === sym.shndx && m.secOffset === sym.value);
    if (!ctx.mapSections.has(sym.shndx) || inner === undefined) {
      return refuse(`.maps relo #${i}: '${name}' isn't a BTF-defined map`, { map: map.name });
    }
    map.slots.set(index, { map: inner.name });
    print('debug', `.maps relo #${i}: map '${map.name}' slot [${index}] points to map '${inner.name}'`);
  });
}

/** Programs that a struct_ops variable's members name. */
export function collectStructOpsRelos(ctx: ReloContext, btf: Btf, section: ElfSection, target: ElfSection): void {
  const { refuse, maps, print } = ctx;
  for (const rel of ctx.elf.relocations(section)) {
    const sym = symbolOf(ctx, section, rel);
    const map = containing(maps, target, rel.offset);
    if (map?.structOps === undefined || rel.offset >= map.secOffset + (map.data?.length ?? 0)) {
      return refuse(`struct_ops reloc: cannot find map at rel->r_offset ${rel.offset}`);
    }
    const offset = rel.offset - map.secOffset;
    const member = btf.members(map.structOps.typeId).find((m) => m.bitOffset === offset * 8);
    if (member === undefined) {
      return refuse(`struct_ops reloc ${map.name}: cannot find member at moff ${offset}`, { map: map.name });
    }
    if (sym.shndx >= C.SHN_LORESERVE || !ctx.execSections.has(sym.shndx)) {
      refuse(
        `struct_ops reloc ${map.name}: rel->r_offset ${rel.offset} shdr_idx ${sym.shndx} unsupported non-static function`,
        { map: map.name },
      );
    }
    const addend = sym.type === C.STT_SECTION ? addendAt(ctx, target, rel.offset) : 0;
    const prog = progOf(ctx, sym, addend);
    if (prog === undefined) {
      return refuse(
        `struct_ops reloc ${map.name}: cannot find prog at shdr_idx ${sym.shndx} to relocate func ptr ${member.name}`,
        {
          map: map.name,
        },
      );
    }
    if (prog.isSubprog) {
      refuse(`struct_ops reloc ${map.name}: cannot use entry-point program ${prog.name} of no section`, {
        errno: EOPNOTSUPP,
        map: map.name,
      });
    }
    map.structOps.funcs.push({ offset, progName: prog.name });
    print('debug', `struct_ops reloc ${map.name}: for member ${member.name} points to program ${prog.name}`);
  }
}
