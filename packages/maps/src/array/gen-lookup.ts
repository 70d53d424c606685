// SPDX-License-Identifier: MIT
// Instructions that replace lookups in arrays. R1 is the map, R2 points to the index, R0 is the result.
// @see kernel/bpf/arraymap.c, array_map_gen_lookup, array_of_map_gen_lookup
import { BPF_ADD, BPF_AND, BPF_DW, BPF_JEQ, BPF_JGE, BPF_LSH, BPF_MUL, BPF_W } from '@tsbpf/uapi';
import { alu32Imm, alu64Imm, alu64Reg, ja, jmpImm, ldxMem, mov64Imm, type Insn } from '@tsbpf/insn';
import type { KernelTypes, MapFacts, MapOpName } from '@tsbpf/core';
import { arrayValueOff } from '../object/layout.ts';
import { roundUp8, roundUpPow2 } from '../object/sizes.ts';

const [RET, MAP, INDEX] = [0, 1, 2];

interface Lookup {
  insns: Insn[];
  callees: ReadonlyMap<number, MapOpName>;
}

/** What an unprivileged array adds to the facts. */
interface MaskedIndex {
  readonly unprivArray?: boolean;
}

function elementLookup(map: MapFacts, types: KernelTypes, follow: readonly Insn[]): Insn[] {
  const stride = roundUp8(map.valueSize);
  const shift = Math.log2(stride);
  const masked = (map as MaskedIndex).unprivArray === true;
  const found: Insn[] = [
    ...(masked ? [alu32Imm(BPF_AND, RET, roundUpPow2(map.maxEntries) - 1)] : []),
    Number.isInteger(shift) ? alu64Imm(BPF_LSH, RET, shift) : alu64Imm(BPF_MUL, RET, stride),
    alu64Reg(BPF_ADD, RET, MAP),
    ...follow,
    ja(1),
  ];
  return [
    alu64Imm(BPF_ADD, MAP, arrayValueOff(types)),
    ldxMem(BPF_W, RET, INDEX, 0),
    jmpImm(BPF_JGE, RET, map.maxEntries | 0, found.length),
    ...found,
    mov64Imm(RET, 0),
  ];
}

/** Bounds check and address of the element. */
export function genArrayLookup(map: MapFacts, types: KernelTypes): Lookup {
  return { insns: elementLookup(map, types, []), callees: new Map() };
}

/** The same, then the pointer in the element. */
export function genArrayOfMapsLookup(map: MapFacts, types: KernelTypes): Lookup {
  return {
    insns: elementLookup(map, types, [ldxMem(BPF_DW, RET, RET, 0), jmpImm(BPF_JEQ, RET, 0, 1)]),
    callees: new Map(),
  };
}
