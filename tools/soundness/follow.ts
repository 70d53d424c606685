// SPDX-License-Identifier: MIT
// Follows a run along the paths that the verifier took: at every instruction some state must contain what is there.
import type { FuncProto, RunView } from '../../packages/core/src/index.ts';
import type { Insn } from '../../packages/insn/src/index.ts';
import type { KernelMemory } from '../../packages/memory/src/index.ts';
import {
  BPF_ALU,
  BPF_ALU64,
  BPF_CALL,
  BPF_EXIT,
  BPF_IMM,
  BPF_JMP,
  BPF_LD,
  BPF_LDX,
  BPF_ST,
  BPF_STX,
} from '../../packages/uapi/src/index.ts';
import { readMismatch, stateMismatch } from './contains.ts';
import type { Coverage } from './coverage.ts';
import { Laws, type LawFacts } from './laws.ts';
import type { PathGraph, PathNode } from './path-graph.ts';
import { CurrentReality, RealFrame } from './reality.ts';
import { registersRead, registersReadWhole } from './registers-read.ts';

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
  /** The prototype of a helper as this program may call it. */
  readonly protoOf: (id: number) => FuncProto | undefined;
  readonly laws: LawFacts;
  readonly coverage: Coverage | undefined;
}

const LOOKUPS = new Set([1, 81, 82]);
const SK_STORAGE_GET = 107;
const LD_IMM64 = 0x18;
const MAP_VALUE = 2;
const CALL = BPF_JMP | BPF_CALL;
const OR_REG = 0x4f;
const AX = 11;
const ADDR = 0xffff_ffff_ffff_ffffn;
/** More instructions than any program of the generator runs: the verifier let a loop pass that does not end. */
const MOST_INSNS = 50_000;
const SIZES = [4, 2, 1, 8];

/** The index of the instruction in the loaded program, where `insnIdx` is the first that stands for it. */
function startsGroup(run: RunView): boolean {
  const { origIdx } = run.verified;
  return run.insnIdx === 0 || origIdx[run.insnIdx - 1] !== origIdx[run.insnIdx];
}

export class Follower {
  readonly #mem: KernelMemory;
  readonly #options: FollowOptions;
  readonly #laws: Laws;
  #real: CurrentReality | undefined;
  #rewritten: Rewritten | undefined;
  #nodes: readonly PathNode[] | undefined;
  /** The states may say less than what was forgotten where a path ended. */
  #lost = false;
  #prev: Insn | undefined;
  #prevIdx = 0;
  #prevR1 = 0n;
  violation: Violation | undefined;
  /** Instructions compared. */
  compared = 0;
  /** Of them with all that a state knows. */
  exact = 0;

  constructor(mem: KernelMemory, options: FollowOptions) {
    this.#mem = mem;
    this.#options = options;
    this.#laws = new Laws(options.laws);
  }

