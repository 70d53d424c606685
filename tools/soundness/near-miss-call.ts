// SPDX-License-Identifier: MIT
// Mistakes in calls: arguments, locks, references, functions.
import {
  alu64Imm,
  alu64Reg,
  callHelper,
  callPseudo,
  exit,
  ja,
  jmpImm,
  jmpReg,
  ldMapFd,
  ldxMem,
  mov64Imm,
  mov64Reg,
  stMem,
  stxMem,
  type ProgramItem,
} from '../../packages/insn/src/index.ts';
import { BPF_ADD, BPF_B, BPF_DW, BPF_JEQ, BPF_JGT, BPF_JLT, BPF_W } from '../../packages/uapi/src/index.ts';
import type { Flavour } from './flavours.ts';
import { TRAP_OFF, atMost, coin, compute, found, lookUp, value } from './near-miss-parts.ts';
import type { NearMiss } from './near-misses.ts';
import type { Random } from './random.ts';
import { input } from './statement-input.ts';
import type { Writer } from './writer.ts';

const FUNCTION = 'broken';
const root = ({ unprivileged }: Flavour): boolean => unprivileged !== true;
const networking = (flavour: Flavour): boolean =>
  root(flavour) && flavour.tracing !== true && flavour.buffer !== undefined && flavour.buffer !== 'flow';
const takesBuffers = (flavour: Flavour): boolean => flavour.tracing === true || networking(flavour);
const sockets = ({ sockets: some }: Flavour): boolean => some === true;

/** R`reg` = bytes of the stack; `bytes` of them, from the lowest on, are written. */
function buffer(w: Writer, reg: number, room: number, bytes: number): void {
  for (let i = 0; i < bytes; i++) w.put(stMem(BPF_B, 10, TRAP_OFF - room + i, 1));
  w.put(mov64Reg(reg, 10), alu64Imm(BPF_ADD, reg, TRAP_OFF - room));
}

/** A helper that reads R`at` for as long as R`at + 1` says; the other arguments are as they should be. */
function reader(w: Writer): { at: number; call: () => void } {
  const { flavour, maps, random } = w;
  if (flavour.name === 'cls' || flavour.name === 'xdp' || flavour.name === 'lwt_xmit') {
    if (random.chance(0.6)) {
      return { at: 1, call: () => w.put(mov64Imm(3, 0), mov64Imm(4, 0), mov64Imm(5, 0), callHelper(28)) };
    }
  }
  return { at: 4, call: () => w.put(ldMapFd(2, maps.perf.fd), mov64Imm(3, 0), mov64Reg(1, 6), callHelper(25)) };
}

function hasOutput({ name }: Flavour): boolean {
  return ['cls', 'xdp', 'lwt_xmit', 'kprobe', 'tracepoint', 'cgroup_skb'].includes(name);
}

/** Memory for a helper: longer than what is there, or than what was written. */
function argumentEnds(w: Writer): void {
  const { random, flavour } = w;
  const skip = w.label();
  const { at, call } = reader(w);
  const size = at + 1;
  const way = random.below(4);
  const variable = random.chance(0.6);
  let room = 16;
  if (way === 0) {
    // Zero-filled to the last byte but one.
    buffer(w, at, room, random.pick([room - 1, room]));
  } else if (way === 1) {
    room = value(w, at);
  } else if (way === 2 && flavour.packet !== undefined) {
    room = 16;
    const { data, end } = flavour.packet;
    w.put(ldxMem(BPF_W, at, 6, data), ldxMem(BPF_W, 3, 6, end), mov64Reg(2, at), alu64Imm(BPF_ADD, 2, room));
    w.put(jmpReg(BPF_JGT, 2, 3, skip));
  } else {
    found(w, at, w.maps.hash, skip);
    room = 40;
  }
  if (at === 1) w.put(mov64Reg(7, 1));
  if (variable) {
    input(w, size);
    const limit = random.pick([7, 8, 15, 16, room, room + 1, 31]);
    if (random.chance(0.85)) {
      // R2 is used.
      w.put(mov64Reg(8, at), mov64Reg(9, size));
      atMost(w, 9, limit, skip);
      compute(w, 9, { low: 0, high: limit });
      w.put(mov64Reg(at, 8), mov64Reg(size, 9));
    } else if (random.chance(0.5)) w.put(jmpImm(0xc0, size, 16, skip));
  } else w.put(mov64Imm(size, random.pick([room + 4, room, room + 1, 0, -1, room - 4])));
  call();
  w.put(skip);
}

