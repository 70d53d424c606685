// SPDX-License-Identifier: MIT
// Values of maps, locks and sockets.
import {
  alu64Imm,
  alu64Reg,
  atomic,
  callHelper,
  ja,
  jmpImm,
  ldMapFd,
  ldMapValue,
  ldxMem,
  mov64Imm,
  mov64Reg,
  stMem,
  stxMem,
} from '../../packages/insn/src/index.ts';
import { BPF_ADD, BPF_DW, BPF_JEQ, BPF_JNE, BPF_SUB, BPF_W } from '../../packages/uapi/src/index.ts';
import { NONE, NUM } from './kinds.ts';
import type { NetMap } from './net-kernel.ts';
import type { MapName } from './net-maps.ts';
import { bounded } from './statement-alu.ts';
import { BYTES, SIZES } from './statement-memory.ts';
import { SCRATCH_OFF, type Writer } from './writer.ts';

const PLAIN: readonly MapName[] = ['array', 'hash', 'percpuArray', 'percpuHash', 'lru', 'lpm'];

/** R2 = a key on the stack that may be there. */
function key(w: Writer, map: NetMap): void {
  if (map.name === 'lpm') {
    w.put(stMem(BPF_W, 10, SCRATCH_OFF, 8), stMem(BPF_W, 10, SCRATCH_OFF + 4, w.random.below(2)));
  } else {
    w.put(stMem(BPF_DW, 10, SCRATCH_OFF, w.random.below(4)));
    // A key that is not constant.
    if (w.random.chance(0.3)) w.put(stxMem(BPF_W, 10, w.number(), SCRATCH_OFF));
  }
  w.put(mov64Reg(2, 10), alu64Imm(BPF_ADD, 2, w.risky ? -4 : SCRATCH_OFF));
}

/** R0 = a value, or NULL. */
function lookup(w: Writer, map: NetMap): void {
  key(w, map);
  w.put(ldMapFd(1, map.fd), callHelper(1));
  w.called({ is: 'valueOrNull', map, id: w.random.word() });
}

/** A lookup; most of the time its result is compared with NULL, and used. */
export function lookupStatement(w: Writer): void {
  const { random, maps } = w;
  if (random.chance(0.08)) return innerLookup(w);
  if (random.chance(0.12)) {
    const reg = w.frozen ? random.pick([1, 2, 3]) : random.pick([3, 7, 8]);
    const off = 8 * random.below(4);
    w.put(ldMapValue(reg, maps.single.fd, off));
    w.set(reg, { is: 'value', map: maps.single, off });
    return;
  }
  lookup(w, maps[random.pick(PLAIN)]);
  if (!w.frozen && random.chance(0.6)) keep(w);
  if (random.chance(0.95)) compareWithNull(w);
}

/** Copies R0 to where it lives on, or is found again. */
function keep(w: Writer): void {
  const { random } = w;
  const kind = w.kind(0);
  if (random.chance(0.7)) {
    const reg = random.pick([7, 8]);
    w.put(mov64Reg(reg, 0));
    w.set(reg, kind);
  } else {
    const index = random.below(8);
    w.put(stxMem(BPF_DW, 10, 0, -8 * (index + 1)));
    w.setSlot(index, kind);
  }
}

/** In what follows all copies of a pointer are no NULL; where it is, they are 0. */
function compareWithNull(w: Writer): void {
  const { random } = w;
  const reg = random.pick(w.having('valueOrNull'));
  const kind = w.kind(reg);
  if (kind.is !== 'valueOrNull') return;
  const done = w.label();
  const before = w.belief();
  const become = (is: 'value' | 'num'): void => {
    const change = (k: typeof kind | ReturnType<Writer['kind']>): ReturnType<Writer['kind']> =>
      k.is !== 'valueOrNull' || k.id !== kind.id
        ? k
        : is === 'num'
          ? { is: 'num', max: 0 }
          : { is, map: k.map, off: 0 };
    const { regs, slots } = w.belief();
    w.believe({ regs: regs.map(change), slots: slots.map(change) });
  };
  if (random.chance(0.5)) {
    w.put(jmpImm(BPF_JEQ, reg, 0, done));
  } else {
    const found = w.label();
    w.put(jmpImm(BPF_JNE, reg, 0, found));
    if (random.chance(0.5)) w.put(mov64Imm(reg, random.below(9)));
    w.put(ja(done), found);
  }
  become('value');
  for (let i = random.between(1, 4); i > 0; i--) valueAccess(w, true);
  w.put(done);
  const after = w.belief();
  w.believe(before);
  become('num');
  w.merge(after);
}

