// SPDX-License-Identifier: MIT
// Instructions that replace lookups in hash tables: a call for the element, then its value.
// @see kernel/bpf/hashtab.c, htab_map_gen_lookup, htab_lru_map_gen_lookup, htab_of_map_gen_lookup
import { BPF_ADD, BPF_B, BPF_DW, BPF_JEQ, BPF_JNE } from '@tsbpf/uapi';
import { alu64Imm, callHelper, jmpImm, ldxMem, stMem, type Insn } from '@tsbpf/insn';
import type { KernelTypes, MapFacts, MapOpName } from '@tsbpf/core';
import { htabElemLayout } from '../object/layout.ts';
import { roundUp8 } from '../object/sizes.ts';

type Lookup = { insns: Insn[]; callees: ReadonlyMap<number, MapOpName> };

const [RET, TEMP] = [0, 1];
const CALLEES: ReadonlyMap<number, MapOpName> = new Map([[0, 'lookupRaw']]);

function elementThen(found: Insn[]): Lookup {
  return { insns: [callHelper(0), jmpImm(BPF_JEQ, RET, 0, found.length), ...found], callees: CALLEES };
}

function toValue(map: MapFacts, types: KernelTypes): Insn {
  return alu64Imm(BPF_ADD, RET, htabElemLayout(types).key + roundUp8(map.keySize));
}

export function genHashLookup(map: MapFacts, types: KernelTypes): Lookup {
  return elementThen([toValue(map, types)]);
}

/** Marks the element as referenced on the way. */
export function genLruHashLookup(map: MapFacts, types: KernelTypes): Lookup {
  const { ref } = htabElemLayout(types);
  return elementThen([
    ldxMem(BPF_B, TEMP, RET, ref),
    jmpImm(BPF_JNE, TEMP, 0, 1),
    stMem(BPF_B, RET, ref, 1),
    toValue(map, types),
  ]);
}

export function genHashOfMapsLookup(map: MapFacts, types: KernelTypes): Lookup {
  return elementThen([toValue(map, types), ldxMem(BPF_DW, RET, RET, 0)]);
}
