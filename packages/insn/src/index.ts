// SPDX-License-Identifier: MIT
export type { Insn } from './insn.ts';
export {
  insnClass,
  insnMode,
  insnOp,
  insnSize,
  isLdImm64,
  jumpTarget,
  LD_IMM64,
  ldImm64Value,
  subprogTarget,
  usesSrcReg,
} from './insn.ts';
export type { CodecOptions } from './codec.ts';
export { decodeInsns, encodeInsns } from './codec.ts';

export type { InsnField, InsnForm, IsaVersion, LinuxVersion, OpcodeRow } from './table/row.ts';
export type { AtomicOperator, Operator, Width } from './table/operators.ts';
export {
  ALU_OPERATORS,
  ATOMIC_OPERATORS,
  JMP_OPERATORS,
  SIGNED_ALU_OPERATORS,
  widthOf,
  WIDTHS,
} from './table/operators.ts';
export type { ProgramNeeds } from './table/opcodes.ts';
export { opcodeInTable, opcodeRow, opcodeRows, OPCODES, programNeeds, reservedFieldsSet } from './table/opcodes.ts';

export { validateBare } from './bare/validate.ts';

export type { FormatOptions } from './disasm/options.ts';
export { formatInsn, formatInsnLine } from './disasm/format.ts';
export { helperName } from './disasm/jump.ts';
export type { XlatedJsonInsn, XlatedOptions } from './disasm/xlated.ts';
export { formatXlated, formatXlatedJson } from './disasm/xlated.ts';
export { formatAsm } from './disasm/asm.ts';

export type { AssembleOptions, Assembly } from './asm/assemble.ts';
export { assemble, assembleSource } from './asm/assemble.ts';
export { helperId } from './asm/call.ts';

export {
  addrSpaceCast,
  alu32Imm,
  alu32Reg,
  alu64Imm,
  alu64Reg,
  endian,
  mov32Imm,
  mov32Reg,
  mov64Imm,
  mov64Reg,
  movsx32,
  movsx64,
  neg32,
  neg64,
  signedDivision,
} from './build/alu.ts';
export {
  atomic,
  ldAbs,
  ldFunc,
  ldImm64,
  ldInd,
  ldMapFd,
  ldMapValue,
  ldxMem,
  ldxMemSx,
  loadAcquire,
  stMem,
  storeRelease,
  stxMem,
} from './build/memory.ts';
export type { JumpTo, LabelRef } from './build/jump.ts';
export {
  callHelper,
  callKfunc,
  callPseudo,
  exit,
  gotol,
  ja,
  jmp32Imm,
  jmp32Reg,
  jmpImm,
  jmpReg,
  mayGoto,
} from './build/jump.ts';
export type { ProgramItem } from './build/program.ts';
export { program } from './build/program.ts';

export type { Patch, Patched } from './patch/patch.ts';
export { patchInsns, patchProgram } from './patch/patch.ts';
