// SPDX-License-Identifier: MIT
// Stack, context and packet.
import {
  alu64Imm,
  alu64Reg,
  atomic,
  jmpReg,
  ldAbs,
  ldInd,
  ldxMem,
  mov64Imm,
  mov64Reg,
  callHelper,
  stMem,
  stxMem,
} from '../../packages/insn/src/index.ts';
import {
  BPF_ADD,
  BPF_B,
  BPF_DW,
  BPF_H,
  BPF_JGE,
  BPF_JGT,
  BPF_JLE,
  BPF_JLT,
  BPF_W,
} from '../../packages/uapi/src/index.ts';
import { NUM, type Kind } from './kinds.ts';
import { bounded } from './statement-alu.ts';
import { FREE_SLOTS, SCRATCH_OFF, type Writer } from './writer.ts';

export const SIZES = [BPF_B, BPF_H, BPF_W, BPF_DW] as const;
export const BYTES: Readonly<Record<number, number>> = { [BPF_B]: 1, [BPF_H]: 2, [BPF_W]: 4, [BPF_DW]: 8 };

/** Spills, fills, and data in parts of slots. */
export function stackData(w: Writer): void {
  const { random } = w;
  const index = random.below(FREE_SLOTS);
  const at = -8 * (index + 1);
  const kind = w.slot(index);
  const action = random.below(7);
  if (action === 6 || (kind.is === 'none' && w.nearMiss)) {
    partsOfSlot(w, at, index);
  } else if (action < 2 && kind.is !== 'none') {
    fill(w, at, kind);
  } else if (action === 2 && !w.frozen) {
    spill(w, index);
  } else if (action === 3 && kind.is === 'num') {
    const size = random.pick([BPF_B, BPF_H, BPF_W]);
    const off = at + BYTES[size] * random.below(8 / BYTES[size]);
    if (random.chance(0.5)) w.put(stMem(size, 10, off, w.imm()));
    else w.put(stxMem(size, 10, w.number(), off));
    w.setSlot(index, NUM);
  } else if (action === 4 && kind.is === 'num') {
    const size = random.pick([BPF_W, BPF_DW]);
    w.put(atomic(size, BPF_ADD, 10, w.number(), at));
    w.setSlot(index, NUM);
  } else if (!w.frozen || kind.is === 'num') {
    if (random.chance(0.5)) w.put(stMem(BPF_DW, 10, at, random.chance(0.4) ? 0 : w.imm()));
    else w.put(stxMem(BPF_DW, 10, w.number(), at));
    w.setSlot(index, NUM);
  }
}

/** Zeros that are known, bytes among them that are not, or that nobody wrote; then a load of some of them. */
function partsOfSlot(w: Writer, at: number, index: number): void {
  const { random } = w;
  if (w.frozen && w.slot(index).is !== 'num') return;
  const [zero, reg] = [random.pick([0, 1, 2]), random.pick([3, 4, 5])];
  const whole = !w.nearMiss;
  w.put(mov64Imm(zero, random.chance(0.7) ? 0 : w.imm()));
  w.set(zero, NUM);
  w.put(stxMem(whole ? BPF_DW : BPF_W, 10, zero, at));
  if (random.chance(0.7)) {
    const size = random.pick([BPF_B, BPF_H, BPF_W]);
    w.put(stxMem(size, 10, w.number(zero), at + BYTES[size] * random.below(8 / BYTES[size])));
  }
  const size = random.pick(SIZES);
  w.put(ldxMem(size, reg, 10, at + BYTES[size] * random.below(8 / BYTES[size])));
  w.set(reg, NUM);
  if (whole) w.setSlot(index, NUM);
}

function fill(w: Writer, at: number, kind: Kind): void {
  const { random } = w;
  const reg = w.target();
  if (kind.is === 'num' && random.chance(0.4)) {
    const size = random.pick([BPF_B, BPF_H, BPF_W]);
    w.put(ldxMem(size, reg, 10, at + BYTES[size] * random.below(8 / BYTES[size])));
    w.set(reg, NUM);
    return;
  }
  w.put(ldxMem(BPF_DW, reg, 10, at));
  w.set(reg, kind);
}

function spill(w: Writer, index: number): void {
  const { random } = w;
  const from = [0, 1, 2, 3, 4, 5, 6, 7, 8].filter((reg) => w.kind(reg).is !== 'none');
  if (from.length === 0) return;
  const reg = random.pick(from);
  w.put(stxMem(BPF_DW, 10, reg, -8 * (index + 1)));
  w.setSlot(index, w.kind(reg));
}

export function contextLoad(w: Writer): void {
  const { random, flavour } = w;
  if (flavour.fields.length === 0) return;
  const [off, bytes] = random.pick(flavour.fields);
  const reg = w.target();
  if (flavour.ldAbs === true && w.single && random.chance(0.25)) {
    const size = random.pick([BPF_B, BPF_H, BPF_W]);
    if (random.chance(0.5)) w.put(ldAbs(size, random.below(40)));
    else {
      const src = w.number();
      w.put(ldInd(size, src, random.below(8)));
    }
    w.called(NUM);
    return;
  }
  w.put(ldxMem(bytes === 8 ? BPF_DW : BPF_W, reg, 6, w.risky ? off + random.pick([1, 2, 64]) : off));
  w.set(reg, NUM);
}

export function contextStore(w: Writer): void {
  const { writable } = w.flavour;
  if (writable !== undefined) w.put(stxMem(BPF_W, 6, w.number(), w.random.pick(writable)));
}

