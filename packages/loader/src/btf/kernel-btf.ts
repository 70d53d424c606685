// SPDX-License-Identifier: MIT
import { parseBtf, type Btf } from '@tsbpf/btf';
import { BtfError, ElfError, type Sys } from '@tsbpf/uapi';
import { parseElf } from '../elf/elf.ts';
import type { Print } from '../log.ts';

/** Where a kernel's BTF may be, `R` standing for its release. */
const PATHS: readonly string[] = [
  '/sys/kernel/btf/vmlinux',
  '/boot/vmlinux-R',
  '/lib/modules/R/vmlinux-R',
  '/lib/modules/R/build/vmlinux',
  '/usr/lib/modules/R/kernel/vmlinux',
  '/usr/lib/debug/boot/vmlinux-R',
  '/usr/lib/debug/boot/vmlinux-R.debug',
  '/usr/lib/debug/lib/modules/R/vmlinux',
];

/** Opens BTF that is a blob, or the .BTF section of an ELF file. */
export function openBtf(bytes: Uint8Array): Btf {
  if (bytes[0] !== 0x7f) return parseBtf(bytes);
  const elf = parseElf(bytes);
  const section = elf.section('.BTF');
  if (section === undefined) throw new ElfError('elf: no .BTF section', { errno: 2, section: '.BTF' });
  return parseBtf(elf.data(section));
}

/** The BTF of the running kernel, from the first place that has it. */
export function readKernelBtf(sys: Sys, print: Print): Btf | undefined {
  const { release } = sys.uname();
  for (const path of PATHS) {
    const file = path.replaceAll('R', release);
    const bytes = sys.readFile(file);
    if (typeof bytes === 'number') continue;
    try {
      const btf = openBtf(bytes);
      print('debug', `loading kernel BTF '${file}': 0`);
      return btf;
    } catch (error) {
      if (!(error instanceof BtfError) && !(error instanceof ElfError)) throw error;
      print('debug', `loading kernel BTF '${file}': ${-error.errno}`);
    }
  }
  return undefined;
}
