// SPDX-License-Identifier: MIT
// What one run holds: registers, frames, position. One object is reused by many runs.
import type { BpfProg, FuncSlot, HelperCall, KernelServices, SubsystemKey, VerifiedProg } from '@tsbpf/core';
import { KERNEL_BASE_HI, type KernelMemory } from '@tsbpf/memory';
import { BpfError, EFAULT, ENOMEM, FaultError, InternalError, MAX_BPF_STACK } from '@tsbpf/uapi';
import { Image, type Layout, type RegFile } from '../code/image.ts';
import { OP_CALL_LOCAL, OP_CALL_SEXT, OP_TAIL_CALL, WORDS } from '../code/decode.ts';
import { FRAME_WORDS, MAX_FRAMES, MAX_LOOPS } from './frames.ts';
import type { PacketAccess } from './packet.ts';

// Own constants: V8 loads those of other modules wherever they are used.
const BASE_HI = KERNEL_BASE_HI;
const INSN_WORDS = WORDS;

/** Bytes of the stacks of all frames of a run. */
export const STACKS_BYTES = MAX_FRAMES * MAX_BPF_STACK;

/** The program of a run; tail calls change it. */
export interface Executable {
  readonly image: Image;
  readonly verified: VerifiedProg;
  /** Undefined for a bare program. */
  readonly loaded: OwnProgram | undefined;
}

/** A program that this engine loaded. */
export interface OwnProgram extends Executable {
  readonly host: RunHost;
  readonly prog: BpfProg;
  readonly loaded: OwnProgram;
  slotOf(subprog: number): FuncSlot | undefined;
  /** Asks for helpers anew where some were replaced since. */
  relinkIfOverridden(): void;
  /** Runs as the target of a tail call from a subprogram; answers the count of tail calls so far. */
  tailCallFrom(from: RunState): number;
}

/** What a run needs of the world around: a kernel, or for bare programs a memory only. */
export interface RunHost {
  readonly mem: KernelMemory;
  readonly kernel: KernelServices | undefined;
  readonly packets: PacketAccess | undefined;
}

class Call implements HelperCall {
  readonly #run: RunState;
  argHi: Int32Array;
  retHi = 0;

  constructor(run: RunState) {
    this.#run = run;
    this.argHi = run.hi;
  }

  get kernel(): KernelServices {
    const { kernel } = this.#run.host;
    if (kernel === undefined) throw new InternalError('a bare program called a helper of the kernel');
    return kernel;
  }

  get prog(): BpfProg {
    const { loaded } = this.#run.executable;
    if (loaded === undefined) throw new InternalError('a bare program called a helper of the kernel');
    return loaded.prog;
  }

  get ctx(): number {
    return this.#run.ctx;
  }

  subsystem<T>(key: SubsystemKey<T>): T {
    return this.kernel.subsystem(key);
  }
}

/** A run's state as {@link RunState.save} keeps it. */
export interface SavedRun {
  readonly executable: Executable;
  readonly lo: Int32Array;
  readonly hi: Int32Array;
  readonly frames: Int32Array;
  readonly ctx: number;
  readonly pc: number;
  readonly next: number;
  readonly taken: boolean;
  readonly sp: number;
  readonly loops: number;
  readonly tailCalls: number;
  readonly done: boolean;
}

const NO_WORDS: Int32Array = new Int32Array(0);

/** A run. The loop keeps copies of most of this in locals and writes them back when it leaves. */
export class RunState {
  readonly host: RunHost;
  readonly mem: KernelMemory;
  /** Offset of the stacks of all frames: the first is lowest. */
  readonly stackOff: number;
  readonly frames = new Int32Array(MAX_FRAMES * FRAME_WORDS);
  readonly call: Call;
  executable!: Executable;
  regs!: RegFile;
  layout!: Layout;
  code = NO_WORDS;
  lo = NO_WORDS;
  hi = NO_WORDS;
  functions: Image['functions'] = [];
  stepping = false;
  ctx = 0;
  pc = 0;
  /** Stepping: the instruction to execute next, and whether a conditional jump led there. */
  next = 0;
  taken = false;
  sp = 0;
  maxLoops = MAX_LOOPS;
  loops = MAX_LOOPS;
  tailCalls = 0;
  /** What the last tail call reached, for who steps. */
  target: BpfProg | undefined = undefined;
  done = false;

