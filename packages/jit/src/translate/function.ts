// SPDX-License-Identifier: MIT
import { isLdImm64 } from '@tsbpf/insn';
import { BPF_ALU, BPF_ALU64, BPF_CALL, BPF_JMP, BPF_JMP32, BPF_LD, BPF_LDX, BPF_ST, BPF_STX } from '@tsbpf/uapi';
import { memOp, op } from '@tsbpf/wasm';
import { emitAlu } from './alu.ts';
import type { Body } from './body.ts';
import { emitCall } from './call.ts';
import { writeDispatched } from './dispatcher.ts';
import { emitGuard } from './guard.ts';
import { emitCondition } from './jump.ts';
import { emitMemory } from './memory.ts';
import { emitPacketLoad } from './packet.ts';
import { writeStructured, type BlockWriter } from './structure.ts';
import { emitTailCall, storeTailCalls } from './tail-call.ts';
import { blockArgAt, pushLevel } from './level.ts';
import type { Turns } from './turns.ts';
import { unknownInsn } from './unknown.ts';

/** Times that may_goto falls through in one activation. @see include/linux/bpf.h, BPF_MAX_LOOPS */
const MAX_LOOPS = 8 * 1024 * 1024;

/** Writes the whole of a function. No path leads to the end of what is written. */
export function writeFunction(body: Body): void {
  const { fn, func, unit } = body;
  const { insns } = unit.source;
  const { blocks } = func.graph;
  const { order } = func;
  if (func.graph.blocks.some(({ term }) => term.kind === 'cond' && (insns[term.idx].code & 0xf0) === 0xe0)) {
    fn.i32Const(MAX_LOOPS);
    fn.localSet(body.loops);
  }
  if (func.subprog === 0 && unit.nestsTailCalls) storeTailCalls(body);
  for (let reg = 2; reg <= 5; reg++) {
    if ((func.blockArgs & (1 << reg)) === 0) continue;
    pushLevel(fn, body.base);
    fn.memory(memOp.i64Load, blockArgAt(reg));
    body.set(reg);
  }
  const entryKnown = order.isLoop[0] === 1 ? undefined : body.known;
  const nothing = new Array<undefined>(body.known.length).fill(undefined);
  const knownAtEnd: (readonly (number | undefined)[])[] = [];
  const lowsAtEnd: (readonly (number | undefined)[])[] = [];
  const sumsAtEnd: Turns['sums'][] = [];
  const writer: BlockWriter = {
    fn,
    block(number) {
      const pred = order.onlyPred[number];
      const known = number === 0 ? entryKnown : order.reducible && pred >= 0 ? knownAtEnd[pred] : undefined;
      body.known = [...(known ?? nothing)];
      body.lows = [...((number !== 0 && known !== undefined ? lowsAtEnd[pred] : undefined) ?? nothing)];
      const { start, end, term, unrolled = false, gathers = 0 } = blocks[number];
      const isTurn = unrolled && term.kind !== 'guard';
      if (isTurn) body.turns.enter(gathers, sumsAtEnd[pred]);
      else body.turns.leave();
      for (let idx = start; idx < end; idx++) {
        emitInsn(body, idx);
        if (isLdImm64(insns[idx])) idx++;
      }
      knownAtEnd[number] = body.known;
      lowsAtEnd[number] = body.lows;
      if (isTurn) sumsAtEnd[number] = body.turns.sums;
    },
    condition: (idx) => emitCondition(body, idx),
    guard: (guard) => emitGuard(body, guard),
    exit: () => body.leave(),
  };
  if (order.reducible) writeStructured(blocks, order, writer);
  else writeDispatched(blocks, order, writer);
  fn.op(op.unreachable);
}

function emitInsn(body: Body, idx: number): void {
  const insn = body.unit.source.insns[idx];
  switch (insn.code & 7) {
    case BPF_ALU:
    case BPF_ALU64:
      return emitAlu(body, insn, idx);
    case BPF_JMP:
      if (insn.code === (BPF_JMP | BPF_CALL)) return emitCall(body, insn, idx);
      if (insn.code === (BPF_JMP | 0xf0)) {
        const link = body.unit.source.call(idx);
        return emitTailCall(body, idx, link.kind === 'tailCall' ? link.map : undefined);
      }
      throw unknownInsn(insn, idx);
    case BPF_JMP32:
      throw unknownInsn(insn, idx);
    case BPF_LD: {
      if (!isLdImm64(insn)) return emitPacketLoad(body, insn, idx);
      body.fn.i64ConstWords(insn.imm, body.unit.source.insns[idx + 1]?.imm ?? 0);
      return body.set(insn.dst);
    }
    case BPF_LDX:
    case BPF_ST:
    case BPF_STX:
      return emitMemory(body, insn, idx);
  }
}
