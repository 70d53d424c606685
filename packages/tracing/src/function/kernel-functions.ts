// SPDX-License-Identifier: MIT
// Functions of the simulated kernel whose bodies a script writes.
import { BTF_INT_SIGNED, BTF_KIND_FUNC, BTF_KIND_INT, type Btf, type BtfFuncProto } from '@tsbpf/btf';
import type { CallRegs, KernelServices, TextSymbol } from '@tsbpf/core';
import { EINVAL, ENOENT, ENOSYS, NotSupportedError, UsageError } from '@tsbpf/uapi';
import { Arena, type KernelValue } from './kernel-value.ts';
import type { ProgRun, RunLog } from './run-log.ts';

/** A call of a simulated function, as its body sees it. */
export interface FunctionCall {
  readonly kernel: KernelServices;
  /** Arguments as their types say: signed or not, narrow or wide; pointers as addresses. */
  readonly args: readonly bigint[];
}

/** What a simulated function does; nothing is for void. */
export type FunctionBody = (call: FunctionCall) => KernelValue | void;

/** How a call went. */
export interface CallResult {
  /** What the caller got, as the return type says: signed or not. 0 for void. */
  readonly ret: bigint;
  /** Programs that ran at the function, in order. */
  readonly runs: readonly ProgRun[];
}

/** What probes of a function need of a call. */
export interface FunctionProbes {
  /** On entry. Answers what a program made the function return instead of running. */
  enter(name: string, args: readonly bigint[]): bigint | undefined;
  leave(name: string, ret: bigint): void;
}

const BITS_PER_BYTE = 8;

/** A register as its type says. */
function fromWord(btf: Btf, typeId: number, word: bigint): bigint {
  const id = btf.skipModifiers(typeId);
  if (id === 0) return 0n;
  const bits = btf.resolveSize(id) * BITS_PER_BYTE;
  const type = btf.type(id);
  const signed = type.kind === BTF_KIND_INT && (type.encoding & BTF_INT_SIGNED) !== 0;
  return signed ? BigInt.asIntN(bits, word) : BigInt.asUintN(bits, word);
}

function readWord({ lo, hi }: CallRegs, index: number): bigint {
  return (BigInt((hi[index] ?? 0) >>> 0) << 32n) | BigInt((lo[index] ?? 0) >>> 0);
}

function writeWord(regs: CallRegs, index: number, word: bigint): void {
  regs.lo[index] = Number(BigInt.asIntN(32, word));
  regs.hi[index] = Number(BigInt.asIntN(32, word >> 32n));
}

/** The functions of one kernel that scripts define and call. */
export class KernelFunctions {
  readonly #kernel: KernelServices;
  readonly #log: RunLog;
  readonly #probes: FunctionProbes;

  constructor(kernel: KernelServices, log: RunLog, probes: FunctionProbes) {
    this.#kernel = kernel;
    this.#log = log;
    this.#probes = probes;
  }

  /**
   * Gives a function of the kernel's BTF a body, in place of the one it had.
   * @errno ENOENT UsageError: the BTF has no such function
   */
  define(name: string, body: FunctionBody): void {
    const proto = this.#proto(name);
    this.#symbol(name).entry = (regs) => {
      const { btf } = this.#kernel.types;
      const args = proto.params.map(({ typeId }, i) => fromWord(btf, typeId, readWord(regs, i + 1)));
      const ret = body({ kernel: this.#kernel, args }) ?? 0n;
      // What a result points to was made for good: callers may keep it.
      const word = proto.returnTypeId === 0 ? 0n : new Arena(this.#kernel).word(proto.returnTypeId, ret, name);
      writeWord(regs, 0, word);
    };
  }

  /**
   * Calls a function as the kernel would: its kprobes fire, fentry programs, the body, fexit programs and kretprobes
   * run. Objects made for arguments are freed when it returns.
   * @errno ENOENT UsageError: the BTF has no such function; EINVAL, ERANGE UsageError: arguments that do not fit it
   * @errno ENOSYS NotSupportedError: it has no body
   */
  call(name: string, args: readonly KernelValue[] = []): CallResult {
    const { params, returnTypeId } = this.#proto(name);
    if (args.length !== params.length) {
      throw new UsageError(`${name} takes ${params.length} arguments, not ${args.length}`, { errno: EINVAL });
    }
    const symbol = this.#symbol(name);
    const arena = new Arena(this.#kernel);
    try {
      const words = params.map(({ typeId, name: param }, i) =>
        arena.word(typeId, args[i], `${name}(${param || `arg${i}`})`),
      );
      const { result, runs } = this.#log.during(() => this.#run(symbol, words));
      return { ret: fromWord(this.#kernel.types.btf, returnTypeId, result), runs };
    } finally {
      arena.free();
    }
  }

  #run(symbol: TextSymbol, args: readonly bigint[]): bigint {
    const { name } = symbol;
    const entry = symbol.patched ?? symbol.entry;
    if (symbol.entry === undefined || entry === undefined) {
      throw new NotSupportedError(`${name} has no body: define one before it is called`, {
        errno: ENOSYS,
        feature: name,
      });
    }
    const overridden = this.#probes.enter(name, args);
    if (overridden !== undefined) return overridden;
    const regs: CallRegs = { lo: new Int32Array(args.length + 6), hi: new Int32Array(args.length + 6) };
    args.forEach((word, i) => writeWord(regs, i + 1, word));
    entry(regs);
    const ret = readWord(regs, 0);
    this.#probes.leave(name, ret);
    return ret;
  }

  #proto(name: string): BtfFuncProto {
    const { btf } = this.#kernel.types;
    const id = btf.findByName(name, BTF_KIND_FUNC);
    if (id === undefined) throw new UsageError(`the kernel's BTF has no function ${name}`, { errno: ENOENT });
    return btf.funcProto(id);
  }

  #symbol(name: string): TextSymbol {
    return this.#kernel.text.byName(name) ?? this.#kernel.text.define(name);
  }
}
