// SPDX-License-Identifier: MIT
// Checked mode: what the verifier promised of each instruction, looked at while it runs.
import { BPF_PROG_TYPE_EXT, EFAULT, FaultError, MAX_BPF_STACK } from '@tsbpf/uapi';
import { insnSize, type Insn } from '@tsbpf/insn';
import type { Link } from '../code/link.ts';
import { STACKS_BYTES, type RunState } from '../run/state.ts';
import { checkHelperArgs } from './helper-args.ts';
import { kindOf, registersRead, registersWritten } from './registers.ts';
import { addressOf, liveRange, type Range } from './access.ts';

/** R1, a context, and R10. */
const AT_START = (1 << 1) | (1 << 10);
const SCRATCH = 0b111110;
const CALLEE_SAVED = 0b1111000000;

export interface SavedChecker {
  readonly written: number;
  readonly callers: readonly number[];
  readonly subprogs: readonly number[];
  readonly stack: Uint8Array;
}

/** Follows one run: which registers and stack bytes have been written, and how deep each frame's stack may go. */
export class Checker {
  readonly #run: RunState;
  /** Registers written, as bits. */
  #written = AT_START;
  /** The same of the calling frames. */
  #callers: number[] = [];
  #subprogs: number[] = [];
  /** 1 for each byte of the stacks that was written. */
  readonly #stack = new Uint8Array(STACKS_BYTES);

  constructor(run: RunState) {
    this.#run = run;
    const subprog = run.executable.image.subprogAt(run.next);
    this.#subprogs = [subprog];
    // A function that is called from outside has all five arguments. So has an extension, which replaces one.
    const isFunction = subprog > 0 || run.executable.loaded?.prog.type === BPF_PROG_TYPE_EXT;
    if (isFunction || run.executable.loaded === undefined) this.#written |= SCRATCH;
    if (run.executable.loaded === undefined) this.#written |= CALLEE_SAVED | 1;
  }

