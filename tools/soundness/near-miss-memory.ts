// SPDX-License-Identifier: MIT
// Mistakes in what a program loads from and stores to.
import {
  alu64Imm,
  alu64Reg,
  atomic,
  callHelper,
  ja,
  jmpImm,
  jmpReg,
  ldMapValue,
  ldxMem,
  mov64Imm,
  mov64Reg,
  stMem,
  stxMem,
} from '../../packages/insn/src/index.ts';
import {
  BPF_ADD,
  BPF_B,
  BPF_DW,
  BPF_H,
  BPF_JEQ,
  BPF_JGE,
  BPF_JGT,
  BPF_JLE,
  BPF_JLT,
  BPF_JNE,
  BPF_SUB,
  BPF_W,
} from '../../packages/uapi/src/index.ts';
import type { Flavour } from './flavours.ts';
import {
  TRAP_OFF,
  add,
  anySize,
  atMost,
  bytesOf,
  compute,
  forks,
  found,
  index,
  small,
  lookUp,
  touch,
  value,
} from './near-miss-parts.ts';
import type { NearMiss } from './near-misses.ts';
import { input } from './statement-input.ts';
import { fieldsOf } from './statement-object.ts';
import type { Writer } from './writer.ts';

const root = ({ unprivileged }: Flavour): boolean => unprivileged !== true;
const packets = ({ packet }: Flavour): boolean => packet !== undefined;

/** An index at its greatest ends exactly at the end of the value, or one byte behind it. */
function lastByte(w: Writer): void {
  const skip = w.label();
  const { random } = w;
  const map = random.pick([w.maps.array, w.maps.hash, w.maps.percpuArray, w.maps.lru]);
  const size = anySize(w);
  found(w, 8, map, skip);
  const room = map.valueSize;
  const limit = random.pick([1, 3, 5, 7, 8, 11, 15]);
  const { high } = index(w, 3, limit, skip);
  add(w, 8, 3);
  touch(w, 8, size, room - bytesOf(size) - high + random.below(2));
  w.put(skip);
}

/** The same, exact about which value it is. */
function lastByteOfDirect(w: Writer): void {
  const skip = w.label();
  const { random } = w;
  const size = anySize(w);
  const room = value(w, 8);
  const { high } = index(w, 3, random.pick([1, 3, 5, 7, 8, 11, 15, 20, 31]), skip);
  add(w, 8, 3);
  touch(w, 8, size, room - bytesOf(size) - high + random.below(2));
  w.put(skip);
}

/** An index at its least begins at the value's start, or one byte before it. */
function firstByte(w: Writer): void {
  const skip = w.label();
  const { random } = w;
  value(w, 8);
  const { low } = index(w, 3, random.pick([1, 3, 7, 15]), skip);
  if (random.chance(0.5)) {
    const c = random.between(1, 9);
    w.put(alu64Imm(BPF_SUB, 3, c));
    add(w, 8, 3);
    touch(w, 8, BPF_B, c - low - random.below(2));
  } else {
    w.put(alu64Imm(BPF_ADD, 8, 20), alu64Reg(BPF_SUB, 8, 3));
    touch(w, 8, BPF_B, random.pick([0, -5, -19, -20]));
  }
  w.put(skip);
}

/** A signed index: both its ends matter. */
function signedIndex(w: Writer): void {
  const skip = w.label();
  const { random } = w;
  const [low, high] = [random.between(-9, 0), random.between(1, 9)];
  value(w, 8);
  input(w, 3);
  const shorter = random.below(3);
  if (shorter !== 0) w.put(jmpImm(random.pick([0x60, 0x70]), 3, high, skip));
  if (shorter !== 1) w.put(jmpImm(random.pick([0xc0, 0xd0]), 3, low, skip));
  w.put(alu64Reg(BPF_ADD, 8, 3));
  touch(w, 8, BPF_B, random.pick([-low, -low - 1, -low + 1, 55 - high, 56 - high, 54 - high]));
  w.put(skip);
}

/** Constant offsets around the ends of a value. */
function constantOffset(w: Writer): void {
  const { random } = w;
  const size = anySize(w);
  const room = value(w, 8);
  const moved = random.pick([0, 0, 8, -8, 55]);
  if (moved !== 0) w.put(alu64Imm(BPF_ADD, 8, moved));
  touch(w, 8, size, random.pick([room - bytesOf(size) + 1, -1, room, -bytesOf(size), 0]) - moved);
}

