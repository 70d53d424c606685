// SPDX-License-Identifier: MIT
// Two ways join; after the first what follows is safe, after the second it is not. The verifier walks the first way
// first: if it then takes the second for the same, or does not see what mattered, it accepts what must be rejected.
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
  mov32Reg,
  mov64Imm,
  mov64Reg,
  stMem,
  stxMem,
  type ProgramItem,
} from '../../packages/insn/src/index.ts';
import {
  BPF_ADD,
  BPF_AND,
  BPF_B,
  BPF_DW,
  BPF_H,
  BPF_JEQ,
  BPF_JGT,
  BPF_JLT,
  BPF_JNE,
  BPF_JSGT,
  BPF_LSH,
  BPF_MUL,
  BPF_OR,
  BPF_RSH,
  BPF_SUB,
  BPF_W,
  BPF_XOR,
} from '../../packages/uapi/src/index.ts';
import type { Flavour } from './flavours.ts';
import { TRAP_OFF, coin, forks, found, lookUp, value } from './near-miss-parts.ts';
import type { NearMiss } from './near-misses.ts';
import type { Random } from './random.ts';
import { input } from './statement-input.ts';
import type { Writer } from './writer.ts';

const FUNCTION = 'joined';
const root = ({ unprivileged }: Flavour): boolean => unprivileged !== true;

/** Two ways that set something differently. */
function ways(w: Writer, first: () => void, second: () => void): void {
  const { random } = w;
  const [other, join] = [w.label(), w.label()];
  if (random.chance(0.3)) forks(w);
  coin(w, 9);
  const label = random.chance(0.1) ? [second, first] : [first, second];
  const op = random.pick([BPF_JEQ, BPF_JGT, BPF_JLT, BPF_JSGT, BPF_JNE]);
  w.put(jmpImm(op, 9, random.below(5), other));
  label[0]();
  w.put(ja(join), other);
  label[1]();
  w.put(join);
  forks(w);
}

const SMALL = [0, 1, 3, 8, 40];
const LARGE = [56, 57, 64, 100, 1000];

/** R7 is small, or it is not. */
function number(w: Writer): void {
  const { random } = w;
  const known = random.chance(0.6);
  const bounded = (max: number): void => {
    input(w, 7);
    w.put(alu64Imm(BPF_AND, 7, max));
  };
  ways(
    w,
    () => (known ? w.put(mov64Imm(7, random.pick(SMALL))) : bounded(7)),
    () => (known || random.chance(0.5) ? w.put(mov64Imm(7, random.pick(LARGE))) : bounded(127)),
  );
}

/** Puts the number in R7 to where it matters, R3: as it is, or through what keeps its size. */
function carry(w: Writer): void {
  const { random } = w;
  for (let times = random.pick([1, 1, 2, 3]); times > 0; times--) {
    const skip = w.label();
    switch (random.below(13)) {
      case 0:
        w.put(stxMem(BPF_DW, 10, 7, TRAP_OFF));
        forks(w);
        w.put(ldxMem(BPF_DW, 7, 10, TRAP_OFF));
        break;
      case 1:
        w.put(mov32Reg(7, 7));
        break;
      case 2:
        w.put(mov64Imm(3, 1), alu64Reg(BPF_ADD, 3, 7), mov64Reg(7, 3), alu64Imm(BPF_SUB, 7, 1));
        break;
      case 3:
        w.put(alu64Imm(BPF_LSH, 7, 1), alu64Imm(BPF_RSH, 7, 1));
        break;
      case 4:
        w.put(mov64Reg(8, 7));
        forks(w);
        w.put(mov64Reg(7, 8));
        break;
      case 5:
        // Through another pointer to the stack.
        w.put(mov64Reg(4, 10), alu64Imm(BPF_ADD, 4, TRAP_OFF), stxMem(BPF_DW, 4, 7, 0), ldxMem(BPF_DW, 7, 4, 0));
        break;
      case 6:
        w.put(mov64Imm(3, 0), alu64Reg(BPF_OR, 3, 7), mov64Reg(7, 3));
        break;
      case 7:
        w.put(mov64Imm(3, 1), alu64Reg(BPF_MUL, 7, 3));
        break;
      case 8:
        w.put(mov64Imm(3, 0), alu64Reg(BPF_XOR, 7, 3));
        break;
      case 9:
        // What it is compared with becomes it.
        w.put(mov64Reg(3, 7), callHelper(random.pick([5, 8])), mov64Reg(3, 7));
        break;
      case 10:
        w.put(stxMem(BPF_W, 10, 7, TRAP_OFF - 8), ldxMem(BPF_W, 3, 10, TRAP_OFF - 8), mov64Reg(3, 7));
        break;
      case 11:
        w.put(jmpImm(BPF_JGT, 7, 2000, skip), alu64Imm(BPF_ADD, 7, 0), skip);
        break;
      default:
        w.put(mov64Reg(3, 7), mov64Reg(7, 3));
    }
  }
  w.put(mov64Reg(3, 7));
}

