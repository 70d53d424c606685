// SPDX-License-Identifier: MIT
import { EINVAL, ENOEXEC } from '@tsbpf/uapi';
import * as C from '../elf/constants.ts';
import type { ElfFile, ElfSection } from '../elf/elf.ts';
import type { Print } from '../log.ts';
import type { Refuse } from './refuse.ts';

/** The sections of an object by what they mean. */
export interface ObjectSections {
  readonly license: string;
  readonly kernVersion: number;
  readonly legacyMaps: ElfSection | undefined;
  readonly btfMaps: ElfSection | undefined;
  readonly btf: ElfSection | undefined;
  readonly btfExt: ElfSection | undefined;
  readonly exec: readonly ElfSection[];
  /** Variables: .data, .rodata, .bss and those named after them, in the file's order. */
  readonly data: readonly { readonly section: ElfSection; readonly kind: 'data' | 'rodata' | 'bss' }[];
  readonly structOps: readonly ElfSection[];
  readonly rel: readonly { readonly section: ElfSection; readonly target: ElfSection }[];
}

const STRUCT_OPS_NAMES: ReadonlySet<string> = new Set([
  '.struct_ops',
  '.struct_ops.link',
  '?.struct_ops',
  '?.struct_ops.link',
]);

export const isStructOpsName = (name: string): boolean => STRUCT_OPS_NAMES.has(name);

const isOrIn = (name: string, sec: string): boolean => name === sec || name.startsWith(`${sec}.`);

function ignored(section: ElfSection): boolean {
  const { name, type } = section;
  if (type === C.SHT_STRTAB || type === C.SHT_LLVM_ADDRSIG) return true;
  if (type === C.SHT_PROGBITS && section.size === 0 && name === '.text') return true;
  if (name.startsWith('.debug_')) return true;
  if (name.startsWith('.rel')) {
    const target = name.slice(4);
    return target.startsWith('.debug_') || ['.BTF', '.BTF.ext', '.eh_frame'].includes(target);
  }
  return name === '.eh_frame' || name === '.comment' || name.startsWith('.note');
}

/** Sorts sections by meaning, as libbpf does when it collects them. */
export function collectSections(elf: ElfFile, objName: string, print: Print, refuse: Refuse): ObjectSections {
  let license = '';
  let kernVersion = 0;
  let legacyMaps: ElfSection | undefined;
  let btfMaps: ElfSection | undefined;
  let btf: ElfSection | undefined;
  let btfExt: ElfSection | undefined;
  const exec: ElfSection[] = [];
  const data: { section: ElfSection; kind: 'data' | 'rodata' | 'bss' }[] = [];
  const structOps: ElfSection[] = [];
  const relSections: ElfSection[] = [];
  for (const section of elf.sections.slice(1)) {
    const { name, type, index, size } = section;
    const skip = (): void => print('info', `elf: skipping section(${index}) ${name} (size ${size})`);
    if (ignored(section)) continue;
    const flags = section.flags.toString(16);
    print('debug', `elf: section(${index}) ${name}, size ${size}, link ${section.link}, flags ${flags}, type=${type}`);
    if (type === C.SHT_SYMTAB) continue;
    if (name === 'license' && type === C.SHT_PROGBITS) {
      // 63 bytes and a NUL: what libbpf keeps.
      const bytes = elf.data(section).subarray(0, 63);
      const end = bytes.indexOf(0);
      license = new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
      print('debug', `license of ${objName} is ${license}`);
    } else if (name === 'version' && type === C.SHT_PROGBITS) {
      const bytes = elf.data(section);
      if (bytes.length !== 4) refuse(`invalid kver section: ${bytes.length} bytes, expected 4`, { errno: ENOEXEC });
      kernVersion = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, elf.littleEndian);
      print('debug', `kernel version of ${objName} is ${kernVersion.toString(16)}`);
    } else if (name === 'maps') legacyMaps = section;
    else if (name === '.maps') btfMaps = section;
    else if (name === '.BTF') {
      if (type === C.SHT_PROGBITS) btf = section;
    } else if (name === '.BTF.ext') {
      if (type === C.SHT_PROGBITS) btfExt = section;
    } else if (type === C.SHT_PROGBITS && size > 0) {
      if ((section.flags & BigInt(C.SHF_EXECINSTR)) !== 0n) exec.push(section);
      else if (isOrIn(name, '.data')) data.push({ section, kind: 'data' });
      else if (isOrIn(name, '.rodata')) data.push({ section, kind: 'rodata' });
      else if (isStructOpsName(name)) structOps.push(section);
      else if (name === '.addr_space.1' || name === '.jumptables') {
        refuse(`elf: section(${index}) ${name} needs maps that Linux v5.6 does not have`, { errno: EINVAL });
      } else print('info', `elf: skipping unrecognized data section(${index}) ${name}`);
    } else if (type === C.SHT_REL) relSections.push(section);
    else if (type === C.SHT_NOBITS && isOrIn(name, '.bss')) {
      if (size > 0) data.push({ section, kind: 'bss' });
    } else skip();
  }
  const rel: { section: ElfSection; target: ElfSection }[] = [];
  for (const section of relSections) {
    const target = elf.sections[section.info];
    if (target === undefined || section.info === 0) {
      refuse(`elf: relo section(${section.index}) ${section.name} is for section ${section.info}, which is not there`, {
        errno: ENOEXEC,
      });
    }
    if (exec.includes(target) || target === btfMaps || structOps.includes(target)) rel.push({ section, target });
    else {
      const name = target.name === '' ? '<?>' : target.name;
      print(
        'info',
        `elf: skipping relo section(${section.index}) ${section.name} for section(${section.info}) ${name}`,
      );
    }
  }
  return { license, kernVersion, legacyMaps, btfMaps, btf, btfExt, exec, data, structOps, rel };
}
