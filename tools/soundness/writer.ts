// SPDX-License-Identifier: MIT
// A program as it is being written, with what its author believes of registers and stack.
import type { Btf } from '../../packages/btf/src/index.ts';
import { ldMapValue, ldxMem, mov64Imm, stMem, stxMem, type ProgramItem } from '../../packages/insn/src/index.ts';
import { BPF_DW } from '../../packages/uapi/src/index.ts';
import type { Flavour } from './flavours.ts';
import { either, NONE, NUM, type Kind } from './kinds.ts';
import type { NetKernel } from './net-kernel.ts';
import type { Random } from './random.ts';

/** Slots of 8 bytes below the frame pointer that statements use freely, and those that single statements fill. */
export const FREE_SLOTS = 8;
export const SCRATCH_OFF = -128;

export interface Belief {
  readonly regs: readonly Kind[];
  readonly slots: readonly Kind[];
}

/** Words of the map that numbers from outside are in. */
export const INPUT_WORDS = 16;
const EDGES = [0, 1, -1, 2, 7, 8, 31, 32, 63, 64, 127, 255, 256, 0x7fff, 0xffff, 0x10000, 0x7fffffff, -0x80000000];

export class Writer {
  readonly random: Random;
  readonly maps: NetKernel['maps'];
  readonly flavour: Flavour;
  /** Of the kernel. */
  readonly btf: Btf;
  readonly #risk: number;
  #items: ProgramItem[] = [];
  #regs: Kind[] = [];
  #slots: Kind[] = [];
  #labels = 0;
  /** The program has no functions: tail calls and LD_ABS are allowed. */
  single = true;
  /** Registers and slots that a loop around needs as they are. */
  frozen = false;

  constructor(random: Random, net: Pick<NetKernel, 'maps' | 'kernel'>, flavour: Flavour, risk: number) {
    this.random = random;
    this.maps = net.maps;
    this.btf = net.kernel.state.vmlinux.btf;
    this.flavour = flavour;
    this.#risk = risk;
  }

  /** The program is loaded by somebody who may do nothing. */
  get users(): boolean {
    return this.flavour.unprivileged === true;
  }

  /** Starts a function; `args` are R0 and on. */
  begin(args: readonly Kind[]): void {
    this.#regs = Array.from({ length: 10 }, (_, r) => args[r] ?? NONE);
    this.#slots = new Array<Kind>(FREE_SLOTS).fill(NONE);
  }

  put(...items: readonly ProgramItem[]): void {
    this.#items.push(...items);
  }

  take(): ProgramItem[] {
    const items = this.#items;
    this.#items = [];
    return items;
  }

  label(): string {
    return `l${this.#labels++}`;
  }

  /** Whether to take what may be wrong. */
  get risky(): boolean {
    return this.random.chance(this.#risk);
  }

  /** Whether to be off by a little: what a verifier with a bug would let pass. */
  get nearMiss(): boolean {
    return this.#risk > 0 && this.random.chance(0.1);
  }

  imm(): number {
    const { random } = this;
    if (random.chance(0.6)) return random.pick(EDGES);
    return random.chance(0.5) ? random.between(-64, 512) : random.word() | 0;
  }

  kind(reg: number): Kind {
    return this.#regs[reg];
  }

  set(reg: number, kind: Kind): void {
    this.#regs[reg] = kind;
  }

  slot(index: number): Kind {
    return this.#slots[index];
  }

  setSlot(index: number, kind: Kind): void {
    this.#slots[index] = kind;
  }

  belief(): Belief {
    return { regs: [...this.#regs], slots: [...this.#slots] };
  }

  believe({ regs, slots }: Belief): void {
    this.#regs = [...regs];
    this.#slots = [...slots];
  }

  /** Nothing is known but the context in R6. */
  forgetAll(): void {
    this.#regs = this.#regs.map((kind, reg) => (reg === 6 ? kind : NONE));
  }

  /** What holds on both ways. */
  merge({ regs, slots }: Belief): void {
    this.#regs = this.#regs.map((kind, r) => either(kind, regs[r]));
    this.#slots = this.#slots.map((kind, i) => either(kind, slots[i]));
  }

  /** A call: R1 to R5 are gone, R0 is as said. */
  called(result: Kind): void {
    for (let reg = 1; reg <= 5; reg++) this.#regs[reg] = NONE;
    this.#regs[0] = result;
  }

  /** Pointers into the packet are gone. */
  forgetPacket(): void {
    const keep = (kind: Kind): Kind => (kind.is === 'packet' ? NONE : kind);
    this.#regs = this.#regs.map(keep);
    this.#slots = this.#slots.map(keep);
  }

  having(is: Kind['is']): number[] {
    return this.#regs.flatMap((kind, reg) => (kind.is === is ? [reg] : []));
  }

  numbers(): number[] {
    return this.having('num');
  }

  /** A register with a number, none of those to avoid; one is made where there is none. */
  number(...avoid: readonly number[]): number {
    const known = this.numbers().filter((reg) => !avoid.includes(reg));
    if (this.risky) return this.random.below(10);
    if (known.length > 0 && this.random.chance(0.9)) return this.random.pick(known);
    const reg = this.target(...avoid);
    if (this.random.chance(0.5)) {
      const off = 8 * this.random.below(INPUT_WORDS);
      this.put(ldMapValue(reg, this.maps.inputs.fd, off), ldxMem(BPF_DW, reg, reg, 0));
    } else this.put(mov64Imm(reg, this.imm()));
    this.set(reg, NUM);
    return reg;
  }

  /** A register to write to; in loops those that live longer are kept. */
  target(...avoid: readonly number[]): number {
    const from = this.frozen ? [0, 1, 2, 3, 4, 5] : [0, 1, 2, 3, 4, 5, 7, 7, 8, 8];
    return this.random.pick(from.filter((reg) => !avoid.includes(reg)));
  }

  /** Stores a number on the stack. */
  store(reg: number): void {
    const index = this.random.below(FREE_SLOTS);
    if (this.frozen && this.#slots[index].is !== 'num') return;
    this.put(stxMem(BPF_DW, 10, reg, -8 * (index + 1)));
    this.setSlot(index, this.#regs[reg].is === 'num' && !this.frozen ? this.#regs[reg] : NUM);
  }

  /** Fills bytes of the scratch area, from its start on: `words` times 8. */
  fillScratch(words: number, value = this.random.below(4)): void {
    if (value === 0 && this.random.chance(0.5)) {
      // Zeros that the verifier knows: it keeps none of immediates.
      this.put(mov64Imm(0, 0));
      this.set(0, NUM);
      for (let i = 0; i < words; i++) this.put(stxMem(BPF_DW, 10, 0, SCRATCH_OFF + 8 * i));
      return;
    }
    for (let i = 0; i < words; i++) this.put(stMem(BPF_DW, 10, SCRATCH_OFF + 8 * i, value));
  }
}