/** A packet is compared with its end in some way, and used on some side of it, around the place compared. */
function packetSide(w: Writer): void {
  const { packet } = w.flavour;
  if (packet === undefined) return;
  const { random } = w;
  const [used, done, skip] = [w.label(), w.label(), w.label()];
  const meta = packet.meta !== undefined && random.chance(0.25);
  w.put(ldxMem(BPF_W, 7, 6, meta ? (packet.meta ?? 0) : packet.data));
  w.put(ldxMem(BPF_W, 4, 6, meta ? packet.data : packet.end));
  let spare = 0;
  if (!meta && random.chance(0.5)) {
    const limit = random.pick([1, 3, 7, 15]);
    small(w, 3, limit, skip);
    compute(w, 3, { low: 0, high: limit });
    add(w, 7, 3);
    spare = random.chance(0.5) ? 0 : 2;
  }
  const range = random.pick([14, 14, 15, 18, 20, 34]) + spare;
  w.put(mov64Reg(8, 7), alu64Imm(BPF_ADD, 8, range));
  const op = random.pick([BPF_JGT, BPF_JGE, BPF_JLT, BPF_JLE]);
  w.put(random.chance(0.5) ? jmpReg(op, 8, 4, used) : jmpReg(op, 4, 8, used));
  const size = random.pick([BPF_B, BPF_B, BPF_H, BPF_W, BPF_DW]);
  const off = range - bytesOf(size) + random.pick([-1, 0, 0, 0, 1]);
  const reach = (): void => {
    const way = random.below(4);
    if (way === 0) w.put(mov64Reg(5, 7), alu64Imm(BPF_ADD, 5, off), ldxMem(size, 3, 5, 0));
    else if (way === 1) w.put(ldxMem(size, 3, 8, off - range));
    else if (way === 2 && packet.write) w.put(mov64Imm(3, 1), stxMem(size, 7, 3, off));
    else w.put(ldxMem(size, 3, 7, off));
  };
  if (random.chance(0.5)) {
    reach();
    w.put(ja(done), used);
  } else {
    w.put(ja(done), used);
    reach();
  }
  w.put(done, skip);
}

/** What was compared with the packet's end is moved by a number, or something moved is used instead of it. */
function movedPacket(w: Writer): void {
  const { packet } = w.flavour;
  if (packet === undefined) return;
  const { random } = w;
  const skip = w.label();
  w.put(ldxMem(BPF_W, 7, 6, packet.data), ldxMem(BPF_W, 8, 6, packet.end));
  small(w, 3, random.pick([1, 3, 7, 15]), skip);
  if (random.chance(0.4)) {
    small(w, 5, random.pick([1, 3, 7]), skip);
    w.put(alu64Reg(BPF_ADD, 7, 5));
  }
  const way = random.below(4);
  const [base, other] = [7, 9];
  if (way !== 0) w.put(mov64Reg(other, base), alu64Reg(BPF_ADD, other, 3));
  const range = random.pick([14, 20, 34]);
  const compared = way === 2 ? other : base;
  w.put(mov64Reg(4, compared), alu64Imm(BPF_ADD, 4, range), jmpReg(BPF_JGT, 4, 8, skip));
  if (way === 0) w.put(alu64Reg(random.chance(0.8) ? BPF_ADD : BPF_SUB, base, 3));
  else if (way === 3) w.put(mov64Reg(other, base), alu64Reg(BPF_ADD, other, 3));
  w.put(ldxMem(BPF_B, 2, way === 0 || way === 2 ? base : other, random.pick([range - 1, range - 1, 0])), skip);
}

