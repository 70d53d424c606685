// SPDX-License-Identifier: MIT
// Bare bytecode, as ubpf runs it: no kernel, no verifier, R1 a memory and R2 its length.
import { decodeInsns, validateBare, type Insn } from '@tsbpf/insn';
import { KernelMemory, offToAddr } from '@tsbpf/memory';
import { EFAULT, ENOMEM, FaultError, MAX_BPF_STACK, UsageError } from '@tsbpf/uapi';
import { ModuleCache } from '../run/module-cache.ts';
import { faultOf } from '../run/fault.ts';
import { requireWasm, supportsTailCalls } from '../run/features.ts';
import { translate } from '../translate/program.ts';
import { exportName } from '../translate/shell.ts';
import { LEVEL, SCRATCH, type OutCall } from '../translate/source.ts';

/** The memory of a bare program, as its helpers see it. */
export interface BareMemory {
  /** A copy of bytes of the program's memory or stack. @errno EFAULT FaultError: they are not all its own */
  read(addr: bigint, lenBytes: number): Uint8Array;
  /** @errno EFAULT FaultError: they are not all its own */
  write(addr: bigint, bytes: Uint8Array): void;
}

/** A helper: R1 to R5 as unsigned 64-bit numbers in, R0 out. */
export type BareHelper = (args: readonly [bigint, bigint, bigint, bigint, bigint], mem: BareMemory) => bigint;

export interface CompileBareOptions {
  /** Instructions, or their bytes, 8 each, little-endian. */
  readonly insns: readonly Insn[] | Uint8Array;
  /** Helpers by the number programs call them by. */
  readonly helpers?: Readonly<Record<number, BareHelper>>;
}

export interface BareInput {
  /** What R1 points at; the program may write it. */
  readonly mem?: Uint8Array;
}

export interface BareResult {
  readonly r0: bigint;
  /** The memory as the program left it. */
  readonly mem: Uint8Array;
}

/** A bare program, compiled; runs any number of times. */
export interface CompiledBare {
  readonly insns: readonly Insn[];
  /** Bytes of the Wasm module. */
  readonly codeBytes: number;
  /** @errno EFAULT FaultError: it left its private memory, or called itself too deep */
  run(input?: BareInput): BareResult;
}

const HELPER_ARGS = [1, 2, 3, 4, 5] as const;

function bareCall(id: number): OutCall {
  return { kind: 'call', number: id, ret: 'words', argCount: 5, wide: HELPER_ARGS, inline: undefined };
}

function big(lo: number, hi: number): bigint {
  return (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
}

/**
 * Compiles bytecode that nobody verified. Its accesses are not checked one by one: a wild one faults or reaches other
 * bytes of the program's private memory, never anything else. An endless loop is endless.
 * @errno EINVAL (UsageError) it is malformed
 * @errno ENOSYS NotSupportedError: there is no WebAssembly, or the program is too large for it
 */
export function compileBare({ insns: given, helpers = {} }: CompileBareOptions): CompiledBare {
  requireWasm();
  const insns = given instanceof Uint8Array ? decodeInsns(given) : [...given];
  validateBare(insns, new Set(Object.keys(helpers).map(Number)));
  const memory = new KernelMemory();
  const scratchOff = memory.alloc(SCRATCH.bytes, { kind: 'jit' });
  const level = memory.alloc(LEVEL.bytes, { kind: 'stack', align: LEVEL.align });
  const base = level + LEVEL.frames;
  const {
    module,
    codeBytes,
    programs: [{ outCalls }],
  } = new ModuleCache().compile(
    translate([
      {
        insns,
        entries: [{ subprog: 0, start: 0, name: 'main' }],
        kernel: undefined,
        sharedMemory: false,
        importsShared: false,
        scratchOff,
        tailCalls: supportsTailCalls(),
        lastBase: level + LEVEL.bytes - MAX_BPF_STACK,
        inlining: false,
        probeMem: () => false,
        call: (idx) => bareCall(insns[idx].imm),
      },
    ]),
  );

  let own: readonly (readonly [start: number, end: number])[] = [];
  const range = (id: number, addr: bigint, lenBytes: number): number => {
    const off = Number(BigInt.asUintN(32, addr));
    const inside = own.some(([start, end]) => off >= start && off + lenBytes <= end);
    if (lenBytes === 0 || (inside && BigInt.asUintN(64, addr) === offToAddr(off))) return off;
    throw new FaultError(`helper ${id} was given ${lenBytes} bytes at 0x${addr.toString(16)}, not the program's own`, {
      errno: EFAULT,
      insnIdx: -1,
      addr,
    });
  };
  const imports: Record<string, WebAssembly.ImportValue> = {
    call: null as unknown as WebAssembly.ImportValue,
    patched: () => 0,
  };
  for (const { number: id } of outCalls) {
    const bareMemory: BareMemory = {
      read: (addr, lenBytes) => memory.readBytes(range(id, addr, lenBytes), lenBytes),
      write: (addr, bytes) => memory.writeBytes(range(id, addr, bytes.length), bytes),
    };
    imports[`h${id}`] = (_call: unknown, ...words: number[]) => {
      const arg = (n: number): bigint => big(words[n - 1], words[n + 4]);
      const r0 = helpers[id]([arg(1), arg(2), arg(3), arg(4), arg(5)], bareMemory);
      memory.view.setInt32(scratchOff + SCRATCH.retHi, Number(BigInt.asIntN(32, r0 >> 32n)), true);
      return Number(BigInt.asIntN(32, r0));
    };
  }
  const instance = new WebAssembly.Instance(module, { k: { mem: memory.wasm }, k0: imports });
  const body0 = instance.exports[exportName(0, 'body0')] as (base: number, ...words: number[]) => number;

  return {
    insns,
    codeBytes,
    run({ mem: bytes = new Uint8Array(0) } = {}) {
      const off = memory.alloc(bytes.length, { kind: 'mem', zero: false });
      if (off === 0) throw new UsageError(`no room for ${bytes.length} bytes of memory`, { errno: ENOMEM });
      try {
        memory.writeBytes(off, bytes);
        memory.fill(base, MAX_BPF_STACK, 0);
        own = [
          [off, off + bytes.length],
          [base, level + LEVEL.bytes],
        ];
        const addr = bytes.length === 0 ? 0n : offToAddr(off);
        const words = [Number(BigInt.asIntN(32, addr)), Number(BigInt.asIntN(32, addr >> 32n)), bytes.length];
        const lo = body0(base, ...words, 0, 0, 0, 0, 0, 0, 0);
        const hi = memory.readS32(scratchOff + SCRATCH.retHi);
        return { r0: big(lo, hi), mem: memory.readBytes(off, bytes.length) };
      } catch (error) {
        throw faultOf(error);
      } finally {
        memory.free(off);
      }
    },
  };
}