/** Memory that a helper fills: beyond what is there. */
function filled(w: Writer): void {
  const { random, flavour } = w;
  const skip = w.label();
  const load = flavour.tracing !== true;
  if (load && flavour.buffer !== 'skb' && flavour.name !== 'socket') return argumentEnds(w);
  const [at, size] = load ? [3, 4] : [1, 2];
  const way = random.below(3);
  let room = 8;
  if (way === 0) buffer(w, at, 8, random.pick([0, 8]));
  else if (way === 1) room = value(w, at);
  else {
    found(w, at, w.maps.lru, skip);
    room = 64;
  }
  if (random.chance(0.5)) {
    w.put(mov64Reg(8, at));
    input(w, 9);
    atMost(w, 9, random.pick([room, room + 1, room - 1, 8]), skip);
    if (random.chance(0.5)) w.put(alu64Imm(BPF_ADD, 9, 1));
    w.put(mov64Reg(at, 8), mov64Reg(size, 9));
  } else w.put(mov64Imm(size, random.pick([room, room + 1, room + 8])));
  if (load) w.put(mov64Imm(2, 0), mov64Reg(1, 6), callHelper(26));
  else w.put(mov64Reg(3, 10), callHelper(4));
  // Not all that may have been filled was.
  if (way === 0) w.put(ldxMem(BPF_DW, 3, 10, TRAP_OFF - 8));
  w.put(skip);
}

/** A key or value with too few bytes, or not written. */
function keysAndValues(w: Writer): void {
  const { random, maps } = w;
  const skip = w.label();
  const map = random.pick([maps.hash, maps.array, maps.lru, maps.percpuHash]);
  const way = random.below(4);
  const miss = random.pick([0, 1, 4, 8]);
  w.fillScratch(8, 1);
  if (way === 0) {
    buffer(w, 2, 16, 16 - random.pick([0, 9, 13]));
    w.put(alu64Imm(BPF_ADD, 2, random.pick([0, 8, 12, 16 - map.keySize + (miss & 3)])));
    w.put(ldMapFd(1, map.fd), callHelper(random.pick([1, 3])));
  } else if (way === 1) {
    w.put(
      mov64Reg(2, 10),
      alu64Imm(BPF_ADD, 2, -128),
      mov64Reg(3, 10),
      alu64Imm(BPF_ADD, 3, -64 - map.valueSize + miss),
    );
    for (let off = -64; off < -56; off += 8) w.put(...(random.chance(0.5) ? [stMem(BPF_DW, 10, off, 1)] : []));
    w.put(mov64Imm(4, 0), ldMapFd(1, map.fd), callHelper(2));
  } else if (way === 2) {
    const room = value(w, 3);
    w.put(alu64Imm(BPF_ADD, 3, room - map.valueSize + miss), mov64Reg(2, 10), alu64Imm(BPF_ADD, 2, -128));
    w.put(mov64Imm(4, 0), ldMapFd(1, map.fd), callHelper(2));
  } else {
    // Key in a value, at an offset that is not known.
    const room = value(w, 7);
    input(w, 8);
    atMost(w, 8, random.pick([room - map.keySize, room - map.keySize + 1, 8]), skip);
    w.put(alu64Reg(BPF_ADD, 7, 8), mov64Reg(2, 7), ldMapFd(1, map.fd), callHelper(1));
  }
  w.put(skip);
}

/** A map that the helper does not take. */
function wrongMap(w: Writer): void {
  const { random, maps } = w;
  w.fillScratch(6, 0);
  w.put(mov64Reg(2, 10), alu64Imm(BPF_ADD, 2, -128), mov64Reg(3, 10), alu64Imm(BPF_ADD, 3, -120), mov64Imm(4, 0));
  const map = random.pick([
    maps.perf,
    maps.progs,
    maps.stacks,
    maps.queue,
    maps.xsk,
    maps.array,
    maps.storage,
    maps.outer,
  ]);
  w.put(ldMapFd(1, map.fd), callHelper(random.pick([1, 2, 3, 87, 88, 89])));
}

