// SPDX-License-Identifier: MIT
// LD_ABS and LD_IND: loads from the packet of the sk_buff in R6. Outside of the packet the function returns 0.
// @see net/core/filter.c, bpf_skb_load_helper_8 and its siblings
import { insnSize, type Insn } from '@tsbpf/insn';
import { BPF_ABS, BPF_IND } from '@tsbpf/uapi';
import { memOp, op } from '@tsbpf/wasm';
import type { Body } from './body.ts';
import { SCRATCH } from './source.ts';
import { unknownInsn } from './unknown.ts';

export function emitPacketLoad(body: Body, insn: Insn, idx: number): void {
  const { fn, unit } = body;
  const mode = insn.code & 0xe0;
  const size = insnSize(insn);
  if ((mode !== BPF_ABS && mode !== BPF_IND) || size === 8) throw unknownInsn(insn, idx);
  body.low(6);
  if (mode === BPF_IND) {
    body.low(insn.src);
    fn.i32Const(insn.imm);
    fn.op(op.i32Add);
  } else {
    fn.i32Const(insn.imm);
  }
  fn.i32Const(size);
  fn.call(unit.service('loadPacket'));
  fn.op(op.i32Eqz);
  fn.if();
  fn.i64ConstS32(0);
  body.set(0);
  body.leave();
  fn.end();
  fn.i32Const(unit.source.scratchOff + SCRATCH.retLo);
  fn.memory(memOp.i64Load32U);
  body.set(0);
}