/** A pointer into the packet is kept, in a register or on the stack, while a helper changes the packet. */
function stalePacket(w: Writer): void {
  const { packet, buffer } = w.flavour;
  if (packet === undefined) return;
  const { random } = w;
  const skip = w.label();
  w.put(ldxMem(BPF_W, 7, 6, packet.data), ldxMem(BPF_W, 8, 6, packet.end), mov64Reg(3, 7), alu64Imm(BPF_ADD, 3, 14));
  w.put(jmpReg(BPF_JGT, 3, 8, skip));
  const kept = random.below(4);
  const [off, other] = [TRAP_OFF, TRAP_OFF - 8];
  w.put(stxMem(BPF_DW, 10, 7, off), stxMem(BPF_DW, 10, 8, other));
  const xdp = buffer === 'xdp';
  // Shorter from the front, so that where it was is before it now; or longer.
  w.put(mov64Reg(1, 6), mov64Imm(2, xdp ? random.pick([4, 8, -8]) : 20));
  if (xdp) w.put(callHelper(random.pick([44, 44, 65, 54])));
  else if (random.chance(0.5)) w.put(mov64Imm(3, 0), callHelper(random.pick([38, 39])));
  else w.put(mov64Imm(2, 8), mov64Imm(3, 0), mov64Imm(4, 0), callHelper(random.pick([50, 39])));
  if (kept === 0) w.put(ldxMem(BPF_B, 2, 7, 0));
  else if (kept === 1) w.put(ldxMem(BPF_DW, 7, 10, off), ldxMem(BPF_B, 2, 7, 13));
  else if (kept === 2) {
    // A new pointer, an old end.
    w.put(ldxMem(BPF_W, 7, 6, packet.data), mov64Reg(3, 7), alu64Imm(BPF_ADD, 3, 14));
    w.put(ldxMem(BPF_DW, 4, 10, other), jmpReg(BPF_JGT, 3, 4, skip), ldxMem(BPF_B, 2, 7, 13));
  } else {
    // An old pointer, a new end.
    w.put(ldxMem(BPF_DW, 7, 10, off), ldxMem(BPF_W, 4, 6, packet.end), mov64Reg(3, 7), alu64Imm(BPF_ADD, 3, 14));
    w.put(jmpReg(BPF_JGT, 3, 4, skip), ldxMem(BPF_B, 2, 7, 0));
  }
  w.put(skip);
}

function packetWrite(w: Writer): void {
  const { packet } = w.flavour;
  if (packet === undefined) return;
  const skip = w.label();
  w.put(ldxMem(BPF_W, 7, 6, packet.data), ldxMem(BPF_W, 8, 6, packet.end), mov64Reg(3, 7), alu64Imm(BPF_ADD, 3, 14));
  w.put(jmpReg(BPF_JGT, 3, 8, skip), mov64Imm(2, 0), stxMem(BPF_B, 7, 2, w.random.pick([0, 13, 14])), skip);
}

/** Bytes of the stack that were not all written, or that are not the frame's. */
function stackBytes(w: Writer): void {
  const { random } = w;
  const size = anySize(w);
  const way = random.below(5);
  if (way === 0) {
    w.put(stMem(BPF_W, 10, TRAP_OFF, 1), ldxMem(BPF_DW, 3, 10, TRAP_OFF));
  } else if (way === 1) {
    w.put(stMem(BPF_H, 10, TRAP_OFF + 2, 1), stMem(BPF_B, 10, TRAP_OFF + 1, 1), ldxMem(BPF_W, 3, 10, TRAP_OFF));
  } else if (way === 2) {
    w.put(stMem(size, 10, random.pick([-520, -513, 0, 8, -512 - bytesOf(size)]), 1));
  } else if (way === 3) {
    w.put(ldxMem(size, 3, 10, random.pick([TRAP_OFF, TRAP_OFF - 64, 0, 8])));
  } else {
    w.put(mov64Reg(3, 10), alu64Imm(BPF_ADD, 3, random.pick([-516, -4, -2, 1])), stMem(BPF_DW, 3, 0, 1));
  }
}

/** A pointer on the stack of which a part is written over; then it is used. */
function brokenSpill(w: Writer): void {
  const { random } = w;
  value(w, 7);
  if (random.chance(0.3)) w.put(mov64Reg(7, 10), alu64Imm(BPF_ADD, 7, -8), stMem(BPF_DW, 10, -8, 0));
  w.put(stxMem(BPF_DW, 10, 7, TRAP_OFF));
  const size = random.pick([BPF_B, BPF_H, BPF_W]);
  const at = TRAP_OFF + bytesOf(size) * random.below(8 / bytesOf(size));
  const way = random.below(4);
  if (way === 0) w.put(stMem(size, 10, at, 0x71));
  else if (way === 1) w.put(mov64Imm(2, 0), stxMem(size, 10, 2, at));
  else if (way === 2) w.put(mov64Imm(2, 24), atomic(BPF_DW, BPF_ADD, 10, 2, TRAP_OFF));
  else {
    // A helper writes it.
    w.put(mov64Reg(2, 10), alu64Imm(BPF_ADD, 2, TRAP_OFF), ...[...popInto(w)]);
  }
  w.put(ldxMem(BPF_DW, 8, 10, TRAP_OFF), ldxMem(BPF_B, 2, 8, 3));
}

