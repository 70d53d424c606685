// SPDX-License-Identifier: MIT
import type { KernelServices, VerifiedProg } from '@tsbpf/core';
import { InternalError } from '@tsbpf/uapi';
import type { Linker } from '../link/linker.ts';
import { translate, type Translation } from '../translate/program.ts';
import type { EntryPoint } from '../translate/source.ts';
import type { Engine } from './engine.ts';

/** A translated program, compiled: instances of it differ in what they are linked to. */
export interface Compiled extends Omit<Translation, 'bytes'> {
  readonly module: WebAssembly.Module;
  readonly codeBytes: number;
}

/** Functions that something may be attached to: main, the global ones, and the static ones that BTF describes. */
export function slotFunctions({ subprogs }: VerifiedProg): EntryPoint[] {
  return subprogs.flatMap(({ start, name, linkage, typeId }, subprog) =>
    subprog === 0 || linkage === 'global' || typeId !== 0 ? [{ subprog, start, name }] : [],
  );
}

/** Functions entered from outside: main, the global ones, and of the static ones, which are inlined else, those named. */
export function entryPoints(verified: VerifiedProg, traced: ReadonlySet<number>): EntryPoint[] {
  const { subprogs } = verified;
  return slotFunctions(verified).filter(
    ({ subprog }) => subprog === 0 || subprogs[subprog].linkage === 'global' || traced.has(subprog),
  );
}

/** Compiles a module. A refusal is our own defect: what is too large never comes here. */
export function compileModule({ bytes, ...rest }: Translation): Compiled {
  try {
    return { ...rest, module: new WebAssembly.Module(bytes), codeBytes: bytes.length };
  } catch (cause) {
    throw new InternalError('the Wasm engine refuses a translated program', { cause });
  }
}

/**
 * The module of a program on this engine, from the cache or made now. Overridden helpers and traced
 * functions are not inlined.
 * @errno ENOSYS TooLargeError
 */
export function compileFor(
  engine: Engine,
  verified: VerifiedProg,
  linker: Linker,
  traced: ReadonlySet<number>,
): Compiled {
  const outlined = linker.overridden();
  linker.outlined = outlined;
  const key = `${[...outlined].sort().join()} ${[...traced].sort().join()}`;
  let modules = engine.modules.get(verified);
  if (modules === undefined) engine.modules.set(verified, (modules = new Map<string, Compiled>()));
  let compiled = modules.get(key);
  if (compiled === undefined) {
    compiled = compileModule(
      translate({
        insns: verified.insns,
        entries: entryPoints(verified, traced),
        kernel: engine.kernel satisfies KernelServices,
        sharedMemory: engine.sharedMemory,
        importsShared: engine.importsShared,
        scratchOff: engine.scratchOff,
        tailCalls: engine.tailCalls,
        inlining: true,
        probeMem: (idx) => verified.aux[idx]?.probeMem ?? false,
        call: (idx) => linker.call(idx),
      }),
    );
    modules.set(key, compiled);
  }
  return compiled;
}
