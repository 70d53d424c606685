// SPDX-License-Identifier: MIT
// The dialect of the verifier, bpftool, clang and the kernel's documents: `r1 = *(u64 *)(r2 +8)`, `if r1 > 5 goto +3`.
import {
  BPF_ABS,
  BPF_ALU,
  BPF_ALU64,
  BPF_ATOMIC,
  BPF_DIV,
  BPF_END,
  BPF_EXIT,
  BPF_IND,
  BPF_JA,
  BPF_JCOND,
  BPF_JMP,
  BPF_JMP32,
  BPF_K,
  BPF_LD,
  BPF_LDX,
  BPF_LOAD_ACQ,
  BPF_MEM,
  BPF_MEMSX,
  BPF_MOD,
  BPF_MOV,
  BPF_NEG,
  BPF_ST,
  BPF_STORE_REL,
  BPF_STX,
  BPF_TO_BE,
  BPF_TO_LE,
  BPF_X,
} from '@tsbpf/uapi';
import type { Insn } from '../insn.ts';
import { LD_IMM64 } from '../insn.ts';
import { ALU_OPERATORS, ATOMIC_OPERATORS, JMP_OPERATORS, SIGNED_ALU_OPERATORS } from '../table/operators.ts';
import { parseCall } from './call.ts';
import type { Cursor, RegOperand } from './cursor.ts';
import type { Statement, StatementContext } from './operands.ts';
import { jumpStatement, parseImm64, parseTarget } from './operands.ts';
import { parseBareAddress, parsePlace, parsePointer, parseType } from './place.ts';

const END_CODES: Readonly<Record<string, number>> = {
  le: BPF_ALU | BPF_END | BPF_TO_LE,
  be: BPF_ALU | BPF_END | BPF_TO_BE,
  bswap: BPF_ALU64 | BPF_END | BPF_TO_LE,
};
const SWAP = /^(le|be|bswap)(16|32|64)$/;
/** Linux prints `atomic64_fetch_add` and `atomic_fetch_add`, clang only the latter. */
const ATOMIC_FUNC = /^atomic(?:64)?_(\w+)$/;
/** What clang prints for exchanges. */
const CLANG_EXCHANGE = /^(xchg|cmpxchg)(_64|32_32)$/;

const one = (insn: Insn): Statement => ({ insns: [insn] });

function sameReg(cursor: Cursor, dst: RegOperand): void {
  const found = cursor.reg();
  if (found.reg !== dst.reg || found.is32 !== dst.is32) {
    cursor.error(`expected ${dst.is32 ? 'w' : 'r'}${dst.reg}, the register that the result goes to`);
  }
}

function parseAtomicFunc(cursor: Cursor, dst: RegOperand, func: string): Statement {
  const operator = ATOMIC_OPERATORS.find((row) => row.func === func);
  if (operator === undefined) cursor.error(`expected an atomic operation, found "${func}"`);
  cursor.expect('(');
  const { width, reg, off } = parsePointer(cursor);
  if (width.bytes < 4) cursor.error(`expected u32 or u64, found ${width.type}`);
  cursor.expect(',');
  if (func === 'cmpxchg') {
    if (dst.reg !== 0) cursor.error('expected r0, where a compare and exchange puts its result');
    if (cursor.reg().reg !== 0) cursor.error('expected r0, which a compare and exchange compares with');
    cursor.expect(',');
  }
  const src = cursor.reg().reg;
  if (func !== 'cmpxchg' && src !== dst.reg) {
    cursor.error(`expected r${dst.reg}, the register that the old value goes to`);
  }
  cursor.expect(')');
  return one({ code: BPF_STX | BPF_ATOMIC | width.size, dst: reg, src, off, imm: operator.imm });
}