function popInto(w: Writer) {
  return [...ldFd(w), callHelper(w.random.pick([88, 89]))];
}

function ldFd(w: Writer) {
  const { fd } = w.maps.queue;
  return [
    { code: 0x18, dst: 1, src: 1, off: 0, imm: fd },
    { code: 0, dst: 0, src: 0, off: 0, imm: 0 },
  ];
}

/** Part of a number on the stack is taken for all of it, or zeros for more than there are. */
function partOfNumber(w: Writer): void {
  const { random } = w;
  const skip = w.label();
  value(w, 8);
  const way = random.below(3);
  if (way === 0) {
    w.put(mov64Imm(3, random.pick([0x105, 0x10003, 3])), stxMem(BPF_DW, 10, 3, TRAP_OFF));
    w.put(ldxMem(random.pick([BPF_B, BPF_H]), 3, 10, TRAP_OFF + random.pick([0, 2, 4])));
  } else if (way === 1) {
    input(w, 4);
    w.put(mov64Imm(3, 0), stxMem(BPF_DW, 10, 3, TRAP_OFF), stxMem(BPF_B, 10, 4, TRAP_OFF + random.below(8)));
    w.put(ldxMem(random.pick([BPF_W, BPF_DW, BPF_H]), 3, 10, TRAP_OFF));
  } else {
    // Zeros, and a helper fills them.
    w.put(mov64Imm(3, 0), stxMem(BPF_DW, 10, 3, TRAP_OFF), mov64Reg(2, 10), alu64Imm(BPF_ADD, 2, TRAP_OFF));
    w.put(stMem(BPF_DW, 10, TRAP_OFF - 8, 0x55));
    w.put(mov64Reg(2, 10), alu64Imm(BPF_ADD, 2, TRAP_OFF - 8), mov64Imm(3, 0), ...ldFd(w), callHelper(87));
    w.put(mov64Reg(2, 10), alu64Imm(BPF_ADD, 2, TRAP_OFF), ...popInto(w), ldxMem(BPF_B, 3, 10, TRAP_OFF));
  }
  w.put(alu64Reg(BPF_ADD, 8, 3), ldxMem(BPF_B, 2, 8, random.pick([0, 50, 51, 53, 55])), skip);
}

/** The result of a lookup is used without asking, or on the wrong side of the question. */
function maybeNull(w: Writer): void {
  const { random, maps } = w;
  const skip = w.label();
  lookUp(w, random.pick([maps.array, maps.hash, maps.lru, maps.percpuHash]));
  w.put(mov64Reg(7, 0));
  if (random.chance(0.4)) {
    // A copy was asked about, another lookup's result is used.
    lookUp(w, random.pick([maps.array, maps.hash]));
    w.put(jmpImm(BPF_JEQ, 0, 0, skip));
  } else if (random.chance(0.6)) w.put(jmpImm(random.pick([BPF_JNE, BPF_JGT]), 7, 0, skip));
  if (random.chance(0.3)) w.put(alu64Imm(BPF_ADD, 7, 8));
  w.put(ldxMem(BPF_DW, 2, 7, 0), skip);
}

/** A pointer that may be no pointer: known on one way only. */
function pointerOrNumber(w: Writer): void {
  const { random } = w;
  const [number, done] = [w.label(), w.label()];
  value(w, 8);
  input(w, 7);
  input(w, 2);
  w.put(jmpImm(random.pick([BPF_JEQ, BPF_JGT, BPF_JLT]), 2, random.below(4), number), mov64Reg(7, 8), number);
  forks(w);
  w.put(ldxMem(BPF_B, 2, 7, 0), done);
}

/** The context, at another place than where it is. */
function movedContext(w: Writer): void {
  const { random, flavour } = w;
  const off = flavour.fields[0]?.[0] ?? 0;
  const bytes = flavour.fields[0]?.[1] ?? 8;
  w.put(mov64Reg(7, 6));
  if (random.chance(0.5)) {
    const by = random.pick([4, 8, -8]);
    w.put(alu64Imm(BPF_ADD, 7, by), ldxMem(bytes === 8 ? BPF_DW : BPF_W, 2, 7, off - by));
  } else {
    const skip = w.label();
    input(w, 3);
    atMost(w, 3, 8, skip);
    w.put(alu64Reg(BPF_ADD, 7, 3), ldxMem(bytes === 8 ? BPF_DW : BPF_W, 2, 7, off), skip);
  }
}

