// SPDX-License-Identifier: MIT
// Follows a run along the paths that the verifier took: at every instruction some state must contain what is there.
import type { RunView } from '../../packages/core/src/index.ts';
import { insnSize, type Insn } from '../../packages/insn/src/index.ts';
import type { KernelState } from '../../packages/kernel/src/index.ts';
import { BPF_CALL, BPF_JMP, BPF_LDX, BPF_ST, BPF_STX } from '../../packages/uapi/src/index.ts';
import { accessProblem, readMismatch, stateMismatch, type Reality } from './contains.ts';
import type { PathGraph, PathNode } from './path-graph.ts';
import { registersRead } from './registers-read.ts';

/** How the packet of a context is found: offsets of pointers in the kernel's structure. */
export interface PacketOffsets {
  readonly data: number;
  readonly dataMeta: number | undefined;
  readonly dataEnd: number;
}

/** What a run showed to be wrong. */
export interface Violation {
  readonly insnIdx: number;
  readonly what: string;
  readonly regs: readonly bigint[];
}

export interface FollowOptions {
  readonly graph: PathGraph;
  /** As loaded. */
  readonly insns: readonly Insn[];
  /** Pruning compares the numbers too, so that numbers must agree after it. */
  readonly precise: boolean;
  readonly packet: PacketOffsets | undefined;
  /** Addresses of maps by fd, for values that the program addresses directly. */
  readonly mapAddr: (fd: number) => bigint;
}

const LOOKUPS = new Set([1, 81, 82]);
const LD_IMM64 = 0x18;
const MAP_VALUE = 2;

/** The index of the instruction in the loaded program, where `insnIdx` is the first that stands for it. */
function startsGroup(run: RunView): boolean {
  const { origIdx } = run.verified;
  return run.insnIdx === 0 || origIdx[run.insnIdx - 1] !== origIdx[run.insnIdx];
}

export class Follower {
  readonly #state: KernelState;
  readonly #options: FollowOptions;
  readonly #values = new Map<bigint, bigint>();
  #present: ReadonlySet<number> | undefined;
  #nodes: PathNode[] | undefined;
  /** The states may say less than what was forgotten where a path ended. */
  #lost = false;
  #prev: { insn: Insn; insnIdx: number; r1: bigint } | undefined;
  violation: Violation | undefined;
  /** Instructions compared. */
  compared = 0;
  /** Of them with all that a state knows. */
  exact = 0;

  constructor(state: KernelState, options: FollowOptions) {
    this.#state = state;
    this.#options = options;
  }

  /** Before an instruction. */
  look(run: RunView): void {
    if (this.violation !== undefined || !startsGroup(run)) return;
    const { insns } = this.#options;
    const orig = run.origIdx;
    this.#present ??= new Set(run.verified.origIdx);
    const insn = insns[orig];
    if (insn === undefined) return;
    this.#noteValue(run);
    const real = this.#reality(run);
    const read = registersRead(insn, this.#args(run));
    const problem = this.#advance(orig, real, read) ?? this.#access(run, insn, real);
    this.compared++;
    if (!this.#lost) this.exact++;
    if (problem !== undefined) {
      this.violation = { insnIdx: orig, what: problem, regs: Array.from({ length: 11 }, (_, r) => run.reg(r)) };
    }
    this.#prev = { insn, insnIdx: orig, r1: run.reg(1) };
  }

  /** Looks at an access as the states understand it: neighbours in memory are alive, too. */
  #access(run: RunView, insn: Insn, real: Reality): string | undefined {
    const cls = insn.code & 7;
    if (cls !== BPF_LDX && cls !== BPF_ST && cls !== BPF_STX) return undefined;
    const reg = cls === BPF_LDX ? insn.src : insn.dst;
    const at = BigInt.asUintN(64, run.reg(reg) + BigInt(insn.off));
    const problems = (this.#nodes ?? []).map(({ frames }) =>
      accessProblem(frames[frames.length - 1].regs[reg], at, insnSize(insn), real),
    );
    return problems.includes(undefined) ? undefined : problems[0];
  }

  #args(run: RunView): number {
    const callee = run.verified.aux[run.insnIdx]?.callee;
    return callee?.kind === 'helper' ? callee.row.proto.args.length : 0;
  }