function parseClangExchange(cursor: Cursor, dst: RegOperand, func: string, is64: boolean): Statement {
  cursor.expect('(');
  const { reg, off } = parseBareAddress(cursor);
  cursor.expect(',');
  if (func === 'cmpxchg') {
    if (cursor.reg().reg !== 0 || dst.reg !== 0) cursor.error('expected r0 for what is compared and the result');
    cursor.expect(',');
  }
  const src = cursor.reg().reg;
  if (func === 'xchg' && src !== dst.reg) cursor.error(`expected r${dst.reg}, the register that the old value goes to`);
  cursor.expect(')');
  const imm = (ATOMIC_OPERATORS.find((row) => row.func === func) as { imm: number }).imm;
  return one({ code: BPF_STX | BPF_ATOMIC | (is64 ? 0x18 : 0), dst: reg, src, off, imm });
}

/** `rD = *(…`: a load from memory or from the packet. */
function parseLoad(cursor: Cursor, dst: RegOperand): Statement {
  cursor.expect('*');
  const { width, isSigned } = parseType(cursor);
  if (!cursor.accept('skb')) {
    if (dst.is32 && (isSigned || width.bytes === 8)) cursor.error(`expected r${dst.reg}: the load fills 64 bits`);
    const { reg, off } = parseBareAddress(cursor, 'parenthesised');
    return one({ code: BPF_LDX | (isSigned ? BPF_MEMSX : BPF_MEM) | width.size, dst: dst.reg, src: reg, off, imm: 0 });
  }
  if (dst.reg !== 0) cursor.error('expected r0, where a packet load puts its result');
  cursor.expect('[');
  const common = { dst: 0, off: 0 };
  let insn: Insn;
  if (cursor.isReg()) {
    const src = cursor.reg64();
    const imm = cursor.accept('+') ? cursor.imm32() : cursor.isNumber() ? cursor.imm32() : 0;
    insn = { ...common, code: BPF_LD | BPF_IND | width.size, src, imm };
  } else {
    insn = { ...common, code: BPF_LD | BPF_ABS | width.size, src: 0, imm: cursor.imm32() };
  }
  cursor.expect(']');
  return one(insn);
}

/** What follows `rD = ` where it begins with a name that is no register. */
function parseNamed(cursor: Cursor, dst: RegOperand, context: StatementContext): Statement {
  const name = cursor.peek()?.text ?? '';
  const swap = SWAP.exec(name);
  if (swap !== null) {
    cursor.word(name);
    sameReg(cursor, dst);
    return one({ code: END_CODES[swap[1]], dst: dst.reg, src: 0, off: 0, imm: Number(swap[2]) });
  }
  if (name === 'load_acquire') {
    cursor.expect(name, '(');
    const { width, reg, off } = parsePointer(cursor);
    cursor.expect(')');
    return one({ code: BPF_STX | BPF_ATOMIC | width.size, dst: dst.reg, src: reg, off, imm: BPF_LOAD_ACQ });
  }
  if (name === 'addr_space_cast') {
    cursor.expect(name, '(');
    const src = cursor.reg64();
    cursor.expect(',');
    const to = Number(cursor.number('a 16-bit address space', 0n, 0xffffn));
    cursor.expect(',');
    const from = Number(cursor.number('a 16-bit address space', 0n, 0xffffn));
    cursor.expect(')');
    return one({ code: BPF_ALU64 | BPF_MOV | BPF_X, dst: dst.reg, src, off: 1, imm: (to << 16) | from });
  }
  const atomic = ATOMIC_FUNC.exec(name);
  if (atomic !== null) {
    cursor.word(name);
    return parseAtomicFunc(cursor, dst, atomic[1]);
  }
  const exchange = CLANG_EXCHANGE.exec(name);
  if (exchange !== null) {
    cursor.word(name);
    return parseClangExchange(cursor, dst, exchange[1], exchange[2] === '_64');
  }
  const insns = parseImm64(cursor, dst.reg, context);
  cursor.accept('ll');
  return { insns };
}

