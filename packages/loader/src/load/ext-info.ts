// SPDX-License-Identifier: MIT
import type { Btf, BtfExtInfo } from '@tsbpf/btf';
import { BPF_INSN_SIZE } from '@tsbpf/uapi';
import type { ElfFile } from '../elf/elf.ts';
import type { ProgSpec } from '../open/spec.ts';

interface Rec {
  /** Instruction of the section. */
  readonly insn: number;
  readonly bytes: Uint8Array;
}

/** The records of one kind, by section and in the order of their instructions. */
export interface ExtRecords {
  /** Bytes of a record; 0 where there are none. */
  readonly recSize: number;
  /** Those of a function, as bytes that count instructions from `insnOff` where the function begins. */
  of(prog: ProgSpec, insnOff: number): Uint8Array[];
}

/** Prepares .BTF.ext records for cutting them up by function. */
export function extRecords(btf: Btf, elf: ElfFile, info: BtfExtInfo<{ readonly insnOff: number }>): ExtRecords {
  const { recSize, sections } = info;
  const bySection = new Map<string, Rec[]>();
  for (const section of sections) {
    const name = btf.strAt(section.secNameOff);
    const records = bySection.get(name) ?? [];
    bySection.set(name, records);
    section.records.forEach((record, i) => {
      records.push({
        insn: record.insnOff / BPF_INSN_SIZE,
        bytes: section.bytes.subarray(i * recSize, (i + 1) * recSize),
      });
    });
  }
  for (const records of bySection.values()) records.sort((a, b) => a.insn - b.insn);
  return {
    recSize,
    of(prog, insnOff) {
      const { secIdx, secInsnOff, insns } = prog;
      const out: Uint8Array[] = [];
      for (const { insn, bytes } of bySection.get(elf.sections[secIdx].name) ?? []) {
        if (insn < secInsnOff || insn >= secInsnOff + insns.length) continue;
        const copy = bytes.slice();
        new DataView(copy.buffer).setUint32(0, insn - secInsnOff + insnOff, btf.littleEndian);
        out.push(copy);
      }
      return out;
    },
  };
}

/** Records one after another. */
export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