/** R3 decides where a load goes, or whether what is wrong is done. */
function useNumber(w: Writer): void {
  const { random, flavour, maps } = w;
  const done = w.label();
  switch (random.below(7)) {
    case 0:
    case 1:
    case 2:
      value(w, 4);
      w.put(alu64Reg(BPF_ADD, 4, 3), ldxMem(BPF_B, 2, 4, random.below(8)));
      break;
    case 3:
      // The way taken: on the other one a number is an address.
      w.put(jmpImm(random.pick([BPF_JLT, 0xc0]), 3, 50, done), mov64Imm(4, 77), ldxMem(BPF_B, 2, 4, 0));
      break;
    case 4:
      w.put(mov64Imm(2, 50), jmpReg(BPF_JGT, 2, 3, done), mov64Imm(4, 0), ldxMem(BPF_B, 2, 4, 0));
      break;
    case 5:
      if (['cls', 'xdp', 'kprobe', 'tracepoint', 'cgroup_skb'].includes(flavour.name)) {
        w.fillScratch(1, 1);
        w.put(mov64Reg(5, 3), mov64Reg(4, 10), alu64Imm(BPF_ADD, 4, -48));
        for (let off = -48; off < 0; off += 8) w.put(stMem(BPF_DW, 10, off, 1));
        w.put(ldMapFd(2, maps.perf.fd), mov64Imm(3, 0), mov64Reg(1, 6), callHelper(25));
        break;
      }
      value(w, 4);
      w.put(alu64Reg(BPF_ADD, 3, 4), ldxMem(BPF_B, 2, 3, 0));
      break;
    default:
      value(w, 4);
      w.put(alu64Imm(BPF_ADD, 4, 55), alu64Reg(BPF_SUB, 4, 3), ldxMem(BPF_B, 2, 4, 0));
  }
  w.put(done);
}

function numbers(w: Writer): void {
  number(w);
  carry(w);
  useNumber(w);
}

/** A register is a pointer, or it is something else. */
function types(w: Writer): void {
  const { random, maps, flavour } = w;
  const skip = w.label();
  found(w, 8, maps.percpuArray, skip);
  const others: (() => void)[] = [
    () => input(w, 7),
    () => w.put(mov64Imm(7, 16)),
    () => w.put(mov64Reg(7, 8)),
    () => w.put(mov64Reg(7, 6)),
    () => w.put(mov64Reg(7, 10)),
    () => w.put(ldMapFd(7, maps.array.fd)),
    () => w.put(mov64Imm(7, 0)),
    () => {
      lookUp(w, maps.array);
      w.put(mov64Reg(7, 0));
    },
    () => {
      value(w, 7);
      w.put(alu64Imm(BPF_ADD, 7, 24));
    },
    () => {
      value(w, 7);
      input(w, 3);
      w.put(alu64Imm(BPF_AND, 3, 63), alu64Reg(BPF_ADD, 7, 3));
    },
  ];
  if (flavour.packet !== undefined) others.push(() => w.put(ldxMem(BPF_W, 7, 6, flavour.packet?.end ?? 0)));
  ways(w, () => value(w, 7), random.pick(others));
  if (random.chance(0.4)) {
    w.put(stxMem(BPF_DW, 10, 7, TRAP_OFF));
    forks(w);
    w.put(ldxMem(BPF_DW, 7, 10, TRAP_OFF));
  }
  const size = random.pick([BPF_B, BPF_H, BPF_W, BPF_DW]);
  if (random.chance(0.3)) w.put(mov64Imm(2, 1), stxMem(size, 7, 2, 40));
  else w.put(ldxMem(size, 2, 7, random.pick([24, 40, 40])));
  w.put(skip);
}

