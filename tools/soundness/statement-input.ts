// SPDX-License-Identifier: MIT
// Numbers that the verifier knows nothing of, and that a run may choose: at the edges of what the program looks at.
import { ldMapValue, ldxMem } from '../../packages/insn/src/index.ts';
import { BPF_B, BPF_DW, BPF_H, BPF_W } from '../../packages/uapi/src/index.ts';
import { NUM } from './kinds.ts';
import { INPUT_WORDS, type Writer } from './writer.ts';

/** R`reg` = a number from outside. */
export function input(w: Writer, reg: number, size: number = BPF_DW): void {
  w.put(ldMapValue(reg, w.maps.inputs.fd, 8 * w.random.below(INPUT_WORDS)), ldxMem(size, reg, reg, 0));
  w.set(reg, NUM);
}

/** A statement: a register to compute with. */
export function inputStatement(w: Writer): void {
  input(w, w.target(), w.random.pick([BPF_DW, BPF_DW, BPF_DW, BPF_W, BPF_H, BPF_B]));
}
