// SPDX-License-Identifier: MIT
// Bare bytecode, as ubpf runs it: no kernel, no verifier, R1 a memory and R2 its length.
import type { HelperFn, VerifiedProg } from '@tsbpf/core';
import { decodeInsns, validateBare, type Insn } from '@tsbpf/insn';
import { KernelMemory } from '@tsbpf/memory';
import { EFAULT, EINVAL, ENOMEM, FaultError, MAX_BPF_STACK, UsageError } from '@tsbpf/uapi';
import { liveRange } from '../check/access.ts';
import { Image } from '../code/image.ts';
import { execute } from '../run/execute.ts';
import { RunState, type Executable, type RunHost } from '../run/state.ts';
import { Stepper } from '../run/stepper.ts';

/** The memory of a bare program, as its helpers see it. */
export interface BareMemory {
  /** A copy of bytes the program may read. @errno EFAULT FaultError: they are not all its own */
  read(addr: bigint, lenBytes: number): Uint8Array;
  /** @errno EFAULT FaultError: they are not all its own */
  write(addr: bigint, bytes: Uint8Array): void;
}

/** A helper: R1 to R5 as unsigned 64-bit numbers in, R0 out. */
export type BareHelper = (args: readonly [bigint, bigint, bigint, bigint, bigint], mem: BareMemory) => bigint;

export interface BareOptions {
  /** Instructions, or their bytes, 8 each, little-endian. */
  readonly insns: readonly Insn[] | Uint8Array;
  /** Helpers by the number programs call them by. */
  readonly helpers?: Readonly<Record<number, BareHelper>>;
  /**
   * Validate every access; default true. Without it an access outside of the program's own memory and stack faults or
   * reaches other bytes of the private memory, never anything else; and runs are about twenty times as fast.
   */
  readonly checked?: boolean;
  /** Instructions after which a run faults; needs `checked`. Without it an endless loop is endless. */
  readonly maxInsns?: number;
}

export interface BareInput {
  /** What R1 points at; the program may write it. */
  readonly mem?: Uint8Array;
  /** Initial values by register number, R0 to R9; R1 and R2 here replace the memory's address and length. */
  readonly registers?: readonly (bigint | undefined)[];
}

export interface BareResult {
  readonly r0: bigint;
  /** The memory as the program left it. */
  readonly mem: Uint8Array;
}

/** A bare program, validated and decoded; runs any number of times. */
export interface BareProgram {
  readonly insns: readonly Insn[];
  /** @errno EFAULT FaultError: the program accessed what is not its own, or ran too long */
  run(input?: BareInput): BareResult;
}

function asVerified(insns: readonly Insn[]): VerifiedProg {
  return {
    insns,
    origIdx: Int32Array.from(insns, (_, idx) => idx),
    aux: [],
    subprogs: [
      {
        start: 0,
        stackDepth: MAX_BPF_STACK,
        name: 'main',
        typeId: 0,
        linkage: 'static',
        unreliable: false,
        hasTailCall: false,
      },
    ],
    lineInfo: [],
    usedMaps: [],
    cbAccess: false,
    maxPktOffset: 0,
    maxCtxOffset: 0,
    maxTpAccess: 0,
    dstNeeded: false,
    overridesReturn: false,
    enforceExpectedAttachType: false,
    cgroupStorage: [undefined, undefined],
  };
}

function wordsToBig(lo: number, hi: number): bigint {
  return (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
}

function helperFn(id: number, helper: BareHelper, mem: KernelMemory, run: () => RunState): HelperFn {
  const range = (addr: bigint, lenBytes: number, write: boolean): number => {
    const found = lenBytes === 0 ? { off: 0 } : liveRange(mem, BigInt.asUintN(64, addr), lenBytes, write);
    if (typeof found !== 'string') return found.off;
    throw new FaultError(`helper ${id} was given ${lenBytes} bytes ${found} at 0x${addr.toString(16)}`, {
      errno: EFAULT,
      insnIdx: Image.insnIdx(run().pc, run().stepping),
      addr,
    });
  };
  const memory: BareMemory = {
    read: (addr, lenBytes) => mem.readBytes(range(addr, lenBytes, false), lenBytes),
    write: (addr, bytes) => mem.writeBytes(range(addr, bytes.length, true), bytes),
  };
  return (call, ...lo) => {
    const arg = (i: number): bigint => wordsToBig(lo[i - 1], call.argHi[i]);
    const r0 = helper([arg(1), arg(2), arg(3), arg(4), arg(5)], memory);
    call.retHi = Number(BigInt.asIntN(32, r0 >> 32n));
    return Number(BigInt.asIntN(32, r0));
  };
}

/**
 * Validates and decodes a bare program.
 * @errno EINVAL (UsageError) it is malformed; see {@link validateBare}
 */
export function loadBare(options: BareOptions): BareProgram {
  const { helpers = {}, checked = true, maxInsns } = options;
  if (maxInsns !== undefined && !checked) {
    throw new UsageError('a limit of instructions needs checked mode', { errno: EINVAL });
  }
  const insns = options.insns instanceof Uint8Array ? decodeInsns(options.insns) : [...options.insns];
  validateBare(insns, new Set(Object.keys(helpers).map(Number)));
  const mem = new KernelMemory();
  const verified = asVerified(insns);
  const image = new Image({
    insns,
    subprogs: verified.subprogs,
    probeMem: () => false,
    link: ({ imm }) => ({
      kind: 'call',
      ret: 'words',
      row: undefined,
      resolve: () => helperFn(imm, helpers[imm], mem, () => run),
    }),
  });
  const executable: Executable = { image, verified, loaded: undefined };
  const host: RunHost = { mem, kernel: undefined, packets: undefined };
  const run = new RunState(host);

  return {
    insns,
    run({ mem: bytes = new Uint8Array(0), registers = [] } = {}) {
      const off = mem.alloc(bytes.length, { kind: 'mem', zero: false });
      if (off === 0) throw new UsageError(`no room for ${bytes.length} bytes of memory`, { errno: ENOMEM });
      try {
        mem.writeBytes(off, bytes);
        mem.fill(run.stackOff, MAX_BPF_STACK, 0);
        run.begin(executable, 0, checked);
        run.lo.fill(0, 0, 10);
        run.hi.fill(0, 0, 10);
        run.setCtx(bytes.length > 0 ? off : 0);
        run.lo[2] = bytes.length;
        registers.forEach((value, reg) => {
          if (value === undefined) return;
          if (reg > 9) throw new UsageError(`R${reg} cannot be set`, { errno: EINVAL });
          run.lo[reg] = Number(BigInt.asIntN(32, value));
          run.hi[reg] = Number(BigInt.asIntN(32, value >> 32n));
        });
        if (checked) new Stepper(run, { observers: [], checked, maxInsns }).finish();
        else execute(run);
        return { r0: wordsToBig(run.lo[0], run.hi[0]), mem: mem.readBytes(off, bytes.length) };
      } finally {
        mem.free(off);
      }
    },
  };
}

/** Loads a bare program and runs it once. */
export function runBare(options: BareOptions & BareInput): BareResult {
  return loadBare(options).run(options);
}
