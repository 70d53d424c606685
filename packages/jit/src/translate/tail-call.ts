// SPDX-License-Identifier: MIT
// bpf_tail_call: R1 the context, R2 a prog array, R3 an index (its low word).
// @see kernel/bpf/core.c, JMP_TAIL_CALL
import type { BpfMap } from '@tsbpf/core';
import { MAX_TAIL_CALL_CNT } from '@tsbpf/uapi';
import { I32, memOp, op } from '@tsbpf/wasm';
import type { Body } from './body.ts';
import { pushHigh, wasmCall } from './call-site.ts';
import { LEVEL, PROG_TABLE_IDX, SCRATCH } from './source.ts';
import { withTemp } from './temp.ts';

/** The parameter of a main function that counts tail calls so far. */
const TAIL_CALLS_PARAM = 2;

/** Goes on behind the call where there is no target, or where there were too many calls. */
export function emitTailCall(body: Body, idx: number, map: BpfMap | undefined): void {
  // A subprogram's frame is not the first of its stacks: the target gets stacks of its own.
  const isMain = body.func.subprog === 0 && body.exit === undefined;
  if (isMain && body.unit.source.tailCalls) emitReplace(body, idx, map);
  else {
    emitNested(body);
    body.fn.if();
    leaveWithScratch(body);
    body.fn.end();
  }
}

/** Runs the target to its end; pushes whether there was one. */
function emitNested(body: Body): void {
  const { fn, unit } = body;
  body.low(2);
  body.low(3);
  body.low(1);
  body.high(1);
  fn.localGet(body.base);
  fn.call(unit.service('tailNested'));
}

function leaveWithScratch(body: Body): void {
  const { fn, unit } = body;
  fn.i32Const(unit.source.scratchOff + SCRATCH.retLo);
  fn.memory(memOp.i32Load);
  pushHigh(fn, unit.source.scratchOff);
  body.set(0);
  body.leave();
}

/** Pushes the address of the count of tail calls in memory. */
function pushCountAddress(body: Body): void {
  const { fn } = body;
  fn.localGet(body.base);
  fn.i32Const(-LEVEL.align);
  fn.op(op.i32And);
}

/** Leaves the count that a main function was called with where JavaScript and other functions find it. */
export function storeTailCalls(body: Body): void {
  const { fn } = body;
  pushCountAddress(body);
  fn.localGet(TAIL_CALLS_PARAM);
  fn.memory(memOp.i32Store, LEVEL.tailCalls);
}

/** From the main function: the target takes over its frame. */
function emitReplace(body: Body, idx: number, map: BpfMap | undefined): void {
  const { fn, unit } = body;
  const none = fn.block();
  if (unit.nestsTailCalls) {
    pushCountAddress(body);
    fn.memory(memOp.i32Load, LEVEL.tailCalls);
    fn.localSet(TAIL_CALLS_PARAM);
  }
  fn.localGet(TAIL_CALLS_PARAM);
  fn.i32Const(MAX_TAIL_CALL_CNT);
  fn.op(op.i32GtU);
  fn.brIf(none);
  if (map !== undefined) {
    body.low(3);
    fn.i32Const(map.maxEntries);
    fn.op(op.i32GeU);
    fn.brIf(none);
  }
  withTemp(fn, I32, (target) => {
    /** Counts the call, and pushes what the target takes. */
    const count = (): void => {
      fn.localGet(TAIL_CALLS_PARAM);
      fn.i32Const(1);
      fn.op(op.i32Add);
      fn.localSet(TAIL_CALLS_PARAM);
      // Whoever waits for the end of the run may ask how many there were.
      storeTailCalls(body);
      fn.localGet(body.base);
      body.get(1);
      fn.localGet(TAIL_CALLS_PARAM);
    };
    /** Asks JavaScript for the target; goes on only where it is one of this engine. */
    const ask = (): void => {
      body.low(2);
      body.low(3);
      fn.call(unit.service('tailTarget'));
      fn.localTee(target);
      fn.op(op.i32Eqz);
      fn.brIf(none);
      fn.localGet(target);
      fn.i32Const(0);
      fn.op(op.i32LtS);
      fn.if();
      storeTailCalls(body);
      emitNested(body);
      fn.op(op.drop);
      leaveWithScratch(body);
      fn.end();
    };
    if (map?.def.ops.emitWasm?.(wasmCall(body), 'tailCallTarget', map) === true) {
      fn.localTee(target);
      fn.op(op.i32Eqz);
      fn.brIf(none);
      for (const { progOff, index } of unit.source.tailTargets?.(idx) ?? []) {
        fn.localGet(target);
        fn.i32Const(progOff);
        fn.op(op.i32Eq);
        fn.if();
        count();
        fn.returnCall(unit.mains[index]);
        fn.end();
      }
      fn.localGet(target);
      fn.memory(memOp.i32Load, PROG_TABLE_IDX);
      fn.localTee(target);
      fn.op(op.i32Eqz);
      fn.if();
      ask();
      fn.end();
    } else {
      ask();
    }
    count();
    fn.localGet(target);
    fn.returnCallIndirect(unit.tailType);
  });
  fn.end();
}