/** Something that is no context, no map, no memory, is handed to a helper. */
function wrongKind(w: Writer): void {
  const { random, maps } = w;
  w.fillScratch(6, 0);
  const bad = random.below(5);
  if (bad === 0) input(w, 7);
  else if (bad === 1) w.put(mov64Reg(7, 6), alu64Imm(BPF_ADD, 7, 8));
  else if (bad === 2) value(w, 7);
  else if (bad === 3) w.put(mov64Imm(7, 0));
  else {
    lookUp(w, maps.array);
    w.put(mov64Reg(7, 0));
  }
  const way = random.below(5);
  w.put(mov64Reg(2, 10), alu64Imm(BPF_ADD, 2, -128));
  if (way === 0) w.put(mov64Reg(1, 7), callHelper(1));
  else if (way === 1) w.put(mov64Reg(2, 7), ldMapFd(1, maps.hash.fd), callHelper(1));
  else if (way === 2) w.put(mov64Reg(3, 7), mov64Imm(4, 0), ldMapFd(1, maps.lru.fd), callHelper(2));
  else if (hasOutput(w.flavour) && !w.users) {
    w.put(ldMapFd(2, maps.perf.fd), mov64Imm(3, 0), mov64Reg(4, way === 3 ? 7 : 10), mov64Imm(5, 8));
    if (way === 4) w.put(alu64Imm(BPF_ADD, 4, -128));
    w.put(mov64Reg(1, way === 4 ? 7 : 6), callHelper(25));
  } else w.put(mov64Reg(1, 7), callHelper(5), mov64Reg(2, 1));
}

/** Registers that a call has taken away. */
function clobbered(w: Writer): void {
  const { random } = w;
  const reg = random.between(1, 5);
  value(w, reg);
  w.put(mov64Reg(8, reg), callHelper(random.pick([5, 8, 7])));
  if (random.chance(0.5)) w.put(ldxMem(BPF_B, 2, reg, 0));
  else w.put(mov64Reg(2, reg), ldxMem(BPF_B, 2, 8, 0));
}

/** Locks: held to the end, taken twice, given back twice, another's, or used while held. */
function locks(w: Writer): void {
  const { random, maps } = w;
  const [skip, out] = [w.label(), w.label()];
  found(w, 7, maps.locked, skip);
  found(w, 8, random.pick([maps.locked, maps.twoLocks]), skip);
  const lock = (reg: number, off = 0): void => {
    w.put(mov64Reg(1, reg));
    if (off !== 0) w.put(alu64Imm(BPF_ADD, 1, off));
    w.put(callHelper(93));
  };
  const unlock = (reg: number): void => w.put(mov64Reg(1, reg), callHelper(94));
  switch (random.below(10)) {
    case 0:
      lock(7);
      break;
    case 1:
      lock(7);
      lock(random.pick([7, 8]));
      unlock(8);
      unlock(7);
      break;
    case 2:
      lock(7);
      unlock(8);
      break;
    case 3:
      unlock(7);
      break;
    case 4:
      lock(7, 4);
      unlock(7);
      break;
    case 5:
      lock(7);
      w.put(callHelper(random.pick([5, 7, 8])));
      unlock(7);
      break;
    case 6:
      lock(7);
      w.put(stMem(BPF_W, 7, random.pick([0, 4, 2, 3]), 1));
      unlock(7);
      break;
    case 7:
      w.put(ldxMem(random.pick([BPF_W, BPF_B, BPF_DW]), 2, 7, random.pick([0, 3, 4])));
      break;
    case 8:
      // Given back on one way only.
      coin(w, 2);
      w.put(mov64Reg(9, 2));
      lock(7);
      w.put(jmpImm(random.pick([BPF_JEQ, BPF_JGT]), 9, 1, out));
      unlock(7);
      break;
    default:
      coin(w, 2);
      w.put(jmpImm(random.pick([BPF_JEQ, BPF_JGT]), 2, 1, out));
      lock(7);
      w.put(out);
      unlock(7);
      w.put(skip);
      return;
  }
  w.put(out, skip);
}

