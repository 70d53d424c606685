// SPDX-License-Identifier: MIT
import { MAX_FUNCTION_BYTES, op } from '@tsbpf/wasm';
import { Body } from './body.ts';
import { writeBodyEntry, writeRuns } from './entries.ts';
import { writeFunction } from './function.ts';
import { Shell } from './shell.ts';
import type { OutCall, Source } from './source.ts';
import { TooLargeError } from './too-large.ts';
import { isTailCall, Unit, type ServiceName } from './unit.ts';

/** What a program imports, from `k` and its place in the module. */
export interface ProgramImports {
  readonly outCalls: readonly OutCall[];
  readonly services: ReadonlySet<ServiceName>;
  readonly usesTailCalls: boolean;
}

/** Programs as a Wasm module. */
export interface Translation {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly programs: readonly ProgramImports[];
}

/**
 * Translates programs into one module; those of the same module reach each other by direct tail calls.
 * @errno EINVAL (UsageError) an instruction no engine knows
 * @errno ENOSYS TooLargeError: a function is too large for a Wasm engine
 */
export function translate(sources: readonly Source[]): Translation {
  const tailCalls = sources.map((source) => source.insns.some((_, idx) => isTailCall(source, idx)));
  const shell = new Shell({
    programs: sources.length,
    importsShared: sources[0].importsShared,
    tailCalls: tailCalls.includes(true),
  });
  const units = sources.map(
    (source, index) => new Unit(source, { shell, index, usesTailCalls: tailCalls[index] }, writeFunction),
  );
  for (const unit of units) {
    unit.mains = units.map(({ main }) => main);
    writeProgram(unit);
  }
  return {
    bytes: shell.module.encode(),
    programs: units.map(({ outCalls, services, usesTailCalls }) => ({
      outCalls: [...outCalls.values()],
      services,
      usesTailCalls,
    })),
  };
}

function writeProgram(unit: Unit): void {
  const { source, main } = unit;
  for (const func of unit.funcs.values()) {
    const { fn } = func;
    if (fn === undefined) continue;
    if (source.lastBase !== undefined) {
      fn.localGet(0);
      fn.i32Const(source.lastBase);
      fn.op(op.i32GtU);
      fn.if();
      fn.op(op.unreachable);
      fn.end();
    }
    writeFunction(new Body(unit, fn, func));
    if (fn.codeBytes * 1.1 > MAX_FUNCTION_BYTES) {
      throw new TooLargeError(`the function at instruction ${func.start} is too large for WebAssembly`);
    }
  }
  unit.module.export(unit.exportName('main'), { func: main });
  if (source.kernel !== undefined) writeRuns(unit, main);
  for (const entry of source.entries) writeBodyEntry(unit, entry);
}
