// SPDX-License-Identifier: MIT
// Sections of one name become one section.
import { EINVAL } from '@tsbpf/uapi';
import * as C from '../elf/constants.ts';
import type { ElfFile, ElfSection } from '../elf/elf.ts';
import type { Refuse } from '../open/refuse.ts';
import type { Input, InputSection } from './input.ts';
import type { Output, OutSection } from './output.ts';

/** Where an input's section went. */
export interface Placed {
  readonly out: OutSection;
  /** Where its bytes begin in the output's section. */
  readonly off: number;
  /** It says what the output says already, and was left out. */
  readonly skipped: boolean;
}

export type Placement = ReadonlyMap<InputSection, Placed>;

/** Sections of which every object has one that says the same. */
const ONCE: ReadonlySet<string> = new Set(['license', 'version']);

/** Refuses sections of one name that cannot be one. */
export function checkMatch(out: OutSection, section: ElfSection, refuse: Refuse): void {
  const mismatch =
    out.type !== section.type
      ? 'types'
      : out.flags !== section.flags
        ? 'flags'
        : out.entsize !== section.entsize
          ? 'entsize'
          : undefined;
  if (mismatch !== undefined) {
    refuse(`ELF sections ${section.name} are incompatible: ${mismatch} differ`, { errno: EINVAL });
  }
}

function sameContents(out: OutSection, bytes: Uint8Array): boolean {
  const [first] = out.parts;
  return (
    out.size === bytes.length && first?.bytes.length === bytes.length && first.bytes.every((b, i) => b === bytes[i])
  );
}

/** Appends an ELF section to the output's of its name. */
export function appendSection(output: Output, elf: ElfFile, section: ElfSection, out: OutSection): number {
  const { type, flags, entsize, align, size } = section;
  if (out.index === 0) output.appear(out, { type, flags, entsize, align: Math.max(align, 1) });
  out.align = Math.max(out.align, align);
  return type === C.SHT_NOBITS ? output.reserve(out, size) : output.append(out, new Uint8Array(elf.data(section)));
}

/** Merges an input's sections into the output's. */
export function mergeSections(output: Output, input: Input, refuse: Refuse): Placement {
  const placement = new Map<InputSection, Placed>();
  for (const section of input.sections) {
    const out = output.section(section.name);
    const { elf } = section;
    if (elf === undefined) {
      placement.set(section, { out, off: 0, skipped: false });
      continue;
    }
    if (out.index !== 0) {
      checkMatch(out, elf, refuse);
      if (ONCE.has(section.name)) {
        if (!sameContents(out, input.elf.data(elf))) {
          refuse(`non-identical contents of section '${section.name}' are not supported`, { errno: EINVAL });
        }
        placement.set(section, { out, off: 0, skipped: true });
        continue;
      }
    }
    placement.set(section, { out, off: appendSection(output, input.elf, elf, out), skipped: false });
  }
  return placement;
}