/** R0 = a socket that was looked up; there is one for some tuples. */
function findSocket(w: Writer, id: number): void {
  w.put(mov64Imm(2, 0));
  for (let off = -128; off < -88; off += 8) w.put(stMem(BPF_DW, 10, off, 0x01010101));
  w.put(mov64Reg(1, 6), mov64Reg(2, 10), alu64Imm(BPF_ADD, 2, -128), mov64Imm(3, 12), mov64Imm(4, -1));
  w.put(mov64Imm(5, 0), callHelper(id));
}

/** References: not given back, given back twice, used afterwards, or not asked about. */
function references(w: Writer): void {
  const { random, flavour, maps } = w;
  const [skip, out] = [w.label(), w.label()];
  const id = random.pick([84, 84, 85, 99]);
  findSocket(w, id);
  w.put(mov64Reg(7, 0));
  const release = (reg: number): void => w.put(mov64Reg(1, reg), callHelper(86));
  const way = random.below(10);
  if (way === 0) {
    // NULL, or used without asking.
    if (random.chance(0.5)) release(7);
    else w.put(ldxMem(BPF_W, 2, 7, 4));
    w.put(skip);
    return;
  }
  w.put(jmpImm(way === 1 ? 0x50 : BPF_JEQ, 7, 0, skip));
  if (way === 2) {
    release(7);
    release(7);
  } else if (way === 3) {
    release(7);
    w.put(ldxMem(BPF_W, 2, 7, 4));
  } else if (way === 4 && flavour.name === 'cls') {
    // What was made of it goes with it.
    w.put(mov64Reg(1, 7), callHelper(96), mov64Reg(8, 0));
    release(7);
    w.put(jmpImm(BPF_JEQ, 8, 0, skip), ldxMem(BPF_W, 2, 8, 0));
  } else if (way === 5) {
    coin(w, 2);
    w.put(jmpImm(random.pick([BPF_JEQ, BPF_JGT]), 2, 1, out));
    release(7);
  } else if (way === 6) {
    w.put(stxMem(BPF_DW, 10, 7, TRAP_OFF));
    release(7);
    w.put(ldxMem(BPF_DW, 8, 10, TRAP_OFF), ldxMem(BPF_W, 2, 8, 4));
  } else if (way === 7) {
    w.put(ldMapFd(2, maps.progs.fd), mov64Imm(3, 0), mov64Reg(1, 6), callHelper(12));
    release(7);
  } else if (way === 8) {
    // Two of them, one given back.
    findSocket(w, id);
    w.put(mov64Reg(8, 0), jmpImm(BPF_JEQ, 8, 0, out));
    release(random.pick([7, 8]));
  } else if (way === 9) {
    w.put(ldxMem(BPF_W, 2, 7, random.pick([4, 8])));
    if (random.chance(0.5)) release(7);
  }
  w.put(out, skip);
}

/** What functions may not do to their callers, nor callers to functions. */
function functionMiss(w: Writer): void {
  const { random } = w;
  w.put(stMem(BPF_DW, 10, TRAP_OFF, 0), mov64Reg(1, 10), alu64Imm(BPF_ADD, 1, TRAP_OFF));
  value(w, 7);
  w.put(mov64Reg(2, 7));
  input(w, 3);
  w.put(callPseudo(FUNCTION));
  const way = random.below(5);
  if (way === 0) w.put(ldxMem(BPF_DW, 3, 0, random.pick([-8, 0])));
  else if (way === 1) w.put(ldxMem(BPF_DW, 3, 10, TRAP_OFF), ldxMem(BPF_B, 2, 3, 0));
  else if (way === 2) w.put(mov64Reg(3, random.between(1, 5)));
  else if (way === 3) w.put(alu64Reg(BPF_ADD, 7, 0), ldxMem(BPF_B, 2, 7, random.pick([0, 40, 48])));
  else w.put(ldxMem(BPF_DW, 3, 10, TRAP_OFF), alu64Reg(BPF_ADD, 7, 3), ldxMem(BPF_B, 2, 7, random.pick([0, 47, 48])));
}