  /** Before an instruction. */
  look(run: RunView): void {
    if (this.violation !== undefined || !startsGroup(run)) return;
    const { insns, coverage } = this.#options;
    const orig = run.origIdx;
    this.#rewritten ??= rewrittenOf(run);
    const insn = insns[orig];
    if (insn === undefined) return;
    const real = this.#refresh(run);
    const proto = insn.code === CALL && insn.src === 0 ? this.#options.protoOf(insn.imm) : undefined;
    const args = proto?.args.length ?? (insn.code === CALL ? 0 : 5);
    const read = registersRead(insn, args);
    let problem = this.#laws.after(real, run);
    const { noise } = real.top;
    if (noise !== 0) problem ??= readsNoise(insn, args, real);
    problem ??= this.#advance(orig, real, read);
    const nodes = this.#nodes ?? [];
    problem ??= this.#laws.before(insn, proto, nodes, real);
    this.compared++;
    if (!this.#lost) this.exact++;
    coverage?.ran(nodes[0]?.frames, read, proto);
    if (this.compared > MOST_INSNS) problem ??= `the run has not ended after ${MOST_INSNS} instructions`;
    if (problem !== undefined) {
      this.violation = { insnIdx: orig, what: problem, regs: Array.from({ length: 11 }, (_, r) => run.reg(r)) };
    }
    this.#prev = insn;
    this.#prevIdx = orig;
    this.#prevR1 = real.top.regs[1] ?? 0n;
  }

  /** What the instruction before changed. */
  #refresh(run: RunView): CurrentReality {
    const mem = this.#mem;
    let real = this.#real;
    if (real === undefined) {
      real = new CurrentReality(mem.toAddr(run.ctx), (addr) => mem.read64(mem.toOff(addr)) & ADDR);
      this.#real = real;
      real.frames.push(new RealFrame(run.reg(10)));
      this.#readAll(run, real);
      this.#readPacket(run, real);
      return real;
    }
    const prev = this.#prev;
    if (prev === undefined) return real;
    const { top } = real;
    switch (prev.code & 7) {
      case BPF_ALU:
      case BPF_ALU64:
      case BPF_LDX:
        top.write(prev.dst, run.reg(prev.dst));
        break;
      case BPF_LD:
        if ((prev.code & 0xe0) === BPF_IMM) top.write(prev.dst, run.reg(prev.dst));
        else this.#readAll(run, real);
        break;
      case BPF_ST:
      case BPF_STX: {
        const at = ((top.regs[prev.dst] ?? 0n) + BigInt(prev.off)) & ADDR;
        real.frameAt(at)?.wrote(at, SIZES[(prev.code >> 3) & 3]);
        break;
      }
      default:
        if (prev.code === CALL) this.#called(run, real, prev);
        else if (prev.code === (BPF_JMP | BPF_EXIT) && real.frames.length > 1) {
          real.frames.pop();
          this.#readAll(run, real);
          real.top.noise = (real.top.noise & ~0x3f) | (top.noise & 1);
          real.top.hideNoise();
        }
    }
    this.#noteNoise(prev, real);
    if (prev.code === LD_IMM64 && prev.src === MAP_VALUE) {
      const off = BigInt(this.#options.insns[this.#prevIdx + 1].imm);
      real.values.set(run.reg(prev.dst) - off, this.#options.mapAddr(prev.imm));
    }
    return real;
  }

  #called(run: RunView, real: CurrentReality, prev: Insn): void {
    if (prev.src !== 0) {
      // R6 to R9 are the caller's.
      for (let r = 0; r < 6; r++) real.top.regs[r] = undefined;
      const { noise } = real.top;
      real.frames.push(new RealFrame(run.reg(10)));
      real.top.noise = noise & 0x3e;
      this.#readAll(run, real);
      real.top.hideNoise();
      return;
    }
    // A helper writes memory, and may change the packet.
    for (const frame of real.frames) frame.forget();
    this.#readAll(run, real);
    real.top.noise &= ~0x3f;
    real.top.hideNoise();
    this.#readPacket(run, real);
    if ((LOOKUPS.has(prev.imm) || prev.imm === SK_STORAGE_GET) && run.reg(0) !== 0n) {
      real.values.set(run.reg(0), this.#prevR1);
    }
  }

  /** What the instruction wrote, and whether the kernel put noise into its upper half. */
  #noteNoise(prev: Insn, real: CurrentReality): void {
    const { top } = real;
    const cls = prev.code & 7;
    if (cls !== BPF_ALU && cls !== BPF_ALU64 && cls !== BPF_LDX && cls !== BPF_LD) return;
    const load = cls === BPF_LD && (prev.code & 0xe0) !== BPF_IMM;
    top.noise &= load ? ~0x3f : ~(1 << prev.dst);
    if (this.#rewritten?.noisy.has(this.#prevIdx) === true) {
      top.noise |= 1 << prev.dst;
    }
    if (top.noise !== 0) top.hideNoise();
  }

  #readAll(run: RunView, real: CurrentReality): void {
    for (let r = 0; r < 11; r++) real.top.write(r, run.reg(r));
  }

