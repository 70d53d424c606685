// SPDX-License-Identifier: MIT
import { parseBtf, parseBtfExt, type Btf, type BtfExt } from '@tsbpf/btf';
import { BtfError, EINVAL, ElfError, ENOEXEC } from '@tsbpf/uapi';
import { fixupBtf } from '../btf/fixup.ts';
import * as C from '../elf/constants.ts';
import { parseElf, type ElfFile } from '../elf/elf.ts';
import type { Print } from '../log.ts';
import { collectBtfMaps } from '../maps/btf-maps.ts';
import { internalMap } from '../maps/internal-maps.ts';
import { collectLegacyMaps } from '../maps/legacy-maps.ts';
import { collectExterns } from './externs.ts';
import { collectPrograms } from './programs.ts';
import { collectMapRelos, collectStructOpsRelos } from './data-relos.ts';
import { refuser, type Refuse } from './refuse.ts';
import { collectProgRelos, type ReloContext } from './relos.ts';
import { collectSections, type ObjectSections } from './sections.ts';
import type { MapSpec, ObjectSpec } from './spec.ts';
import { collectStructOps } from './struct-ops.ts';

function checkElf(elf: ElfFile): void {
  if (elf.type !== C.ET_REL || (elf.machine !== C.EM_BPF && elf.machine !== C.EM_NONE)) {
    throw new ElfError(
      `elf: not a valid eBPF object file: type ${elf.type}, machine ${elf.machine}, expected ${C.ET_REL} and ${C.EM_BPF}`,
      { errno: ENOEXEC, offset: 16 },
    );
  }
}

/** Parses .BTF and .BTF.ext; without a need for them, what cannot be parsed is ignored as libbpf does. */
function readBtf(
  elf: ElfFile,
  sections: ObjectSections,
  mandatory: boolean,
  print: Print,
  refuse: Refuse,
): { btf?: Btf; btfExt?: BtfExt } {
  let btf: Btf | undefined;
  let btfExt: BtfExt | undefined;
  if (sections.btf !== undefined) {
    try {
      btf = parseBtf(elf.data(sections.btf));
    } catch (cause) {
      if (!(cause instanceof BtfError)) throw cause;
      print('warn', `Error loading ELF section .BTF: ${-cause.errno}.`);
      print('warn', cause.message);
    }
  }
  if (sections.btfExt !== undefined) {
    if (btf === undefined) {
      print('debug', 'Ignore ELF section .BTF.ext because its depending ELF section .BTF is not found.');
    } else {
      try {
        btfExt = parseBtfExt(elf.data(sections.btfExt));
      } catch (cause) {
        if (!(cause instanceof BtfError)) throw cause;
        print('warn', `Error loading ELF section .BTF.ext: ${-cause.errno}. Ignored and continue.`);
      }
    }
  }
  if (btf === undefined && mandatory) {
    refuse('BTF is required, but is missing or corrupted.', { errno: EINVAL });
  }
  return { btf, btfExt };
}

/** Reads an object file: no system is needed and nothing of one is touched. */
export function readObject(bytes: Uint8Array, options: { name: string; print: Print }): ObjectSpec {
  const { name, print } = options;
  const refuse = refuser(print);
  const elf = parseElf(bytes);
  print('debug', `loading ${name}`);
  checkElf(elf);
  const sections = collectSections(elf, name, print, refuse);
  const progs = collectPrograms(elf, sections.exec, print, refuse);
  const needsBtf = sections.btfMaps !== undefined || sections.structOps.length > 0;
  const { btf: rawBtf, btfExt } = readBtf(elf, sections, needsBtf, print, refuse);
  const { externs, kconfigSize } = collectExterns(elf, rawBtf, print, refuse);
  const hiddenFuncs = new Set(progs.filter((prog) => prog.hidden).map((prog) => prog.name));
  const btf = rawBtf === undefined ? undefined : fixupBtf({ btf: rawBtf, elf, externs, hiddenFuncs, refuse });

  const maps: MapSpec[] = [];
  if (sections.legacyMaps !== undefined) maps.push(...collectLegacyMaps(elf, sections.legacyMaps, btf, refuse));
  if (sections.btfMaps !== undefined && btf !== undefined) {
    maps.push(...collectBtfMaps({ btf, print, refuse }, sections.btfMaps));
  }
  for (const { section, kind } of sections.data) {
    const data = kind === 'bss' ? zeros(section.size, section.name, refuse) : elf.data(section).slice();
    maps.push(internalMap({ objName: name, kind, secName: section.name, secIdx: section.index, data, btf, print }));
  }
  if (kconfigSize > 0) {
    const data = zeros(kconfigSize, '.kconfig', refuse);
    // It has no section of its own; no relocation is against this one.
    const symtab = elf.sections.find((section) => section.type === C.SHT_SYMTAB)?.index ?? 0;
    maps.push(internalMap({ objName: name, kind: 'kconfig', secName: '.kconfig', secIdx: symtab, data, btf, print }));
  }
  if (btf !== undefined) {
    for (const section of sections.structOps) maps.push(...collectStructOps(elf, section, btf, print, refuse));
  }

  const ctx: ReloContext = {
    elf,
    progs,
    maps,
    externs,
    mapSections: new Set(
      [sections.btfMaps, sections.legacyMaps].flatMap((section) => (section === undefined ? [] : [section.index])),
    ),
    execSections: new Set(sections.exec.map((section) => section.index)),
    print,
    refuse,
  };
  for (const { section, target } of sections.rel) {
    if (ctx.execSections.has(target.index)) collectProgRelos(ctx, section, target);
    else if (target === sections.btfMaps && btf !== undefined) collectMapRelos(ctx, btf, section, target);
    else if (btf !== undefined) collectStructOpsRelos(ctx, btf, section, target);
  }
  return {
    name,
    elf,
    license: sections.license,
    kernVersion: sections.kernVersion,
    btf,
    btfExt,
    btfMandatory: sections.structOps.length > 0,
    maps,
    progs,
    externs,
  };
}

/** A section of zeros is as large as its header says; refused where no map could be. */
function zeros(size: number, secName: string, refuse: Refuse): number {
  if (size > 0x3fffffff) refuse(`elf: section ${secName} takes ${size} bytes, more than a map can hold`);
  return size;
}
