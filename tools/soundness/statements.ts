// SPDX-License-Identifier: MIT
// Statements: control flow, and the choice among the others.
import {
  alu64Imm,
  callPseudo,
  ja,
  jmp32Imm,
  jmp32Reg,
  jmpImm,
  jmpReg,
  mov64Imm,
  mov64Reg,
  type ProgramItem,
} from '../../packages/insn/src/index.ts';
import { BPF_ADD, BPF_JLT } from '../../packages/uapi/src/index.ts';
import { JUMPS, arithmetic, boundNumber, constant, rangedArithmetic } from './statement-alu.ts';
import { helperStatement } from './statement-helper.ts';
import { lookupStatement, lockStatement, valueAccess } from './statement-map.ts';
import {
  contextLoad,
  contextStore,
  packetAccess,
  packetStatement,
  stackData,
  variableStack,
} from './statement-memory.ts';
import { NONE, NUM } from './kinds.ts';
import { inputStatement } from './statement-input.ts';
import { objectAccess } from './statement-object.ts';
import { contextSocket, socketStatement } from './statement-socket.ts';
import type { Writer } from './writer.ts';

const LOOP_COUNTER = 9;

export class Statements {
  readonly #w: Writer;
  readonly #functions: number;
  firstCallee = 1;
  readonly called = new Set<number>();
  #depth = 0;
  #looping = false;

  constructor(writer: Writer, functions: number) {
    this.#w = writer;
    this.#functions = functions;
  }

  several(count: number): void {
    for (let i = 0; i < count; i++) this.#one();
  }

  #one(): void {
    const w = this.#w;
    const { flavour } = w;
    const objects = flavour.flowKeys !== undefined || flavour.tpBuffer === true || flavour.pointers !== undefined;
    if (objects && w.random.chance(0.2)) return objectAccess(w);
    const choice = w.random.below(this.#depth < 3 ? 100 : 78);
    if (choice < 9) arithmetic(w);
    else if (choice < 12) rangedArithmetic(w);
    else if (choice < 16) inputStatement(w);
    else if (choice < 19) constant(w);
    else if (choice < 26) boundNumber(w);
    else if (choice < 33) stackData(w);
    else if (choice < 38) contextLoad(w);
    else if (choice < 40) contextStore(w);
    else if (choice < 47) packetStatement(w);
    else if (choice < 51) packetAccess(w);
    else if (choice < 58) lookupStatement(w);
    else if (choice < 64) valueAccess(w);
    else if (choice < 66) lockStatement(w);
    else if (choice < 68) socketStatement(w);
    else if (choice < 69) contextSocket(w);
    else if (choice < 71) (w.users ? stackData : variableStack)(w);
    else if (choice < 78) helperStatement(w);
    else if (choice < 91) this.#branch();
    else if (w.users) this.#branch();
    else if (choice < 95) this.#loop();
    else this.#call();
  }

  #jump(label: string): ProgramItem {
    const w = this.#w;
    const { random } = w;
    const [op, dst] = [random.pick(JUMPS), w.number()];
    const wide = random.chance(0.6);
    if (random.chance(0.3)) return (wide ? jmpReg : jmp32Reg)(op, dst, w.number(), label);
    return (wide ? jmpImm : jmp32Imm)(op, dst, w.imm(), label);
  }

  #branch(): void {
    const w = this.#w;
    const [other, done] = [w.label(), w.label()];
    this.#depth++;
    w.put(this.#jump(other));
    const before = w.belief();
    this.several(w.random.below(4));
    const after = w.belief();
    w.believe(before);
    if (w.random.chance(0.6)) {
      w.put(ja(done), other);
      this.several(w.random.below(4));
      w.put(done);
    } else w.put(other);
    w.merge(after);
    this.#depth--;
  }

  /** Counts R9 up. What lives longer than a turn is left as it is. */
  #loop(): void {
    const w = this.#w;
    if (this.#looping) return;
    this.#looping = true;
    this.#depth++;
    const start = w.label();
    w.put(mov64Imm(LOOP_COUNTER, 0), start);
    for (let reg = 0; reg <= 8; reg++) {
      const { is } = w.kind(reg);
      w.set(reg, reg <= 5 ? NONE : is === 'num' ? NUM : is === 'packet' || is === 'valueOrNull' ? NONE : w.kind(reg));
    }
    for (let i = 0; i < 8; i++) w.setSlot(i, w.slot(i).is === 'num' ? NUM : NONE);
    w.set(LOOP_COUNTER, NONE);
    const head = w.belief();
    const wasFrozen = w.frozen;
    w.frozen = true;
    if (w.random.chance(0.7)) {
      w.put(mov64Reg(3, LOOP_COUNTER));
      w.set(3, NUM);
    }
    this.several(w.random.between(1, 4));
    w.frozen = wasFrozen;
    w.believe(head);
    w.put(alu64Imm(BPF_ADD, LOOP_COUNTER, 1), jmpImm(BPF_JLT, LOOP_COUNTER, w.random.between(2, 9), start));
    this.#depth--;
    this.#looping = false;
  }

  #call(): void {
    const w = this.#w;
    if (this.firstCallee > this.#functions) return;
    const callee = w.random.between(this.firstCallee, this.#functions);
    this.called.add(callee);
    const arg = w.number();
    w.put(mov64Reg(2, arg), mov64Reg(1, 6), callPseudo(`f${callee}`));
    // The function may have changed the packet.
    w.forgetPacket();
    w.called(NUM);
  }
}