  /** Remembers where values of maps are. */
  #noteValue(run: RunView): void {
    const prev = this.#prev;
    if (prev === undefined) return;
    const { insn, insnIdx, r1 } = prev;
    if (insn.code === (BPF_JMP | BPF_CALL) && insn.src === 0 && LOOKUPS.has(insn.imm) && run.reg(0) !== 0n) {
      this.#values.set(run.reg(0), r1);
    } else if (insn.code === LD_IMM64 && insn.src === MAP_VALUE) {
      const off = BigInt(this.#options.insns[insnIdx + 1].imm);
      this.#values.set(run.reg(insn.dst) - off, this.#options.mapAddr(insn.imm));
    }
  }

  #reality(run: RunView): Reality {
    const { mem } = this.#state;
    const { packet } = this.#options;
    const pointerAt = (off: number | undefined): bigint | undefined =>
      off === undefined ? undefined : BigInt.asUintN(64, mem.read64(run.ctx + off));
    const frames = run.frames().map(({ stackTop, savedRegs }) => {
      const top = mem.toAddr(stackTop);
      const regs: (bigint | undefined)[] = new Array<bigint | undefined>(11).fill(undefined);
      if (savedRegs === undefined) for (let r = 0; r < 11; r++) regs[r] = run.reg(r);
      else savedRegs.forEach((value, i) => (regs[6 + i] = value));
      regs[10] = top;
      return { regs, stackTop: top };
    });
    return {
      frames: frames.reverse(),
      ctx: mem.toAddr(run.ctx),
      data: pointerAt(packet?.data),
      dataMeta: pointerAt(packet?.dataMeta),
      dataEnd: pointerAt(packet?.dataEnd),
      values: this.#values,
      read64: (addr) => BigInt.asUintN(64, mem.read64(mem.toOff(addr))),
    };
  }

  /** States at `orig` that follow; jumps that the rewritten program lacks are passed through. */
  #reach(from: readonly PathNode[], orig: number): { nodes: PathNode[]; pruned: boolean } {
    const found = new Set<PathNode>();
    let pruned = false;
    const seen = new Set<PathNode>();
    const visit = (node: PathNode): void => {
      if (seen.has(node)) return;
      seen.add(node);
      if (node.insnIdx === orig) {
        found.add(node);
        return;
      }
      if (this.#present?.has(node.insnIdx) === true) return;
      if (node.pruned) {
        pruned = true;
        this.#options.graph.alternatives(node).forEach(visit);
      } else node.next.forEach(visit);
    };
    from.forEach(visit);
    return { nodes: [...found], pruned };
  }

  #advance(orig: number, real: Reality, read: number): string | undefined {
    const { graph, precise } = this.#options;
    const from = this.#nodes === undefined ? graph.roots : this.#nodes.flatMap(({ next }) => next);
    const { nodes, pruned } = this.#reach(from, orig);
    if (nodes.length === 0) return 'no path of the verifier comes here';
    if (pruned) this.#lost = true;
    if (nodes.some(({ frames }) => frames.length !== real.frames.length)) return 'another depth of calls';
    // Where a path went on, what holds there holds further on.
    const full = nodes.filter(({ frames }) => stateMismatch(frames, real) === undefined);
    if (full.length === 0 && !this.#lost) return this.#explain(nodes, (n) => stateMismatch(n.frames, real));
    const open = full.filter((node) => !node.pruned);
    if (open.length > 0) {
      this.#nodes = open;
      this.#lost = false;
      return undefined;
    }
    // Everything that contains this ended here, or nothing does: others must do.
    const ended = nodes.find((node) => node.pruned);
    const others = ended === undefined ? nodes : [...new Set([...nodes, ...graph.alternatives(ended)])];
    const going = others.filter((node) => !node.pruned);
    const whole = going.filter(({ frames }) => stateMismatch(frames, real) === undefined);
    if (whole.length > 0) {
      this.#nodes = whole;
      this.#lost = false;
      return undefined;
    }
    this.#lost = true;
    const enough = going.filter(({ frames }) => readMismatch(frames, real, read, precise) === undefined);
    if (enough.length === 0)
      return this.#explain(going, (n) => readMismatch(n.frames, real, read, precise), 'pruned: ');
    this.#nodes = enough;
    return undefined;
  }

  #explain(nodes: readonly PathNode[], why: (node: PathNode) => string | undefined, before = ''): string {
    const reasons = new Set(nodes.map((node) => why(node) ?? ''));
    return `${before}none of ${nodes.length} states: ${[...reasons].slice(0, 3).join('; ')}`;
  }
}
