// SPDX-License-Identifier: MIT
import { InternalError } from '@tsbpf/uapi';
import { MAX_FUNCTION_BYTES, op } from '@tsbpf/wasm';
import { Body } from './body.ts';
import { writeBodyEntry, writeRuns } from './entries.ts';
import { writeFunction } from './function.ts';
import type { OutCall, Source } from './source.ts';
import { TooLargeError } from './too-large.ts';
import { Unit, type ServiceName } from './unit.ts';

/** A program as a Wasm module. */
export interface Translation {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** What the module imports: calls by number, and services. */
  readonly outCalls: readonly OutCall[];
  readonly services: ReadonlySet<ServiceName>;
  readonly usesTailCalls: boolean;
}

/**
 * Translates a program.
 * @errno EINVAL (UsageError) an instruction no engine knows
 * @errno ENOSYS TooLargeError: a function is too large for a Wasm engine
 */
export function translate(source: Source): Translation {
  const unit = new Unit(source, writeFunction);
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
  const main = unit.funcAt(source.entries[0].start).fn;
  if (main === undefined) throw new InternalError('the main function has no code');
  unit.module.export('main', { func: main });
  if (source.kernel !== undefined) writeRuns(unit, main);
  for (const entry of source.entries) writeBodyEntry(unit, entry);
  return {
    bytes: unit.module.encode(),
    outCalls: [...unit.outCalls.values()],
    services: unit.services,
    usesTailCalls: unit.usesTailCalls,
  };
}