  save(): SavedChecker {
    return {
      written: this.#written,
      callers: [...this.#callers],
      subprogs: [...this.#subprogs],
      stack: this.#stack.slice(),
    };
  }

  restore(saved: SavedChecker): void {
    this.#written = saved.written;
    this.#callers = [...saved.callers];
    this.#subprogs = [...saved.subprogs];
    this.#stack.set(saved.stack);
  }

  /** @errno EFAULT FaultError: the instruction may not run */
  before(idx: number, link: Link | undefined): void {
    const run = this.#run;
    const { source } = run.executable.image;
    const insn = source.insns[idx];
    if (insn === undefined) throw this.fault(idx, `the program runs past its end`);
    const unwritten = registersRead(insn, this.#savesRegister(idx, insn)) & ~this.#written;
    if (unwritten !== 0)
      throw this.fault(idx, `R${31 - Math.clz32(unwritten & -unwritten)} is read, but was not written`);
    const access = kindOf(insn);
    if (access === 'load' && source.probeMem(idx)) return;
    if (access !== undefined) {
      const reg = access === 'load' ? insn.src : insn.dst;
      const addr = addressOf(run, reg, insn.off);
      const range = this.range(idx, addr, insnSize(insn), access !== 'load');
      if (access !== 'store') this.read(idx, range);
    }
    if (link?.kind === 'call' && link.row !== undefined) checkHelperArgs(this, run, idx, link.row, this.#written);
  }

  /** Takes note of what the instruction wrote; `tailCalled`: it was a tail call that reached a program. */
  after(insn: Insn, link: Link | undefined, tailCalled: boolean): void {
    const run = this.#run;
    // From a function that is not main the program has run already, and R0 is its result.
    if (tailCalled) this.#written |= 1;
    if (tailCalled && this.#callers.length === 0) {
      this.#written = AT_START;
      this.#callers = [];
      this.#subprogs = [0];
      this.#stack.fill(0);
      return;
    }
    const depth = this.#callers.length;
    if (run.sp > depth) return this.#push(run.sp);
    if (run.sp < depth) return this.#pop();
    const access = kindOf(insn);
    if (access === 'store' || access === 'update') {
      this.wrote({ off: Number(addressOf(run, insn.dst, insn.off) & 0xffffffffn), lenBytes: insnSize(insn) });
    }
    if (link !== undefined) {
      this.#written = (this.#written & ~(SCRATCH | 1)) | (link.row?.proto.ret === 'RET_VOID' ? 0 : 1);
      return;
    }
    const { set, cleared } = registersWritten(insn);
    this.#written = (this.#written & ~cleared) | set;
  }

  /** The bytes at an address, all alive and, to write them, writable. @errno EFAULT FaultError */
  range(idx: number, addr: bigint, lenBytes: number, write: boolean): Range {
    const { mem, stackOff, sp } = this.#run;
    const found = liveRange(mem, addr, lenBytes, write);
    if (typeof found === 'string') throw this.fault(idx, `${lenBytes} bytes ${found}`, addr);
    const at = found.off - stackOff;
    if (at < 0 || at >= STACKS_BYTES) return found;
    const frame = Math.floor(at / MAX_BPF_STACK);
    if (frame > sp) throw this.fault(idx, `${lenBytes} bytes in the stack of a function that returned`, addr);
    const depth = Math.ceil(this.#run.executable.image.stackDepth(this.#subprogs[frame] ?? 0) / 8) * 8;
    const below = (frame + 1) * MAX_BPF_STACK - at;
    if (below > depth)
      throw this.fault(idx, `the stack ${below} bytes below its top, of which ${depth} are used`, addr);
    if (below < lenBytes) throw this.fault(idx, `${lenBytes} bytes across the top of a stack`, addr);
    return found;
  }

  /** @errno EFAULT FaultError: a stack byte in the range was never written */
  read(idx: number, { off, lenBytes }: Range): void {
    if (this.#run.executable.loaded === undefined) return;
    const at = off - this.#run.stackOff;
    if (at < 0 || at >= STACKS_BYTES) return;
    for (let i = at; i < at + lenBytes; i++) {
      if (this.#stack[i] === 0) {
        const addr = this.#run.mem.toAddr(this.#run.stackOff + i);
        throw this.fault(idx, 'a byte of the stack is read, but was not written', addr);
      }
    }
  }

  /** Notes that bytes of the stack have a value now. */
  wrote({ off, lenBytes }: Range): void {
    const at = off - this.#run.stackOff;
    if (at >= 0 && at < STACKS_BYTES) this.#stack.fill(1, at, at + lenBytes);
  }

  fault(idx: number, what: string, addr?: bigint): FaultError {
    const where = addr === undefined ? '' : ` at 0x${addr.toString(16).padStart(16, '0')}`;
    return new FaultError(`instruction ${idx}: ${what}${where}`, { errno: EFAULT, insnIdx: idx, addr });
  }

  /**
   * Whether a store belongs to instructions the kernel put around one of the program's, where it may park a register
   * that the program never wrote.
   */
  #savesRegister(idx: number, insn: Insn): boolean {
    const { origIdx } = this.#run.executable.verified;
    const orig = origIdx[idx];
    return (insn.code & 7) === 3 && (origIdx[idx - 1] === orig || origIdx[idx + 1] === orig);
  }

  #push(sp: number): void {
    const run = this.#run;
    this.#callers.push(this.#written);
    this.#written &= ~(CALLEE_SAVED | 1);
    this.#subprogs.push(run.executable.image.subprogAt(run.next));
    this.#stack.fill(0, sp * MAX_BPF_STACK, (sp + 1) * MAX_BPF_STACK);
  }

  #pop(): void {
    const r0 = this.#written & 1;
    this.#written = ((this.#callers.pop() ?? 0) & ~(SCRATCH | 1)) | r0;
    this.#subprogs.pop();
  }
}