/** A slot of the stack holds a pointer, a small number, zeros, or not; or nobody wrote it. */
function slots(w: Writer): void {
  const { random, maps } = w;
  const skip = w.label();
  value(w, 8);
  const off = TRAP_OFF;
  const way = random.below(7);
  if (way === 0) {
    input(w, 7);
    ways(
      w,
      () => w.put(stxMem(BPF_DW, 10, 8, off)),
      () => w.put(stxMem(BPF_DW, 10, 7, off)),
    );
    w.put(ldxMem(BPF_DW, 3, 10, off), ldxMem(BPF_B, 2, 3, 0));
  } else if (way === 1) {
    input(w, 7);
    w.put(mov64Imm(3, 0), stxMem(BPF_DW, 10, 3, off));
    ways(
      w,
      () => w.put(mov64Imm(2, 0)),
      () => w.put(stxMem(random.pick([BPF_DW, BPF_B, BPF_W]), 10, 7, off)),
    );
    w.put(ldxMem(random.pick([BPF_DW, BPF_W, BPF_B]), 3, 10, off), alu64Reg(BPF_ADD, 8, 3), ldxMem(BPF_B, 2, 8, 0));
  } else if (way === 2) {
    ways(
      w,
      () => w.put(stMem(BPF_DW, 10, off, 1)),
      () => (random.chance(0.5) ? w.put(stMem(BPF_W, 10, off, 1)) : w.put(mov64Imm(2, 0))),
    );
    if (random.chance(0.5)) w.put(ldxMem(BPF_DW, 3, 10, off));
    else w.put(mov64Reg(2, 10), alu64Imm(BPF_ADD, 2, off), ldMapFd(1, maps.hash.fd), callHelper(1));
  } else if (way === 3) {
    w.put(mov64Imm(3, random.pick(SMALL)), mov64Imm(4, random.pick(LARGE)));
    ways(
      w,
      () => w.put(stxMem(BPF_DW, 10, 3, off)),
      () => w.put(stxMem(BPF_DW, 10, 4, off)),
    );
    if (random.chance(0.3)) forks(w);
    w.put(ldxMem(BPF_DW, 3, 10, off), alu64Reg(BPF_ADD, 8, 3), ldxMem(BPF_B, 2, 8, 0));
  } else if (way === 4) {
    // A pointer to one place of the stack or to another.
    w.put(stxMem(BPF_DW, 10, 8, off), stMem(BPF_DW, 10, off - 8, 4));
    ways(
      w,
      () => w.put(mov64Reg(7, 10), alu64Imm(BPF_ADD, 7, off)),
      () => w.put(mov64Reg(7, 10), alu64Imm(BPF_ADD, 7, off - 8)),
    );
    w.put(ldxMem(BPF_DW, 3, 7, 0), ldxMem(BPF_B, 2, 3, 0));
  } else if (way === 5) {
    // The pointer is broken on one way.
    w.put(stxMem(BPF_DW, 10, 8, off));
    ways(
      w,
      () => w.put(mov64Imm(2, 0)),
      () => w.put(stMem(random.pick([BPF_B, BPF_W]), 10, off, 3)),
    );
    w.put(ldxMem(BPF_DW, 3, 10, off), ldxMem(BPF_B, 2, 3, 0));
  } else {
    // Values of maps of two sizes.
    found(w, 7, maps.percpuArray, skip);
    value(w, 8);
    ways(
      w,
      () => w.put(stxMem(BPF_DW, 10, 8, off)),
      () => w.put(stxMem(BPF_DW, 10, 7, off)),
    );
    w.put(ldxMem(BPF_DW, 3, 10, off), ldxMem(BPF_B, 2, 3, 50));
  }
  w.put(skip);
}