/** Maps that programs may only read, or only write. */
function wrongDirection(w: Writer): void {
  const { random, maps } = w;
  const write = random.chance(0.5);
  const skip = w.label();
  const map = write ? maps.readOnly : maps.writeOnly;
  if (random.chance(0.5)) w.put(ldMapValue(7, map.fd, 0));
  else found(w, 7, map, skip);
  if (write && random.chance(0.3)) w.put(mov64Imm(2, 1), atomic(BPF_DW, BPF_ADD, 7, 2, 8));
  else touch(w, 7, anySize(w), random.below(9), write);
  w.put(skip);
}

/** Flow keys, tracepoint buffers, structures: before their start or behind their end. */
function objectEnds(w: Writer): void {
  const { random, flavour, btf } = w;
  const size = anySize(w);
  if (flavour.flowKeys !== undefined) {
    w.put(ldxMem(BPF_DW, 7, 6, flavour.flowKeys));
    touch(w, 7, size, random.pick([56, 57 - bytesOf(size), -1, -bytesOf(size)]));
  } else if (flavour.tpBuffer === true) {
    w.put(ldxMem(BPF_DW, 7, 6, 0));
    if (random.chance(0.4)) w.put(alu64Imm(BPF_ADD, 7, random.pick([8, -8])));
    touch(w, 7, size, random.pick([-1, -8, 64, 0, 4000]));
  } else {
    const skip = w.label();
    const id = btf.findByName('sk_buff') ?? 0;
    const at = flavour.pointers?.indexOf('sk_buff') ?? 0;
    w.put(ldxMem(BPF_DW, 7, 6, 8 * at));
    const way = random.below(4);
    const bytes = btf.sizeOrType(id);
    if (way === 0) w.put(ldxMem(size, 2, 7, random.pick([bytes, bytes - bytesOf(size) + 1, -1, -8])));
    else if (way === 1) {
      const { off } = random.pick(fieldsOf(btf, id));
      w.put(mov64Imm(2, 0), stxMem(BPF_W, 7, 2, off));
    } else if (way === 2) {
      input(w, 3);
      atMost(w, 3, 8, skip);
      w.put(alu64Reg(BPF_ADD, 7, 3), ldxMem(BPF_B, 2, 7, 0));
    } else w.put(alu64Imm(BPF_ADD, 7, bytes), ldxMem(BPF_B, 2, 7, 0));
    w.put(skip);
  }
}

/** A store through the pointer to a socket, or a load beyond what programs see of it. */
function socketAccess(w: Writer): void {
  const { random } = w;
  const skip = w.label();
  w.put(ldxMem(BPF_DW, 7, 6, 168));
  if (random.chance(0.7)) w.put(jmpImm(BPF_JEQ, 7, 0, skip));
  if (random.chance(0.5)) {
    w.put(mov64Reg(1, 7), callHelper(random.pick([95, 96])));
    if (random.chance(0.6)) w.put(jmpImm(BPF_JEQ, 0, 0, skip));
    w.put(mov64Reg(7, 0));
  }
  const way = random.below(3);
  if (way === 0) w.put(mov64Imm(2, 1), stxMem(BPF_W, 7, 2, 4));
  else if (way === 1) w.put(ldxMem(BPF_W, 2, 7, 4));
  else w.put(alu64Imm(BPF_ADD, 7, 4), ldxMem(BPF_W, 2, 7, 0));
  w.put(skip);
}