function functionBody(random: Random): ProgramItem[] {
  const bodies: ProgramItem[][] = [
    [stMem(BPF_DW, 10, -8, 1), mov64Reg(0, 10), exit()],
    [stMem(BPF_DW, 10, -8, 1), mov64Reg(3, 10), stxMem(BPF_DW, 1, 3, 0), mov64Imm(0, 0), exit()],
    [mov64Imm(6, 0), mov64Imm(7, 0), mov64Imm(0, 8), exit()],
    [mov64Reg(0, 6), exit()],
    [mov64Imm(2, 1), exit()],
    [mov64Imm(0, 8), jmpImm(BPF_JLT, 3, 9, 'small'), mov64Imm(0, 60), 'small', exit()],
    [
      mov64Imm(4, 7),
      jmpImm(BPF_JLT, 3, 9, 'low'),
      mov64Imm(4, 70),
      'low',
      stxMem(BPF_DW, 1, 4, 0),
      mov64Imm(0, 0),
      exit(),
    ],
    [stxMem(BPF_DW, 1, 2, 0), mov64Imm(0, 0), exit()],
    [stMem(BPF_B, 1, 3, 1), ldxMem(BPF_DW, 0, 1, random.pick([0, 8, -8])), exit()],
  ];
  return [FUNCTION, ...random.pick(bodies)];
}

/** A function hands the address of its stack to its caller. */
function stackOfFunction(w: Writer): void {
  w.put(stMem(BPF_DW, 10, TRAP_OFF, 0), mov64Reg(1, 10), alu64Imm(BPF_ADD, 1, TRAP_OFF), callPseudo(FUNCTION));
  if (w.random.chance(0.5)) w.put(ldxMem(BPF_DW, 0, 10, TRAP_OFF));
  w.put(ldxMem(BPF_DW, 3, 0, w.random.pick([-8, -8, 0])));
}

function handsStack(random: Random): ProgramItem[] {
  const hand = [mov64Reg(0, 10), mov64Reg(3, 10)];
  return [
    FUNCTION,
    stMem(BPF_DW, 10, -8, 1),
    ...hand,
    ...(random.chance(0.5) ? [stxMem(BPF_DW, 1, 3, 0), mov64Imm(0, 0)] : []),
    exit(),
  ];
}

/** A pointer into the packet is kept while a function cuts the packet, from the front or from the back. */
function packetOfCaller(w: Writer): void {
  const { packet, buffer } = w.flavour;
  if (packet === undefined) return;
  const { random } = w;
  const skip = w.label();
  const range = buffer === 'xdp' ? 14 : 34;
  w.put(ldxMem(BPF_W, 7, 6, packet.data), ldxMem(BPF_W, 8, 6, packet.end), mov64Reg(3, 7), alu64Imm(BPF_ADD, 3, range));
  w.put(jmpReg(BPF_JGT, 3, 8, skip), stxMem(BPF_DW, 10, 7, TRAP_OFF), mov64Reg(1, 6));
  w.put(mov64Imm(2, buffer === 'xdp' ? random.pick([4, 8]) : 20), callPseudo(FUNCTION));
  if (random.chance(0.4)) w.put(ldxMem(BPF_DW, 7, 10, TRAP_OFF));
  w.put(ldxMem(BPF_B, 2, 7, buffer === 'xdp' ? 0 : range - 1), skip);
}

/** More stack than there is, over all functions. */
function deepStack(w: Writer): void {
  w.put(stMem(BPF_DW, 10, TRAP_OFF, 0), mov64Imm(1, 0), mov64Imm(2, 0), callPseudo(FUNCTION));
}

function deepBody(random: Random): ProgramItem[] {
  const depth = (): number => -8 * random.between(8, 36);
  const [first, second] = [depth(), depth()];
  const fill = (off: number): ProgramItem[] =>
    random.chance(0.7)
      ? [stMem(BPF_DW, 10, off, 1)]
      : [mov64Reg(4, 10), alu64Imm(BPF_ADD, 4, off), stMem(BPF_DW, 4, 0, 1)];
  const tail: ProgramItem[] = [mov64Imm(0, 0), exit()];
  return [FUNCTION, ...fill(first), callPseudo('deeper'), ...tail, 'deeper', ...fill(second), ...tail];
}

