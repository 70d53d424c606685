// SPDX-License-Identifier: MIT
// Bugs to plant in a copy of the verifier, one at a time: each replaces a text that occurs in a file.

export interface PlantedBug {
  readonly name: string;
  /** In packages/verifier/src. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

export const PLANTED_BUGS: readonly PlantedBug[] = [
  {
    name: 'JGT: its other side is one too narrow',
    file: 'scalar/branch-refine.ts',
    from: 'atMost(fall, width, lo, hi, 0);\n      atLeast(taken, width, lo, hi, 1);',
    to: 'atMost(fall, width, lo, hi, -1);\n      atLeast(taken, width, lo, hi, 1);',
  },
  {
    name: 'JSLT: its other side is one too narrow',
    file: 'scalar/branch-refine.ts',
    from: 'raiseSmin(fall, lo, hi);\n      lowerSmax(taken, (lo - 1) | 0',
    to: 'raiseSmin(fall, (lo + 1) | 0, stepHi(lo, hi, 1));\n      lowerSmax(taken, (lo - 1) | 0',
  },
  {
    name: 'JSET: all bits of the mask are taken to be set',
    file: 'scalar/branch-refine.ts',
    from: 'if (isPowerOfTwo(lo, hi)) tnumOr(',
    to: 'if (lo !== 0) tnumOr(',
  },
  {
    name: 'JGE: decided where it is open',
    file: 'scalar/branch.ts',
    from: 'firstOf(!ult(b.uminLo, b.uminHi, lo, hi),',
    to: 'firstOf(!ult(b.umaxLo, b.umaxHi, lo, hi),',
  },
  {
    name: 'OR: its maximum is that of the operands',
    file: 'scalar/alu.ts',
    from: 'd.umaxLo = d.valueLo | d.maskLo;\n  d.umaxHi = d.valueHi | d.maskHi;',
    to: 'lowerUmax(d, src.umaxLo, src.umaxHi);',
  },
  {
    name: 'AND: signed bounds kept for negative operands',
    file: 'scalar/alu.ts',
    from: 'if (d.sminHi < 0 || src.sminHi < 0) unboundSigned(d);',
    to: 'if (d.sminHi < 0 && src.sminHi < 0) unboundSigned(d);',
  },
  {
    name: 'LSH: overflow of the maximum is missed',
    file: 'scalar/alu.ts',
    from: 'if (ult(shlLo(1, 63 - k), shlHi(1, 0, 63 - k), d.umaxLo, d.umaxHi)) {',
    to: 'if (k > 63) {',
  },
  {
    name: 'ADD: carries into unknown bits are forgotten',
    file: 'scalar/tnum.ts',
    from: 'const unknownLo = (allLo ^ valueLo) | a.maskLo | b.maskLo;',
    to: 'const unknownLo = a.maskLo | b.maskLo;',
  },
  {
    name: 'MOV32 keeps the upper half',
    file: 'insn/alu.ts',
    from: 'withBounds(reg, truncate(reg.bounds, 4))',
    to: 'reg',
  },
  {
    name: 'NEG is taken for nothing',
    file: 'insn/alu.ts',
    from: '  writeReg(a, insn.dst);\n  setUnknown(a, insn.dst);',
    to: '  writeReg(a, insn.dst);\n  if (op !== BPF_NEG) setUnknown(a, insn.dst);',
  },
  {
    name: 'a lookup never fails',
    file: 'call/helper.ts',
    from: "RET_PTR_TO_MAP_VALUE_OR_NULL: 'PTR_TO_MAP_VALUE_OR_NULL'",
    to: "RET_PTR_TO_MAP_VALUE_OR_NULL: 'PTR_TO_MAP_VALUE'",
  },
  {
    name: 'an access may end one byte behind the value',
    file: 'mem/map-value.ts',
    from: 'off + size <= map.valueSize;',
    to: 'off + size <= map.valueSize + 1;',
  },
  {
    name: 'the greatest offset into a value is not looked at',
    file: 'mem/map-value.ts',
    from: 'const above = outside(map, (bounds.umaxLo + off) | 0, size, zeroOk);',
    to: 'const above = outside(map, (bounds.sminLo + off) | 0, size, zeroOk);',
  },
  {
    name: 'an access may end one byte behind the range of a packet',
    file: 'mem/packet.ts',
    from: 'off + size > reg.range) {',
    to: 'off + size > reg.range + 1) {',
  },
  {
    name: 'spilled packet pointers outlive a change of the packet',
    file: 'mem/packet.ts',
    from: "if (typeof slot !== 'number' && isAnyPacketPtr(slot.type))",
    to: "if (typeof slot !== 'number' && slot.type === 'PTR_TO_PACKET_END')",
  },
  {
    name: 'the packet range is learned on the wrong side of JGT',
    file: 'insn/packet-range.ts',
    from: 'case BPF_JGT:\n      extendRange(forward ? fall : taken',
    to: 'case BPF_JGT:\n      extendRange(forward ? taken : fall',
  },
  {
    name: 'pruning: numbers need not agree',
    file: 'prune/equality.ts',
    from: 'return (!old.precise && !cur.precise) || boundsWithin(old.bounds, cur.bounds);',
    to: 'return true;',
  },
  {
    name: 'pruning: the other way round',
    file: 'prune/equality.ts',
    from: '(!old.precise && !cur.precise) || boundsWithin(old.bounds, cur.bounds);',
    to: '(!old.precise && !cur.precise) || boundsWithin(cur.bounds, old.bounds);',
  },
  {
    name: 'pruning: the stack is not compared',
    file: 'prune/equality.ts',
    from: 'return stackSafe(old, cur, pairs) && refsSame(old, cur);',
    to: 'return refsSame(old, cur);',
  },
  {
    name: 'liveness: reads are not told to parents',
    file: 'prune/mark-read.ts',
    from: 'markRegReadFrom(v, regParent(frame, regno), regno, flag);',
    to: 'void [regParent(frame, regno), flag];',
  },
  {
    name: 'precision: decisions on numbers mark nothing',
    file: 'prune/precision.ts',
    from: 'if (reg.precise) return;\n  ownTop(a.cur).regs[regno] = withPrecise(reg);',
    to: 'if (reg.type.length > 0) return;\n  ownTop(a.cur).regs[regno] = withPrecise(reg);',
  },
  {
    name: 'stack: one byte of zero makes a zero',
    file: 'mem/stack.ts',
    from: 'result = zeros === size ?',
    to: 'result = zeros > 0 ?',
  },
  {
    name: 'stack: part of a spilled register is taken for all of it',
    file: 'mem/stack.ts',
    from: 'if (size === SLOT_SIZE) {\n      result = slot;',
    to: "if (size === SLOT_SIZE || slot.type === 'SCALAR_VALUE') {\n      result = slot;",
  },
  {
    name: 'stack: bytes nobody wrote may be read',
    file: 'mem/stack.ts',
    from: 'else if (kind !== BYTE_MISC) {',
    to: 'else if (kind > BYTE_ZERO) {',
  },
  {
    name: 'a helper leaves zeros in a buffer that it fills',
    file: 'call/helper-memory.ts',
    from: 'if (kind === BYTE_ZERO) ownStack(',
    to: 'if (kind > BYTE_ZERO) ownStack(',
  },
  {
    name: 'a copy of a pointer stays NULL-able where it is not',
    file: 'insn/null-check.ts',
    from: 'const become = (reg: Reg): Reg => (isNull ?',
    to: 'const become = (reg: Reg): Reg => (!isNull ?',
  },
];
