// SPDX-License-Identifier: MIT
import { subprogTarget, type Insn } from '@tsbpf/insn';
import { BPF_PSEUDO_CALL, ENOSYS, InternalError, MAX_BPF_STACK, NotSupportedError } from '@tsbpf/uapi';
import { I64, op } from '@tsbpf/wasm';
import { Body } from './body.ts';
import { pushHigh, wasmCall, widen } from './call-site.ts';
import type { OutCall } from './source.ts';
import { emitTailCall } from './tail-call.ts';
import type { UnitFunc } from './unit.ts';

/** Writes the call at `idx`. */
export function emitCall(body: Body, insn: Insn, idx: number): void {
  const to = subprogTarget(insn, idx);
  if (to !== undefined) return emitLocalCall(body, body.unit.funcAt(to));
  if (insn.src !== 0) {
    const what = insn.src === BPF_PSEUDO_CALL + 1 ? 'kernel functions called by BTF id' : `calls of kind ${insn.src}`;
    throw new NotSupportedError(`instruction ${idx}: ${what} are not supported`, { errno: ENOSYS, feature: what });
  }
  const link = body.unit.source.call(idx);
  if (link.kind === 'tailCall') return emitTailCall(body, idx, link.map);
  const otherwise = (): void => emitOutCall(body, link);
  if (link.inline?.(wasmCall(body, { otherwise })) !== true) otherwise();
  body.set(0);
  body.forgetCallerSaved();
}

function emitOutCall(body: Body, call: OutCall): void {
  const { fn, unit } = body;
  fn.globalGet(unit.callGlobal);
  for (let arg = 1; arg <= call.argCount; arg++) body.low(arg);
  for (const arg of call.wide) body.high(arg);
  fn.call(unit.outCall(call));
  widen(fn, call.ret, unit.source.scratchOff);
}

function emitLocalCall(body: Body, func: UnitFunc): void {
  const { fn, unit } = body;
  if (func.inlined) {
    const exit = fn.block();
    const copy = new Body(unit, fn, func, { body, exit });
    unit.writeFunction(copy);
    copy.end();
    fn.end();
    body.forgetCallerSaved();
    return;
  }
  const direct = (): void => {
    fn.localGet(body.base);
    fn.i32Const(body.bias + MAX_BPF_STACK);
    fn.op(op.i32Add);
    for (let reg = 1; reg <= 5; reg++) if ((func.args & (1 << reg)) !== 0) body.get(reg);
    if (func.fn === undefined) throw new InternalError(`function ${func.start} has no code`);
    fn.call(func.fn);
  };
  const { subprog } = func;
  if (subprog === undefined || subprog === 0) direct();
  else {
    // A global function: what is attached to it answers in its place.
    fn.globalGet(unit.patchedFlag(subprog));
    fn.if(I64);
    fn.i32Const(subprog);
    for (let reg = 1; reg <= 5; reg++) {
      body.low(reg);
      body.high(reg);
    }
    fn.call(unit.service('patched'));
    pushHigh(fn, unit.source.scratchOff);
    fn.else();
    direct();
    fn.end();
  }
  body.set(0);
  body.forgetCallerSaved();
}