/** An access inside a value, at a constant or a variable offset. */
export function valueAccess(w: Writer, mayMove = false): void {
  const { random } = w;
  const known = w.having('value');
  if (known.length === 0) return;
  let reg = random.pick(known);
  const kind = w.kind(reg);
  if (kind.is !== 'value') return;
  const room = kind.map.valueSize - kind.off;
  let left = room;
  if (mayMove && random.chance(0.5)) {
    const index = w.number(reg);
    if (index !== reg && w.kind(index).is === 'num') {
      const max = bounded(w, index);
      const copy = index === 4 ? 5 : 4;
      w.put(mov64Reg(copy, reg));
      const back = random.chance(0.2);
      if (back) w.put(alu64Imm(BPF_ADD, copy, max), alu64Reg(BPF_SUB, copy, index));
      else w.put(alu64Reg(BPF_ADD, copy, index));
      w.set(copy, NONE);
      reg = copy;
      left = room - max;
    }
  }
  const sizes = SIZES.filter((size) => BYTES[size] <= left);
  if (sizes.length === 0) return;
  const size = random.pick(sizes);
  const off = w.nearMiss ? room - BYTES[size] + random.below(2) : random.below(left - BYTES[size] + 1);
  const action = random.below(6);
  if (action === 0) w.put(stMem(size, reg, off, w.imm()));
  else if (action === 1 || action === 2) {
    const from = w.number(reg);
    if (from !== reg) w.put(stxMem(size, reg, from, off));
  } else if (action === 3 && BYTES[size] >= 4 && reg === random.pick(known)) {
    const from = w.number(reg);
    const aligned = Math.floor(off / BYTES[size]) * BYTES[size];
    if (from !== reg) w.put(atomic(size, BPF_ADD, reg, from, aligned));
  } else {
    const into = reg === 1 ? 2 : random.pick([1, 2, 3]);
    if (into === reg) return;
    w.put(ldxMem(size, into, reg, off));
    w.set(into, NUM);
  }
}

function innerLookup(w: Writer): void {
  const { maps, random } = w;
  lookup(w, maps.outer);
  const done = w.label();
  const before = w.belief();
  w.put(jmpImm(BPF_JEQ, 0, 0, done), mov64Reg(1, 0));
  w.put(stMem(BPF_W, 10, SCRATCH_OFF, random.below(4)), mov64Reg(2, 10), alu64Imm(BPF_ADD, 2, SCRATCH_OFF));
  w.put(callHelper(1), jmpImm(BPF_JEQ, 0, 0, done));
  w.set(0, { is: 'value', map: maps.array, off: 0 });
  valueAccess(w);
  w.put(done);
  w.believe(before);
  for (let reg = 0; reg <= 5; reg++) w.set(reg, NONE);
}

/** A value with a lock: taken, used, given back. */
export function lockStatement(w: Writer): void {
  const { random, maps, flavour } = w;
  if (w.users || (flavour.buffer !== 'xdp' && flavour.buffer !== 'skb')) return;
  const before = w.belief();
  lookup(w, maps.locked);
  const done = w.label();
  const reg = w.frozen ? 9 : 7;
  if (w.frozen) return;
  w.put(jmpImm(BPF_JEQ, 0, 0, done), mov64Reg(reg, 0), mov64Reg(1, reg), callHelper(93));
  w.put(ldxMem(BPF_W, 2, reg, 4), alu64Imm(BPF_ADD, 2, w.imm()), stxMem(BPF_W, reg, 2, w.risky ? 0 : 4));
  if (random.chance(0.3)) w.put(alu64Imm(BPF_ADD, 2, 1));
  w.put(mov64Reg(1, reg), callHelper(94), done);
  w.believe(before);
  for (const r of [0, 1, 2, 3, 4, 5, reg]) w.set(r, NONE);
}