/** With strict alignment; and atomic additions and the stack, which are aligned always. */
function misaligned(w: Writer): void {
  const { random, flavour } = w;
  const skip = w.label();
  const size = random.pick([BPF_H, BPF_W, BPF_DW]);
  const way = random.below(flavour.packet === undefined ? 4 : 5);
  const odd = random.pick([0, 1, 2, 3, 4, 5, 6, 7]);
  if (way === 0) {
    value(w, 8);
    touch(w, 8, size, odd);
  } else if (way === 1) {
    value(w, 8);
    const { high } = index(w, 3, random.pick([1, 3, 7]), skip);
    add(w, 8, 3);
    touch(w, 8, size, Math.max(0, 48 - high - odd));
  } else if (way === 2) {
    value(w, 8);
    w.put(mov64Imm(2, 1), atomic(random.pick([BPF_W, BPF_DW]), BPF_ADD, 8, 2, odd));
  } else if (way === 3) {
    w.put(stMem(BPF_DW, 10, TRAP_OFF, 1), stMem(BPF_DW, 10, TRAP_OFF - 8, 1), mov64Reg(8, 10));
    w.put(alu64Imm(BPF_ADD, 8, TRAP_OFF - 8 + odd), ldxMem(size, 2, 8, 0));
  } else if (flavour.packet !== undefined) {
    const { data, end } = flavour.packet;
    w.put(ldxMem(BPF_W, 7, 6, data), ldxMem(BPF_W, 4, 6, end), mov64Reg(3, 7), alu64Imm(BPF_ADD, 3, 34));
    w.put(jmpReg(BPF_JGT, 3, 4, skip), ldxMem(size, 2, 7, odd + 2));
  }
  w.put(skip);
}

/** Pointers that no arithmetic is for. */
function strangeMath(w: Writer): void {
  const { random, flavour } = w;
  const skip = w.label();
  value(w, 8);
  const way = random.below(6);
  if (way === 0) w.put(mov64Imm(3, 8), alu64Reg(random.pick([0x50, 0x40, 0xa0, 0x20]), 8, 3));
  else if (way === 1) w.put({ ...alu64Imm(BPF_ADD, 8, 8), code: 0x04 });
  else if (way === 2) w.put({ ...mov64Reg(8, 8), code: 0xbc });
  else if (way === 3) {
    // A number minus a pointer, and back.
    w.put(mov64Imm(3, 0), alu64Reg(BPF_SUB, 3, 8), mov64Imm(4, 0), alu64Reg(BPF_SUB, 4, 3), mov64Reg(8, 4));
  } else if (way === 4 && flavour.packet !== undefined) {
    w.put(ldxMem(BPF_W, 8, 6, flavour.packet.end), alu64Imm(BPF_ADD, 8, -1));
  } else {
    w.put(mov64Reg(3, 8), alu64Reg(BPF_SUB, 3, 8), alu64Reg(BPF_ADD, 8, 3));
    w.put({ ...mov64Reg(3, 3), code: 0x87 });
  }
  w.put(ldxMem(BPF_B, 2, 8, 0), skip);
}

export const MEMORY_NEAR_MISSES: readonly NearMiss[] = [
  { name: 'the last byte of a value', for: root, write: lastByte },
  { name: 'the last byte of a value, direct', weight: 2, write: lastByteOfDirect },
  { name: 'the first byte of a value', write: firstByte },
  { name: 'a signed index', write: signedIndex },
  { name: 'a constant offset', write: constantOffset },
  { name: 'a side of the packet', weight: 3, for: packets, write: packetSide },
  { name: 'a packet pointer moved', weight: 2, for: packets, write: movedPacket },
  {
    name: 'a packet that changed',
    weight: 3,
    for: ({ buffer, packet }) => buffer === 'xdp' || (buffer === 'skb' && packet?.write === true),
    write: stalePacket,
  },
  { name: 'a packet written', for: packets, write: packetWrite },
  { name: 'bytes of the stack', write: stackBytes },
  { name: 'a broken spill', for: root, write: brokenSpill },
  { name: 'part of a number', write: partOfNumber },
  { name: 'maybe NULL', write: maybeNull },
  { name: 'a pointer or a number', write: pointerOrNumber },
  { name: 'a moved context', for: ({ fields }) => fields.length > 0, write: movedContext },
  { name: 'the wrong direction', write: wrongDirection },
  {
    name: 'ends of objects',
    weight: 4,
    for: ({ flowKeys, tpBuffer, pointers }) =>
      flowKeys !== undefined || tpBuffer === true || pointers?.includes('sk_buff') === true,
    write: objectEnds,
  },
  { name: 'a socket', weight: 2, for: ({ name }) => name === 'cls' || name === 'cgroup_skb', write: socketAccess },
  { name: 'alignment', strict: true, write: misaligned },
  { name: 'strange arithmetic', write: strangeMath },
];