  /** @errno ENOMEM FaultError: no room for the stacks */
  constructor(host: RunHost) {
    this.host = host;
    this.mem = host.mem;
    this.stackOff = host.mem.alloc(STACKS_BYTES, { kind: 'stack', align: 16, name: 'bpf_stack' });
    if (this.stackOff === 0) {
      throw new FaultError('no room for the stack of a run in the kernel memory', { errno: ENOMEM, insnIdx: 0 });
    }
    this.call = new Call(this);
  }

  /** Begins a run at a function; arguments are for the caller to set. Cheapest where the last run was of the same. */
  begin(executable: Executable, startIdx: number, stepping: boolean): void {
    if (executable !== this.executable || stepping !== this.stepping) this.#enter(executable, stepping);
    this.tailCalls = 0;
    this.#rewind(startIdx, stepping);
  }

  /** Takes registers of the program, and gives those of the former one back. */
  #enter(executable: Executable, stepping: boolean): void {
    const { image } = executable;
    const old = this.executable as Executable | undefined;
    if (old !== executable) {
      old?.image.release(this.regs);
      this.executable = executable;
      this.regs = image.acquire();
      this.lo = this.regs.lo;
      this.hi = this.regs.hi;
      this.call.argHi = this.hi;
      this.functions = image.functions;
    }
    this.stepping = stepping;
    this.layout = stepping ? image.stepping : image.fast;
    this.code = this.layout.words;
    this.#firstFrame();
  }

  /** R10 is the stack of main. No program writes it, and returns bring it back. */
  #firstFrame(): void {
    this.sp = 0;
    this.lo[10] = this.stackOff + MAX_BPF_STACK;
    this.hi[10] = BASE_HI;
  }

  /** To the start of a function, with one frame. */
  #rewind(startIdx: number, stepping: boolean): void {
    // The last run may have ended inside of a function.
    if (this.sp !== 0) this.#firstFrame();
    this.loops = this.maxLoops;
    this.pc = startIdx * INSN_WORDS;
    if (!stepping) return;
    this.pc = Image.stopPc(startIdx);
    this.next = startIdx;
    this.taken = false;
    this.done = false;
  }

  /** R1 is the context; the other registers keep what was in them. */
  setCtx(ctxOff: number): void {
    this.ctx = ctxOff;
    this.lo[1] = ctxOff;
    this.hi[1] = ctxOff === 0 ? 0 : BASE_HI;
  }

  /** A tail call: the other program takes over, with a frame of its own and R1 as it stands. */
  replace(executable: Executable): void {
    const [lo, hi] = [this.lo[1], this.hi[1]];
    this.#enter(executable, this.stepping);
    this.#rewind(0, this.stepping);
    this.lo[1] = lo;
    this.hi[1] = hi;
    this.ctx = lo >>> 0;
  }

  /** Calls what is attached to a global function; false where nothing is. */
  callPatched(subprog: number): boolean {
    const patched = this.executable.loaded?.slotOf(subprog)?.patched;
    if (patched === undefined) return false;
    patched(this.regs);
    return true;
  }

  /** The error for a ninth frame. */
  tooDeep(pc: number): FaultError {
    return new FaultError(`the program calls itself too deep: more than ${MAX_FRAMES} frames`, {
      errno: EFAULT,
      insnIdx: Image.insnIdx(pc, this.stepping),
    });
  }

  /** The error to throw for what the loop caught at operation `op`. */
  fault(error: unknown, op: number): unknown {
    const inCall = (op >= OP_CALL_SEXT && op <= OP_CALL_LOCAL) || op === OP_TAIL_CALL;
    if (inCall || !(error instanceof RangeError) || error instanceof BpfError) return error;
    const insnIdx = Image.insnIdx(this.pc, this.stepping);
    return new FaultError(`instruction ${insnIdx} accesses what is no memory`, {
      errno: EFAULT,
      insnIdx,
      cause: error,
    });
  }

  save(): SavedRun {
    const { executable, ctx, pc, next, taken, sp, loops, tailCalls, done } = this;
    const [lo, hi, frames] = [this.lo.slice(), this.hi.slice(), this.frames.slice()];
    return { executable, lo, hi, frames, ctx, pc, next, taken, sp, loops, tailCalls, done };
  }

  restore(saved: SavedRun): void {
    this.#enter(saved.executable, true);
    this.lo.set(saved.lo);
    this.hi.set(saved.hi);
    this.frames.set(saved.frames);
    this.ctx = saved.ctx;
    this.pc = saved.pc;
    this.next = saved.next;
    this.taken = saved.taken;
    this.sp = saved.sp;
    this.loops = saved.loops;
    this.tailCalls = saved.tailCalls;
    this.done = saved.done;
  }
}
