// SPDX-License-Identifier: MIT
// Mistakes of programs that somebody who may do nothing loads: an address must not get out, nor a pointer out of bounds.
import {
  alu64Imm,
  alu64Reg,
  atomic,
  callHelper,
  jmpImm,
  jmpReg,
  ldMapFd,
  ldxMem,
  mov32Reg,
  mov64Reg,
  neg64,
  stMem,
  stxMem,
} from '../../packages/insn/src/index.ts';
import { BPF_ADD, BPF_AND, BPF_B, BPF_DW, BPF_JEQ, BPF_JGT, BPF_SUB, BPF_W } from '../../packages/uapi/src/index.ts';
import { TRAP_OFF, coin, found, value } from './near-miss-parts.ts';
import type { NearMiss } from './near-misses.ts';
import { input } from './statement-input.ts';
import type { Writer } from './writer.ts';

/** R7 = an address of some kind. */
function address(w: Writer, skip: string): void {
  const { random, maps } = w;
  const way = random.below(5);
  if (way === 0) value(w, 7);
  else if (way === 1) w.put(mov64Reg(7, 10));
  else if (way === 2) w.put(mov64Reg(7, 6));
  else if (way === 3) w.put(ldMapFd(7, maps.hash.fd));
  else found(w, 7, maps.array, skip);
}

function leaks(w: Writer): void {
  const { random, flavour, maps } = w;
  const skip = w.label();
  address(w, skip);
  value(w, 8);
  switch (random.below(9)) {
    case 0:
      w.put(stxMem(BPF_DW, 8, 7, 8));
      break;
    case 1:
      w.put(atomic(BPF_DW, BPF_ADD, 8, 7, 8));
      break;
    case 2:
      if (flavour.writable !== undefined) w.put(stxMem(BPF_W, 6, 7, flavour.writable[0]));
      break;
    case 3:
      coin(w, 3);
      w.put(jmpReg(random.pick([BPF_JEQ, BPF_JGT]), 7, 3, skip));
      break;
    case 4:
      w.put(jmpImm(random.pick([BPF_JGT, BPF_JEQ]), 7, 5, skip));
      break;
    case 5: {
      // Made a number.
      const number = [
        [mov32Reg(7, 7)],
        [alu64Reg(BPF_SUB, 7, 10)],
        [alu64Imm(BPF_AND, 7, -1)],
        [neg64(7)],
        [stxMem(BPF_DW, 10, 7, TRAP_OFF), ldxMem(BPF_W, 7, 10, TRAP_OFF)],
        [stxMem(BPF_DW, 10, 7, TRAP_OFF), stMem(BPF_B, 10, TRAP_OFF, 0), ldxMem(BPF_DW, 7, 10, TRAP_OFF)],
      ];
      w.put(...random.pick(number), stxMem(BPF_DW, 8, 7, 8));
      break;
    }
    case 6:
      // In what a helper is given.
      w.put(stxMem(BPF_DW, 10, 7, TRAP_OFF), mov64Reg(2, 10), alu64Imm(BPF_ADD, 2, TRAP_OFF));
      w.put(ldMapFd(1, maps.hash.fd), callHelper(random.pick([1, 3])));
      break;
    case 7:
      w.fillScratch(6, 1);
      w.put(mov64Reg(2, 10), alu64Imm(BPF_ADD, 2, -128), mov64Reg(3, 10), alu64Imm(BPF_ADD, 3, -128));
      w.put(mov64Reg(4, 7), ldMapFd(1, maps.hash.fd), callHelper(2));
      break;
    default: {
      const go = w.label();
      coin(w, 2);
      w.put(jmpImm(BPF_JGT, 2, 2, go), mov64Reg(0, 7), { code: 0x95, dst: 0, src: 0, off: 0, imm: 0 }, go);
    }
  }
  w.put(skip);
}

/** A pointer that leaves its value on the way, and an index whose sign is not known. */
function excursions(w: Writer): void {
  const { random } = w;
  const room = value(w, 8);
  const way = random.below(4);
  input(w, 3);
  if (way === 0)
    w.put(alu64Imm(BPF_AND, 3, 31), alu64Reg(BPF_ADD, 8, 3), ldxMem(BPF_B, 2, 8, random.pick([24, 25, 0])));
  else if (way === 1) w.put(alu64Imm(BPF_ADD, 8, room), alu64Imm(BPF_SUB, 8, 8), ldxMem(BPF_B, 2, 8, 0));
  else if (way === 2)
    w.put(alu64Imm(BPF_AND, 3, 7), alu64Imm(BPF_SUB, 3, 4), alu64Imm(BPF_ADD, 8, 8), alu64Reg(BPF_ADD, 8, 3));
  else w.put(alu64Imm(BPF_AND, 3, 15), alu64Imm(BPF_ADD, 8, 20), alu64Reg(BPF_SUB, 8, 3));
  w.put(ldxMem(BPF_B, 2, 8, 0));
}

const users = ({ unprivileged }: { unprivileged?: boolean }): boolean => unprivileged === true;

export const USER_NEAR_MISSES: readonly NearMiss[] = [
  { name: 'leaks', weight: 6, for: users, write: leaks },
  { name: 'excursions', for: users, write: excursions },
];
