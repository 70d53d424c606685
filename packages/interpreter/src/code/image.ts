// SPDX-License-Identifier: MIT
// A program in the form the loop executes.
import type { HelperFn, Subprog } from '@tsbpf/core';
import { BPF_REG_AX, MAX_BPF_STACK } from '@tsbpf/uapi';
import { Constants } from './constants.ts';
import { decodeOne, OP_EXIT, OP_STOP, pack, WORDS, type DecodeTarget } from './decode.ts';
import type { Link, LinkedCall, Source } from './link.ts';

/** Registers of one run of one program: R0 to R10, AX, and behind them the program's constants. */
export interface RegFile {
  readonly lo: Int32Array;
  readonly hi: Int32Array;
}

/** Whether something may be attached to a function: main, global ones, and static ones that BTF describes. */
export function hasSlot({ linkage, typeId }: Subprog, idx: number): boolean {
  return idx === 0 || linkage === 'global' || typeId !== 0;
}

/** One of the two layouts of a program's code. */
export interface Layout {
  readonly words: Int32Array;
  /** Word index of an EXIT outside of the program, for what ends the function from within an instruction. */
  readonly exitPc: number;
}

/**
 * A predecoded program. Each instruction takes {@link WORDS} words: operation, destination and source, and an offset
 * or target. Immediates are constants behind the registers, so that both forms of an operation are one case of the loop.
 *
 * Two layouts: `fast` holds the instructions one after the other. `stepping` has a STOP before every instruction, and
 * jumps go to those, so that the loop returns after each.
 */
export class Image {
  readonly source: Source;
  readonly fast: Layout;
  /** Outgoing calls by number; the functions are in `functions`. */
  readonly calls: readonly LinkedCall[];
  readonly functions: HelperFn[] = [];
  /** For each instruction: its outgoing call or tail call. */
  readonly links: readonly (Link | undefined)[];
  readonly #constants = new Constants(BPF_REG_AX + 1);
  readonly #free: RegFile[] = [];
  readonly #starts: ReadonlyMap<number, number>;
  readonly #target: DecodeTarget;
  #stepping: Layout | undefined;

  constructor(source: Source) {
    this.source = source;
    this.#starts = new Map(source.subprogs.map((subprog, idx) => [subprog.start, idx]));
    const links: (Link | undefined)[] = [];
    const calls: LinkedCall[] = [];
    const target: DecodeTarget = {
      constants: this.#constants,
      slotAt: (idx) => {
        const subprog = this.subprogAt(idx);
        return subprog > 0 && hasSlot(source.subprogs[subprog], subprog) ? subprog : undefined;
      },
      link: (insn, idx) => {
        const link = (links[idx] ??= source.link(insn, idx));
        if (link.kind === 'tailCall') return { link, number: 0 };
        let number = calls.indexOf(link);
        if (number < 0) number = calls.push(link) - 1;
        return { link, number };
      },
      probeMem: (idx) => source.probeMem(idx),
    };
    const count = source.insns.length;
    const words = new Int32Array((count + 1) * WORDS);
    for (let idx = 0; idx < count; idx++) {
      decodeOne(source.insns, idx, target, words, idx * WORDS, (to) => to * WORDS);
    }
    words[count * WORDS] = OP_EXIT;
    this.fast = { words, exitPc: count * WORDS };
    this.calls = calls;
    this.links = links;
    this.#target = target;
    this.relink();
  }

  /** The layout that stops before each instruction, made when first asked for. */
  get stepping(): Layout {
    return (this.#stepping ??= this.#makeStepping());
  }

  /** Where the stepping layout stops before instruction `idx`. */
  static stopPc(idx: number): number {
    return 2 * idx * WORDS;
  }

  /** The instruction that a word index of either layout lies in. */
  static insnIdx(pc: number, stepping: boolean): number {
    const slot = Math.floor(pc / WORDS);
    return stepping ? slot >> 1 : slot;
  }

  /** Index of the function that starts at instruction `idx`; -1 where none does. */
  subprogAt(idx: number): number {
    return this.#starts.get(idx) ?? -1;
  }

  /** Bytes of stack the function uses, as the verifier found; the whole frame for bare programs. */
  stackDepth(subprog: number): number {
    return this.source.subprogs[subprog]?.stackDepth ?? MAX_BPF_STACK;
  }

  /** Bytes of the predecoded form. */
  get bytes(): number {
    return this.fast.words.byteLength + (this.#stepping?.words.byteLength ?? 0) + this.#constants.lo.length * 8;
  }

  /** Asks for all called functions anew. */
  relink(): void {
    for (let i = 0; i < this.calls.length; i++) this.functions[i] = this.calls[i].resolve();
  }

  /** Registers for a run; {@link release} gives them back. */
  acquire(): RegFile {
    return this.#free.pop() ?? { lo: Int32Array.from(this.#constants.lo), hi: Int32Array.from(this.#constants.hi) };
  }

  release(regs: RegFile): void {
    this.#free.push(regs);
  }

  #makeStepping(): Layout {
    const { insns } = this.source;
    const count = insns.length;
    // STOP, insn, STOP, insn, …, STOP, EXIT; behind them a STOP for each conditional jump that is taken.
    const taken: number[] = [];
    const takenBase = 2 * (count + 1) * WORDS;
    const words = new Int32Array(takenBase + count * WORDS);
    const stop = (at: number, next: number, wasTaken: number): void => {
      words[at] = pack(OP_STOP, wasTaken, 0);
      words[at + 1] = next;
    };
    for (let idx = 0; idx < count; idx++) {
      stop(2 * idx * WORDS, idx, 0);
      decodeOne(insns, idx, this.#target, words, (2 * idx + 1) * WORDS, (to, conditional) => {
        if (!conditional) return 2 * to * WORDS;
        return takenBase + (taken.push(to) - 1) * WORDS;
      });
    }
    stop(2 * count * WORDS, count, 0);
    const exitPc = (2 * count + 1) * WORDS;
    words[exitPc] = OP_EXIT;
    taken.forEach((to, i) => stop(takenBase + i * WORDS, to, 1));
    return { words, exitPc };
  }
}