/** A loop that does not count. */
function endless(w: Writer): void {
  const { random } = w;
  const [again, out] = [w.label(), w.label()];
  coin(w, 7);
  w.put(mov64Imm(8, 0), again);
  if (random.chance(0.5)) w.put(alu64Imm(BPF_ADD, 8, random.pick([0, 1])));
  if (random.chance(0.5)) w.put(callHelper(8));
  w.put(jmpImm(random.pick([BPF_JEQ, BPF_JGT]), 7, random.below(3), out));
  if (random.chance(0.3)) w.put(jmpImm(BPF_JGT, 8, 200, out));
  w.put(ja(again), out);
}

/** The result that the program ends with. */
function result(w: Writer): void {
  const { random } = w;
  const go = w.label();
  coin(w, 2);
  w.put(jmpImm(BPF_JGT, 2, 2, go));
  const way = random.below(3);
  if (way === 0) w.put(mov64Imm(0, random.pick([2, -1, 3])));
  else if (way === 1) input(w, 0);
  else w.put(mov64Reg(0, 10));
  w.put(exit(), go);
}

/** A number from text: somewhere where no long may be. */
function longResult(w: Writer): void {
  const { random } = w;
  w.put(stMem(BPF_DW, 10, -128, 0x3231), mov64Reg(1, 10), alu64Imm(BPF_ADD, 1, -128), mov64Imm(2, 4), mov64Imm(3, 10));
  const way = random.below(3);
  if (way === 0) {
    const room = value(w, 4);
    w.put(alu64Imm(BPF_ADD, 4, random.pick([room - 8, room - 4, room, 4, -8])));
  } else {
    w.put(stMem(BPF_DW, 10, TRAP_OFF, 1), stMem(BPF_DW, 10, TRAP_OFF - 8, 1), mov64Reg(4, 10));
    w.put(alu64Imm(BPF_ADD, 4, random.pick([TRAP_OFF - 4, TRAP_OFF - 16, -4, 0, TRAP_OFF])));
  }
  w.put(callHelper(random.pick([105, 106])));
  if (way === 2) {
    // What it wrote is not known any more.
    value(w, 7);
    w.put(ldxMem(BPF_DW, 3, 10, TRAP_OFF), alu64Reg(BPF_ADD, 7, 3), ldxMem(BPF_B, 2, 7, 0));
  }
}

const functions = (flavour: Flavour): boolean => root(flavour);

export const CALL_NEAR_MISSES: readonly NearMiss[] = [
  { name: 'ends of arguments', weight: 2, for: hasOutput, write: argumentEnds },
  { name: 'ends of what is filled', for: (f) => takesBuffers(f) && hasOutput(f), write: filled },
  { name: 'keys and values', write: keysAndValues },
  { name: 'a wrong map', write: wrongMap },
  { name: 'a wrong kind', write: wrongKind },
  { name: 'clobbered registers', write: clobbered },
  { name: 'locks', weight: 7, for: networking, write: locks },
  { name: 'references', weight: 9, for: sockets, write: references },
  { name: 'a function', weight: 2, for: functions, write: functionMiss, functions: functionBody },
  {
    name: 'a packet of the caller, XDP',
    for: ({ buffer }) => buffer === 'xdp',
    write: packetOfCaller,
    functions: () => [FUNCTION, callHelper(44), exit()],
  },
  {
    name: 'a packet of the caller',
    for: ({ buffer, packet }) => buffer === 'skb' && packet?.write === true,
    write: packetOfCaller,
    functions: () => [FUNCTION, mov64Imm(3, 0), callHelper(38), exit()],
  },
  { name: "a function's stack", for: functions, write: stackOfFunction, functions: handsStack },
  { name: 'deep stacks', for: functions, write: deepStack, functions: deepBody },
  { name: 'an endless loop', for: root, write: endless },
  { name: 'a result', weight: 2, for: ({ returns }) => returns !== undefined, write: result },
  { name: 'a long', weight: 4, for: ({ name }) => name === 'sysctl', write: longResult },
];