function parseAssignedNumber(cursor: Cursor, dst: RegOperand, context: StatementContext): Statement {
  const after = cursor.peek(cursor.peek()?.kind === 'number' ? 1 : 2)?.text;
  if (after === 'll' || context.opcode === LD_IMM64) {
    if (dst.is32) cursor.error(`expected r${dst.reg}: a 64-bit load has no 32-bit form`);
    const insns = parseImm64(cursor, dst.reg, context);
    cursor.accept('ll');
    return { insns };
  }
  const imm = cursor.imm32('a 32-bit immediate (or "ll" after a 64-bit one)');
  return one({ code: (dst.is32 ? BPF_ALU : BPF_ALU64) | BPF_MOV | BPF_K, dst: dst.reg, src: 0, off: 0, imm });
}

function parseAssigned(cursor: Cursor, dst: RegOperand, context: StatementContext): Statement {
  const cls = dst.is32 ? BPF_ALU : BPF_ALU64;
  const first = cursor.peek();
  if (first?.text === '-' && cursor.isReg(1)) {
    cursor.expect('-');
    sameReg(cursor, dst);
    return one({ code: cls | BPF_NEG | BPF_K, dst: dst.reg, src: 0, off: 0, imm: 0 });
  }
  if (cursor.isNumber()) return parseAssignedNumber(cursor, dst, context);
  if (first?.text === '*') return parseLoad(cursor, dst);
  let off = 0;
  if (cursor.accept('(')) {
    const bits = /^s(8|16|32)$/.exec(cursor.word('s8, s16 or s32'));
    if (bits === null) cursor.error('expected s8, s16 or s32 in brackets before a register');
    off = Number(bits[1]);
    cursor.expect(')');
  } else if (!cursor.isReg()) {
    return parseNamed(cursor, dst, context);
  }
  const src = cursor.reg();
  if (src.is32 !== dst.is32) cursor.error('expected registers of the same width');
  if (dst.is32 && off === 32) cursor.error('expected s8 or s16: 32 bits of a 32-bit register need no extension');
  return one({ code: cls | BPF_MOV | BPF_X, dst: dst.reg, src: src.reg, off, imm: 0 });
}

function parseRegStatement(cursor: Cursor, context: StatementContext): Statement {
  const dst = cursor.reg();
  const symbol = cursor.sign('an operator');
  if (symbol === '=') return parseAssigned(cursor, dst, context);
  const isSigned = symbol === 's/=' || symbol === 's%=';
  const operator = (isSigned ? SIGNED_ALU_OPERATORS : ALU_OPERATORS).find((row) => row.symbol === symbol);
  if (operator === undefined) cursor.error(`expected an operator such as "=" or "+=", found "${symbol}"`);
  const cls = dst.is32 ? BPF_ALU : BPF_ALU64;
  const off = isSigned && (operator.op === BPF_DIV || operator.op === BPF_MOD) ? 1 : 0;
  const common = { dst: dst.reg, off };
  if (!cursor.isReg()) {
    const imm = cursor.imm32('a register or a 32-bit immediate');
    return one({ code: cls | operator.op | BPF_K, ...common, src: 0, imm });
  }
  const src = cursor.reg();
  if (src.is32 !== dst.is32) cursor.error('expected registers of the same width');
  return one({ code: cls | operator.op | BPF_X, ...common, src: src.reg, imm: 0 });
}

function parseCondition(cursor: Cursor): Statement {
  cursor.expect('if');
  const dst = cursor.reg();
  const symbol = cursor.sign('a comparison');
  const operator = JMP_OPERATORS.find((row) => row.symbol === symbol);
  if (operator === undefined) cursor.error(`expected a comparison such as "==" or "s<", found "${symbol}"`);
  const cls = dst.is32 ? BPF_JMP32 : BPF_JMP;
  let insn: Insn;
  if (cursor.isReg()) {
    const src = cursor.reg();
    if (src.is32 !== dst.is32) cursor.error('expected registers of the same width');
    insn = { code: cls | operator.op | BPF_X, dst: dst.reg, src: src.reg, off: 0, imm: 0 };
  } else {
    const imm = cursor.imm32('a register or a 32-bit immediate');
    insn = { code: cls | operator.op | BPF_K, dst: dst.reg, src: 0, off: 0, imm };
  }
  cursor.expect('goto');
  return jumpStatement(insn, parseTarget(cursor, 'off'), 'off');
}