/** NULL was ruled out for one pointer; is it for the other? */
function nulls(w: Writer): void {
  const { random, maps } = w;
  const skip = w.label();
  const two = (): void => {
    lookUp(w, maps.hash);
    w.put(mov64Reg(7, 0));
    lookUp(w, maps.hash);
    w.put(mov64Reg(8, 0));
  };
  const checked = random.chance(0.4);
  if (checked) {
    two();
    ways(
      w,
      () => w.put(jmpImm(BPF_JEQ, 7, 0, skip)),
      () => w.put(mov64Imm(2, 0)),
    );
    w.put(ldxMem(BPF_B, 2, 7, 0));
  } else {
    // Ids of their own on each way: of a pointer with the same id on both, v5.6 does not look at what shares it.
    ways(
      w,
      () => {
        lookUp(w, maps.hash);
        w.put(mov64Reg(7, 0), mov64Reg(8, 0));
      },
      two,
    );
    if (random.chance(0.3)) {
      w.put(stxMem(BPF_DW, 10, 8, TRAP_OFF), jmpImm(BPF_JEQ, 7, 0, skip), ldxMem(BPF_DW, 3, 10, TRAP_OFF));
      w.put(ldxMem(BPF_B, 2, 3, 0));
    } else w.put(jmpImm(BPF_JEQ, 7, 0, skip), ldxMem(BPF_B, 2, 8, 0));
  }
  w.put(skip);
}

/** A packet was compared with its end, or was not, or with less of it. */
function ranges(w: Writer): void {
  const { packet } = w.flavour;
  if (packet === undefined) return;
  const { random } = w;
  const skip = w.label();
  w.put(ldxMem(BPF_W, 7, 6, packet.data), ldxMem(BPF_W, 8, 6, packet.end));
  const compare = (range: number): void =>
    w.put(mov64Reg(3, 7), alu64Imm(BPF_ADD, 3, range), jmpReg(BPF_JGT, 3, 8, skip));
  const way = random.below(3);
  ways(
    w,
    () => compare(34),
    () => (way === 0 ? compare(16) : way === 1 ? w.put(mov64Imm(2, 0)) : w.put(alu64Imm(BPF_ADD, 7, 20))),
  );
  if (random.chance(0.3)) {
    w.put(stxMem(BPF_DW, 10, 7, TRAP_OFF));
    forks(w);
    w.put(ldxMem(BPF_DW, 7, 10, TRAP_OFF));
  }
  w.put(ldxMem(BPF_B, 2, 7, random.pick([33, 20, 16])), skip);
}

/** A lock or a socket was given back, or was not. */
function held(w: Writer): void {
  const { random, maps, flavour } = w;
  const skip = w.label();
  if (flavour.sockets === true && random.chance(0.6)) {
    for (let off = -128; off < -88; off += 8) w.put(stMem(BPF_DW, 10, off, 0x01010101));
    w.put(mov64Reg(1, 6), mov64Reg(2, 10), alu64Imm(BPF_ADD, 2, -128), mov64Imm(3, 12), mov64Imm(4, -1));
    w.put(mov64Imm(5, 0), callHelper(84), mov64Reg(7, 0), jmpImm(BPF_JEQ, 7, 0, skip));
    ways(
      w,
      () => w.put(mov64Reg(1, 7), callHelper(86), mov64Imm(7, 0), mov64Imm(0, 0)),
      () => w.put(mov64Imm(7, 0), mov64Imm(0, 0)),
    );
  } else {
    found(w, 7, maps.locked, skip);
    const otherEnd = w.label();
    coin(w, 9);
    w.put(mov64Imm(8, 0), mov64Imm(2, 0), jmpImm(BPF_JEQ, 9, random.below(3), otherEnd));
    w.put(mov64Imm(0, 0), ja(skip), otherEnd, mov64Reg(1, 7), callHelper(93), mov64Imm(0, 0));
  }
  w.put(skip);
}

