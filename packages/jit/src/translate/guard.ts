// SPDX-License-Identifier: MIT
import type { Operand } from '../cfg/check.ts';
import type { Guard } from '../cfg/graph.ts';
import { InternalError } from '@tsbpf/uapi';
import { op } from '@tsbpf/wasm';
import type { Body } from './body.ts';
import { comparison } from './jump.ts';

/** Makes the limits of a guard, and pushes whether all its checks hold. */
export function emitGuard(body: Body, { limits, checks }: Guard): void {
  const { fn } = body;
  for (const { id, wide, of } of limits) {
    pushOperand(body, of, wide);
    fn.localSet(body.turns.limit(id, wide));
  }
  checks.forEach(({ wide, relation, left, right }, i) => {
    pushOperand(body, left, wide);
    pushOperand(body, right, wide);
    const opcode = comparison(relation, wide);
    if (opcode === undefined) throw new InternalError(`a guard compares by ${relation}`);
    fn.op(opcode);
    if (i > 0) fn.op(op.i32And);
  });
}

function pushConstant({ fn }: Body, value: bigint, wide: boolean): void {
  if (wide) fn.i64Const(BigInt.asIntN(64, value));
  else fn.i32Const(Number(BigInt.asIntN(32, value)));
}

function pushOperand(body: Body, operand: Operand, wide: boolean): void {
  const { fn } = body;
  const push = (reg: number): void => (wide ? body.get(reg) : body.low(reg));
  switch (operand.kind) {
    case 'constant':
      return pushConstant(body, operand.value, wide);
    case 'limit':
      return fn.localGet(body.turns.limit(operand.id, wide));
    case 'sum':
      push(operand.reg);
      if (operand.minus !== undefined) {
        push(operand.minus);
        fn.op(wide ? op.i64Sub : op.i32Sub);
      }
      if (operand.add === 0n) return;
      pushConstant(body, operand.add, wide);
      fn.op(wide ? op.i64Add : op.i32Add);
  }
}
