// SPDX-License-Identifier: MIT
// Division and remainder. WebAssembly traps where BPF has results: by zero (0, and the dividend), and the least number
// by -1 (itself, and 0). @see Documentation/bpf/standardization/instruction-set.rst
import { usesSrcReg, type Insn } from '@tsbpf/insn';
import { BPF_DIV } from '@tsbpf/uapi';
import { I32, I64, op, type PlainOp } from '@tsbpf/wasm';
import type { Body } from './body.ts';
import { withTemp } from './temp.ts';

interface Width {
  readonly type: typeof I32 | typeof I64;
  readonly divU: PlainOp;
  readonly divS: PlainOp;
  readonly remU: PlainOp;
  readonly remS: PlainOp;
  readonly sub: PlainOp;
  readonly eq: PlainOp;
}

const W64: Width = {
  type: I64,
  divU: op.i64DivU,
  divS: op.i64DivS,
  remU: op.i64RemU,
  remS: op.i64RemS,
  sub: op.i64Sub,
  eq: op.i64Eq,
};
const W32: Width = {
  type: I32,
  divU: op.i32DivU,
  divS: op.i32DivS,
  remU: op.i32RemU,
  remS: op.i32RemS,
  sub: op.i32Sub,
  eq: op.i32Eq,
};

export function emitDivision(body: Body, insn: Insn, wide: boolean): void {
  const { fn } = body;
  const { dst, src, imm } = insn;
  const w = wide ? W64 : W32;
  const isDiv = (insn.code & 0xf0) === BPF_DIV;
  const signed = insn.off === 1;
  const constant = (value: number): void => (wide ? fn.i64ConstS32(value) : fn.i32Const(value));
  const dividend = (): void => (wide ? body.get(dst) : body.low(dst));
  const done = (): void => (wide ? body.set(dst) : body.setZext(dst));

  /** Divides by what `divisor` pushes, which is not zero. `minusOne`: it may be -1. */
  const divide = (divisor: () => void, minusOne: boolean): void => {
    const plain = (): void => {
      dividend();
      divisor();
      fn.op(isDiv ? (signed ? w.divS : w.divU) : signed ? w.remS : w.remU);
    };
    // The remainder by -1 does not trap.
    if (!signed || !isDiv || !minusOne) return plain();
    divisor();
    constant(-1);
    fn.op(w.eq);
    fn.if(w.type);
    constant(0);
    dividend();
    fn.op(w.sub);
    fn.else();
    plain();
    fn.end();
  };
  const byZero = (): void => (isDiv ? constant(0) : dividend());

  if (!usesSrcReg(insn)) {
    if (imm === 0) byZero();
    else divide(() => constant(imm), imm === -1);
    return done();
  }
  withTemp(fn, w.type, (divisor) => {
    if (wide) body.get(src);
    else body.low(src);
    fn.localTee(divisor);
    fn.op(wide ? op.i64Eqz : op.i32Eqz);
    fn.if(w.type);
    byZero();
    fn.else();
    divide(() => fn.localGet(divisor), true);
    fn.end();
  });
  done();
}
