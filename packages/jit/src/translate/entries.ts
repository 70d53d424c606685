// SPDX-License-Identifier: MIT
// What JavaScript calls: no i64 in any signature.
import { KERNEL_BASE } from '@tsbpf/memory';
import { InternalError } from '@tsbpf/uapi';
import { I32, I64, memOp, op, type FunctionBuilder } from '@tsbpf/wasm';
import { blockArgAt, pushLevel } from './level.ts';
import { LEVEL, SCRATCH, type EntryPoint } from './source.ts';
import { Body } from './body.ts';
import type { Unit } from './unit.ts';

/** Pushes the address of an offset in a local: 0 is NULL. */
function pushAddress(fn: FunctionBuilder, off: number): void {
  fn.localGet(off);
  fn.op(op.i64ExtendI32U);
  fn.i64Const(BigInt.asIntN(64, KERNEL_BASE));
  fn.op(op.i64Or);
  fn.i64ConstS32(0);
  fn.localGet(off);
  fn.op(op.select);
}

/** Pushes what two i32 locals make. */
function pushWords(fn: FunctionBuilder, lo: number): void {
  fn.localGet(lo);
  fn.op(op.i64ExtendI32U);
  fn.localGet(lo + 1);
  fn.op(op.i64ExtendI32U);
  fn.i64ConstS32(32);
  fn.op(op.i64Shl);
  fn.op(op.i64Or);
}

/**
 * `run(ctx, base) → low word of R0` and `batch(ctx, stride, count, results, base)`; both leave R0 in the globals `r0Lo`
 * and `r0Hi`. A small main function stands in the loop of a batch
 * itself.
 */
export function writeRuns(unit: Unit, main: FunctionBuilder): void {
  const { module } = unit;
  const lo = module.global({ type: I32, mutable: true }, { i32: 0 });
  const hi = module.global({ type: I32, mutable: true }, { i32: 0 });
  module.export(unit.exportName('r0Lo'), { global: lo });
  module.export(unit.exportName('r0Hi'), { global: hi });

  /** Leaves R0 in the globals. */
  const keepR0 = (fn: FunctionBuilder, r0: number): void => {
    fn.localGet(r0);
    fn.i64ConstS32(32);
    fn.op(op.i64ShrU);
    fn.op(op.i32WrapI64);
    fn.globalSet(hi);
    fn.localGet(r0);
    fn.op(op.i32WrapI64);
    fn.globalSet(lo);
  };
  const run = module.func({ name: 'run', params: [I32, I32], results: [I32], exportAs: unit.exportName('run') });
  run.localGet(1);
  pushAddress(run, 0);
  run.i32Const(0);
  run.call(main);
  const last = run.local(I64);
  run.localSet(last);
  keepR0(run, last);
  run.localGet(last);
  run.op(op.i32WrapI64);

  writeBatch(unit, main, keepR0);
}

/** Main functions of at most so many instructions are part of the loop of a batch. */
const PLACED_INSNS = 512;

function writeBatch(unit: Unit, main: FunctionBuilder, keepR0: (fn: FunctionBuilder, r0: number) => void): void {
  const { module } = unit;
  const [ctx, stride, count, results, base] = [0, 1, 2, 3, 4];
  const batch = module.func({ name: 'batch', params: [I32, I32, I32, I32, I32], exportAs: unit.exportName('batch') });
  const r0 = batch.local(I64, 'r0');
  const address = batch.local(I64, 'r1');
  const done = batch.block();
  const again = batch.loop();
  batch.localGet(count);
  batch.op(op.i32Eqz);
  batch.brIf(done);
  if (unit.outCalls.size > 0 || unit.usesTailCalls) {
    batch.i32Const(unit.source.scratchOff);
    batch.localGet(ctx);
    batch.memory(memOp.i32Store, SCRATCH.batchCtx);
  }
  pushAddress(batch, ctx);
  batch.localSet(address);
  // What is attached to main runs in its place.
  batch.globalGet(unit.patchedFlag(0));
  batch.if();
  batch.i32Const(0);
  batch.localGet(ctx);
  batch.localGet(address);
  batch.i64ConstS32(32);
  batch.op(op.i64ShrU);
  batch.op(op.i32WrapI64);
  for (let i = 0; i < 8; i++) batch.i32Const(0);
  batch.call(unit.service('patched'));
  batch.op(op.i64ExtendI32U);
  batch.i32Const(unit.source.scratchOff + SCRATCH.retHi);
  batch.memory(memOp.i64Load32U);
  batch.i64ConstS32(32);
  batch.op(op.i64Shl);
  batch.op(op.i64Or);
  batch.localSet(r0);
  batch.else();
  const func = unit.funcAt(unit.source.entries[0].start);
  // Tail calls replace the frame of a function; a dispatcher begins with locals that are zero.
  const small = func.graph.insnCount <= PLACED_INSNS && func.blockArgs === 0;
  if (small && !unit.usesTailCalls && func.order.reducible) {
    const exit = batch.block();
    const body = new Body(unit, batch, func, { base, ctx: address, r0, exit });
    unit.writeFunction(body);
    body.end();
    batch.end();
  } else {
    batch.localGet(base);
    batch.localGet(address);
    batch.i32Const(0);
    batch.call(main);
    batch.localSet(r0);
  }
  batch.end();
  batch.localGet(results);
  batch.localGet(r0);
  batch.op(op.i32WrapI64);
  batch.memory(memOp.i32Store);
  for (const [local, step] of [
    [ctx, stride],
    [results, undefined],
  ] as const) {
    batch.localGet(local);
    if (step === undefined) batch.i32Const(4);
    else batch.localGet(step);
    batch.op(op.i32Add);
    batch.localSet(local);
  }
  batch.localGet(count);
  batch.i32Const(1);
  batch.op(op.i32Sub);
  batch.localSet(count);
  batch.br(again);
  batch.end();
  batch.end();
  keepR0(batch, r0);
}

/** `bodyN(base, words of R1 to R5) → low word of R0`, the high one in the scratch area: entry behind the slot. */
export function writeBodyEntry(unit: Unit, entry: EntryPoint): void {
  const func = unit.funcAt(entry.start);
  if (func.fn === undefined) throw new InternalError(`entry ${entry.name} has no code`);
  const params = new Array<typeof I32>(11).fill(I32);
  const name = `body${entry.subprog}`;
  const fn = unit.module.func({ name, params, results: [I32], exportAs: unit.exportName(name) });
  const r0 = fn.local(I64);
  for (let reg = 2; reg <= 5; reg++) {
    if ((func.blockArgs & (1 << reg)) === 0) continue;
    pushLevel(fn, 0);
    pushWords(fn, 2 * reg - 1);
    fn.memory(memOp.i64Store, blockArgAt(reg));
  }
  fn.localGet(0);
  for (let reg = 1; reg <= 5; reg++) if ((func.args & (1 << reg)) !== 0) pushWords(fn, 2 * reg - 1);
  if (entry.subprog === 0 && unit.source.kernel !== undefined) {
    pushLevel(fn, 0);
    fn.memory(memOp.i32Load, LEVEL.tailCalls);
  }
  fn.call(func.fn);
  fn.localSet(r0);
  fn.i32Const(unit.source.scratchOff + SCRATCH.retHi);
  fn.localGet(r0);
  fn.i64ConstS32(32);
  fn.op(op.i64ShrU);
  fn.op(op.i32WrapI64);
  fn.memory(memOp.i32Store);
  fn.localGet(r0);
  fn.op(op.i32WrapI64);
}
