// SPDX-License-Identifier: MIT
import type { VerifiedProg } from '@tsbpf/core';
import type { Linker } from '../link/linker.ts';
import { translate } from '../translate/program.ts';
import type { EntryPoint, Source } from '../translate/source.ts';
import type { Engine } from './engine.ts';
import type { Compiled } from './module-cache.ts';

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

/** What is compiled of a program: its traced functions are not inlined. */
export interface Compilable {
  readonly verified: VerifiedProg;
  readonly linker: Linker;
  readonly traced: ReadonlySet<number>;
}

/** What is translated of a program. Helpers that are overridden now are not inlined. */
export function sourceOf(engine: Engine, { verified, linker, traced }: Compilable): Source {
  linker.outlined = linker.overridden();
  return {
    insns: verified.insns,
    entries: entryPoints(verified, traced),
    kernel: engine.kernel,
    sharedMemory: engine.sharedMemory,
    importsShared: engine.importsShared,
    scratchOff: engine.scratchOff,
    tailCalls: engine.tailCalls,
    inlining: true,
    probeMem: (idx) => verified.aux[idx]?.probeMem ?? false,
    call: (idx) => linker.call(idx),
  };
}

/**
 * The module of a program alone on this engine, from the cache or made now.
 * @errno ENOSYS TooLargeError
 */
export function compileFor(engine: Engine, program: Compilable): Compiled {
  const { verified, linker, traced } = program;
  const key = `${[...linker.overridden()].sort().join()} ${[...traced].sort().join()}`;
  let modules = engine.modules.get(verified);
  if (modules === undefined) engine.modules.set(verified, (modules = new Map<string, Compiled>()));
  let compiled = modules.get(key);
  if (compiled === undefined) {
    compiled = engine.cache.compile(translate([sourceOf(engine, program)]));
    modules.set(key, compiled);
  }
  return compiled;
}