/** A comparison of the packet's end with a pointer, then accesses. */
export function packetStatement(w: Writer): void {
  const { random, flavour } = w;
  const { packet } = flavour;
  if (packet === undefined) return;
  if (random.chance(0.1)) return changePacket(w);
  const data = w.frozen ? random.pick([2, 3]) : random.pick([2, 3, 7, 8]);
  const [past, end] = [4, 5];
  const meta = packet.meta !== undefined && random.chance(0.3);
  w.put(ldxMem(BPF_W, data, 6, meta ? (packet.meta ?? 0) : packet.data));
  w.put(ldxMem(BPF_W, end, 6, meta ? packet.data : packet.end));
  if (!meta && random.chance(0.4)) {
    const index = random.chance(0.5) ? 0 : 1;
    if (w.kind(index).is !== 'num') w.put(mov64Imm(index, w.imm()));
    w.set(index, NUM);
    bounded(w, index);
    w.put(alu64Reg(BPF_ADD, data, index));
  }
  const range = random.pick([1, 2, 4, 8, 14, 14, 20, 34]);
  w.put(mov64Reg(past, data), alu64Imm(BPF_ADD, past, range));
  const skip = w.label();
  // Each says: `past` is beyond the end. Of JGE and JLE v5.6 learns one byte less than it could learn from JGT.
  const jumps = [
    jmpReg(BPF_JGT, past, end, skip),
    jmpReg(BPF_JLT, end, past, skip),
    jmpReg(BPF_JGE, past, end, skip),
    jmpReg(BPF_JLE, end, past, skip),
  ];
  // The wrong way round: what follows is for packets that are too short.
  const jump = random.pick(jumps);
  w.put(w.nearMiss ? jmpReg(BPF_JLE, past, end, skip) : jump);
  const before = w.belief();
  w.set(data, { is: 'packet', range: jumps.indexOf(jump) >= 2 ? range - 1 : range });
  for (let i = random.between(1, 3); i > 0; i--) packetAccess(w, data);
  w.put(skip);
  const after = w.belief();
  w.believe({
    regs: after.regs.map((kind, reg) => (kind.is === 'packet' && before.regs[reg] !== kind ? { is: 'none' } : kind)),
    slots: after.slots,
  });
  for (const reg of [data, past, end]) w.set(reg, { is: 'none' });
  w.merge(before);
}

/** An access inside the known range of the packet. */
export function packetAccess(w: Writer, from?: number): void {
  const { random } = w;
  const known = from === undefined ? w.having('packet') : [from];
  if (known.length === 0) return;
  const reg = random.pick(known);
  const kind = w.kind(reg);
  if (kind.is !== 'packet') return;
  const sizes = SIZES.filter((s) => BYTES[s] <= kind.range);
  if (sizes.length === 0) return;
  const size = random.pick(sizes);
  const off = w.nearMiss ? kind.range - BYTES[size] + 1 : random.below(kind.range - BYTES[size] + 1);
  if (w.flavour.packet?.write === true && random.chance(0.4)) {
    w.put(stxMem(size, reg, w.number(reg), off));
    return;
  }
  const into = random.pick([0, 1]);
  w.put(ldxMem(size, into, reg, off));
  w.set(into, NUM);
}

function changePacket(w: Writer): void {
  const { random, flavour } = w;
  const xdp = flavour.buffer === 'xdp';
  const ways = xdp ? [44, 54, 65] : flavour.packet?.write === true ? [39] : [];
  if (ways.length === 0) return;
  if (random.chance(0.5)) spillOverChange(w);
  w.put(mov64Reg(1, 6), mov64Imm(2, xdp ? random.pick([-8, -4, 4, -16]) : 20));
  if (w.flavour.packet !== undefined) w.put(callHelper(random.pick(ways)));
  w.forgetPacket();
  w.called(NUM);
}

/** Keeps a pointer into the packet on the stack while the packet changes. */
function spillOverChange(w: Writer): void {
  const { packet, buffer } = w.flavour;
  if (packet === undefined || w.frozen || !w.nearMiss) return;
  const skip = w.label();
  w.put(ldxMem(BPF_W, 7, 6, packet.data), ldxMem(BPF_W, 2, 6, packet.end), mov64Reg(3, 7), alu64Imm(BPF_ADD, 3, 14));
  w.put(jmpReg(BPF_JGT, 3, 2, skip), stxMem(BPF_DW, 10, 7, SCRATCH_OFF), mov64Reg(1, 6));
  w.put(mov64Imm(2, buffer === 'xdp' ? 4 : 20), callHelper(buffer === 'xdp' ? 44 : 39));
  w.put(ldxMem(BPF_DW, 7, 10, SCRATCH_OFF), ldxMem(BPF_B, 2, 7, 0), skip, mov64Imm(7, 0));
  w.set(7, NUM);
}

/** A helper reads the stack at an offset that is not constant. */
export function variableStack(w: Writer): void {
  const { random } = w;
  w.fillScratch(6);
  const index = w.number(2);
  bounded(w, index);
  w.put(mov64Reg(2, 10), alu64Reg(BPF_ADD, 2, index), alu64Imm(BPF_ADD, 2, SCRATCH_OFF));
  const { maps } = w;
  const map = random.pick([maps.percpuHash, maps.lru, maps.array]);
  w.put({ code: 0x18, dst: 1, src: 1, off: 0, imm: map.fd }, { code: 0, dst: 0, src: 0, off: 0, imm: 0 });
  w.put(callHelper(1));
  w.called({ is: 'valueOrNull', map, id: random.word() });
}