function parseStore(cursor: Cursor): Statement {
  const { width, reg, off } = parsePlace(cursor);
  cursor.expect('=');
  if (cursor.isReg()) {
    const src = cursor.reg();
    if (src.is32 && width.bytes === 8) cursor.error(`expected r${src.reg}: the store takes 64 bits`);
    return one({ code: BPF_STX | BPF_MEM | width.size, dst: reg, src: src.reg, off, imm: 0 });
  }
  const imm = cursor.imm32('a register or a 32-bit immediate');
  return one({ code: BPF_ST | BPF_MEM | width.size, dst: reg, src: 0, off, imm });
}

function parseLocked(cursor: Cursor): Statement {
  cursor.expect('lock');
  const { width, reg, off } = parsePlace(cursor);
  const symbol = cursor.sign('+=, |=, &= or ^=');
  const operator = ATOMIC_OPERATORS.find((row) => row.symbol === symbol);
  if (operator === undefined) cursor.error(`expected +=, |=, &= or ^=, found "${symbol}"`);
  if (width.bytes < 4) cursor.error(`expected u32 or u64, found ${width.type}`);
  return one({ code: BPF_STX | BPF_ATOMIC | width.size, dst: reg, src: cursor.reg().reg, off, imm: operator.imm });
}

function parseStoreRelease(cursor: Cursor): Statement {
  cursor.expect('store_release', '(');
  const { width, reg, off } = parsePointer(cursor);
  cursor.expect(',');
  const src = cursor.reg().reg;
  cursor.expect(')');
  return one({ code: BPF_STX | BPF_ATOMIC | width.size, dst: reg, src, off, imm: BPF_STORE_REL });
}

/** Whether a statement can only be of this dialect. Calls, exits and may_goto are of both. */
export function isKernelStatement(cursor: Cursor): boolean {
  if (cursor.isReg()) return true;
  const first = cursor.peek()?.text ?? '';
  if (first === 'lock') return cursor.peek(1)?.text === '*';
  return ['*', 'if', 'goto', 'gotol', 'store_release'].includes(first);
}

const BLANK = { dst: 0, src: 0, off: 0, imm: 0 } as const;

/** Reads one statement of the kernel's dialect. */
export function parseKernelStatement(cursor: Cursor, context: StatementContext): Statement {
  if (cursor.isReg()) return parseRegStatement(cursor, context);
  switch (cursor.peek()?.text) {
    case '*':
      return parseStore(cursor);
    case 'lock':
      return parseLocked(cursor);
    case 'if':
      return parseCondition(cursor);
    case 'store_release':
      return parseStoreRelease(cursor);
    case 'goto':
      cursor.expect('goto');
      return jumpStatement({ ...BLANK, code: BPF_JMP | BPF_JA }, parseTarget(cursor, 'off'), 'off');
    case 'gotol':
      cursor.expect('gotol');
      return jumpStatement({ ...BLANK, code: BPF_JMP32 | BPF_JA }, parseTarget(cursor, 'imm'), 'imm');
    case 'may_goto':
      cursor.expect('may_goto');
      return jumpStatement({ ...BLANK, code: BPF_JMP | BPF_JCOND }, parseTarget(cursor, 'off'), 'off');
    case 'call':
      cursor.expect('call');
      return parseCall(cursor);
    case 'exit':
      cursor.expect('exit');
      return one({ ...BLANK, code: BPF_JMP | BPF_EXIT });
    default:
      return cursor.fail('an instruction');
  }
}