/** What a function's caller keeps matters after it. */
function callers(w: Writer): void {
  const { random } = w;
  const way = random.below(4);
  value(w, 8);
  if (way === 0) {
    number(w);
    w.put(mov64Imm(1, 0), mov64Imm(2, 0));
    coin(w, 3);
    w.put(callPseudo(FUNCTION));
    carry(w);
    value(w, 8);
    w.put(alu64Reg(BPF_ADD, 8, 3), ldxMem(BPF_B, 2, 8, 0));
  } else if (way === 1) {
    input(w, 4);
    ways(
      w,
      () => w.put(stxMem(BPF_DW, 10, 8, TRAP_OFF)),
      () => w.put(stxMem(BPF_DW, 10, 9, TRAP_OFF)),
    );
    w.put(mov64Reg(1, 10), alu64Imm(BPF_ADD, 1, TRAP_OFF - 8), stMem(BPF_DW, 10, TRAP_OFF - 8, 0), mov64Imm(2, 0));
    coin(w, 3);
    w.put(callPseudo(FUNCTION), ldxMem(BPF_DW, 3, 10, TRAP_OFF), ldxMem(BPF_B, 2, 3, 0));
  } else if (way === 2) {
    // The function reads it.
    number(w);
    w.put(mov64Imm(1, 0), mov64Reg(2, 7));
    coin(w, 3);
    w.put(callPseudo(FUNCTION));
  } else {
    number(w);
    w.put(mov64Imm(1, 0), mov64Reg(2, 7));
    coin(w, 3);
    w.put(callPseudo(FUNCTION), alu64Reg(BPF_ADD, 8, 0), ldxMem(BPF_B, 2, 8, 0));
  }
}

/** R3 is a coin, R2 a number, R1 a pointer to the caller's stack or 0. */
function callee(random: Random): ProgramItem[] {
  const out = 'joinedOut';
  const forksIn: ProgramItem[] = [
    ...[jmpImm(BPF_JEQ, 3, 4, 'j1'), mov64Imm(4, 0), 'j1', jmpImm(BPF_JGT, 3, 9, 'j2'), mov64Imm(5, 0), 'j2'],
  ];
  const bodies: ProgramItem[][] = [
    [...forksIn, mov64Imm(0, 0), exit()],
    [mov64Imm(6, 1), mov64Imm(7, 2), ...forksIn, mov64Imm(0, 0), exit()],
    [...forksIn, mov64Reg(0, 2), exit()],
    [mov64Imm(0, 0), jmpImm(BPF_JLT, 3, 3, out), mov64Imm(0, 0), out, ...forksIn, mov64Reg(0, 2), exit()],
    [
      ...[...forksIn, jmpImm(BPF_JLT, 2, 50, out), mov64Imm(4, 8), ldxMem(BPF_B, 0, 4, 0)],
      ...[mov64Imm(0, 0), exit(), out, mov64Imm(0, 1), exit()],
    ],
    [mov64Reg(8, 2), ...forksIn, callHelper(8), mov64Reg(0, 8), exit()],
  ];
  return [FUNCTION, ...random.pick(bodies)];
}

export const PRUNE_NEAR_MISSES: readonly NearMiss[] = [
  { name: 'ways: numbers', weight: 4, write: numbers },
  { name: 'ways: types', write: types },
  { name: 'ways: slots', weight: 3, write: slots },
  { name: 'ways: NULL', write: nulls },
  { name: 'ways: packets', for: ({ packet }) => packet !== undefined, write: ranges },
  {
    name: 'ways: locks and references',
    weight: 3,
    for: (flavour) =>
      root(flavour) && flavour.tracing !== true && (flavour.buffer === 'xdp' || flavour.buffer === 'skb'),
    write: held,
  },
  { name: 'ways: callers', weight: 2, for: root, write: callers, functions: callee },
];