  #readPacket(run: RunView, real: CurrentReality): void {
    const { packet } = this.#options;
    if (packet === undefined) return;
    real.data = this.#mem.read64(run.ctx + packet.data) & ADDR;
    real.dataEnd = this.#mem.read64(run.ctx + packet.dataEnd) & ADDR;
    if (packet.dataMeta !== undefined) real.dataMeta = this.#mem.read64(run.ctx + packet.dataMeta) & ADDR;
  }

  /** States at `orig` that follow; jumps that the rewritten program lacks are passed through. */
  #reach(orig: number): { nodes: PathNode[]; pruned: boolean } {
    const { graph } = this.#options;
    const nodes: PathNode[] = [];
    let pruned = false;
    const seen = new Set<PathNode>();
    const open: PathNode[] = [];
    if (this.#nodes === undefined) open.push(...graph.roots);
    else for (const { next } of this.#nodes) open.push(...next);
    for (let node = open.pop(); node !== undefined; node = open.pop()) {
      if (seen.has(node)) continue;
      seen.add(node);
      if (node.insnIdx === orig) nodes.push(node);
      else if (this.#rewritten?.present.has(node.insnIdx) !== true) {
        if (node.pruned) pruned = true;
        open.push(...(node.pruned ? graph.alternatives(node) : node.next));
      }
    }
    return { nodes, pruned };
  }

  /** Takes a state that contains what is there; one that goes on, if there is one. False where none contains it. */
  #take(nodes: readonly PathNode[], real: CurrentReality): 'open' | 'ended' | 'none' {
    if (nodes.length === 1) {
      const [node] = nodes;
      if (stateMismatch(node.frames, real, true) !== undefined) return 'none';
      if (node.pruned) return 'ended';
      this.#nodes = nodes;
      this.#lost = false;
      return 'open';
    }
    const open: PathNode[] = [];
    let contained = false;
    for (const node of nodes) {
      if (stateMismatch(node.frames, real, true) !== undefined) continue;
      contained = true;
      if (!node.pruned) open.push(node);
    }
    if (open.length === 0) return contained ? 'ended' : 'none';
    this.#nodes = open;
    this.#lost = false;
    return 'open';
  }

  #advance(orig: number, real: CurrentReality, read: number): string | undefined {
    const { graph, precise } = this.#options;
    const next = this.#nodes?.length === 1 ? this.#nodes[0].next : undefined;
    let nodes: readonly PathNode[];
    if (next?.length === 1 && next[0].insnIdx === orig) nodes = next;
    else {
      const found = this.#reach(orig);
      nodes = found.nodes;
      if (found.pruned) this.#lost = true;
    }
    if (nodes.length === 0) return 'no path of the verifier comes here';
    for (const { frames } of nodes) if (frames.length !== real.frames.length) return 'another depth of calls';
    // Where a path went on, what holds there holds further on.
    const taken = this.#take(nodes, real);
    if (taken === 'open') return undefined;
    if (taken === 'none' && !this.#lost) return explain(nodes, (n) => stateMismatch(n.frames, real));
    // Everything that contains this ended here, or nothing does: others must do.
    const ended = nodes.find((node) => node.pruned);
    const others = ended === undefined ? nodes : [...new Set([...nodes, ...graph.alternatives(ended)])];
    const going = others.filter((node) => !node.pruned);
    if (this.#take(going, real) === 'open') return undefined;
    this.#lost = true;
    const enough = going.filter(({ frames }) => readMismatch(frames, real, read, precise, true) === undefined);
    if (enough.length === 0) return explain(going, (n) => readMismatch(n.frames, real, read, precise), 'pruned: ');
    this.#nodes = enough;
    return undefined;
  }
}

/** What is the same in all runs of a program. */
interface Rewritten {
  /** Instructions of the program as loaded that are left. */
  readonly present: ReadonlySet<number>;
  /** Instructions behind which a register's upper half is noise. */
  readonly noisy: ReadonlySet<number>;
}

const REWRITTEN = new WeakMap<RunView['verified'], Rewritten>();

function rewrittenOf({ verified }: RunView): Rewritten {
  let found = REWRITTEN.get(verified);
  if (found === undefined) {
    found = { present: new Set(verified.origIdx), noisy: noisyInsns(verified) };
    REWRITTEN.set(verified, found);
  }
  return found;
}

/** BPF_F_TEST_RND_HI32 puts noise into upper halves that nobody should read: `r |= r11` ends what stands for them. */
function noisyInsns({ insns, origIdx }: RunView['verified']): ReadonlySet<number> {
  const found = new Set<number>();
  insns.forEach(({ code, src }, i) => {
    if (code === OR_REG && src === AX) found.add(origIdx[i]);
  });
  return found;
}

function readsNoise(insn: Insn, args: number, real: CurrentReality): string | undefined {
  // A function's result is read where it is used.
  if (insn.code === (BPF_JMP | BPF_EXIT) && real.frames.length > 1) return undefined;
  if (insn.code === CALL && insn.src !== 0) return undefined;
  const read = registersReadWhole(insn, args) & real.top.noise;
  return read === 0 ? undefined : `R${31 - Math.clz32(read)} is read whole, and its upper half was not kept`;
}

function explain(nodes: readonly PathNode[], why: (node: PathNode) => string | undefined, before = ''): string {
  const reasons = new Set(nodes.map((node) => why(node) ?? ''));
  return `${before}none of ${nodes.length} states: ${[...reasons].slice(0, 3).join('; ')}`;
}
