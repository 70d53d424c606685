// SPDX-License-Identifier: MIT
import { AsmError, EINVAL } from '@tsbpf/uapi';
import type { Token } from './lexer.ts';

const REGISTER = /^%?([rw])(\d{1,2})$/;

/** A register as written: its number, and whether by its 32-bit name. */
export interface RegOperand {
  readonly reg: number;
  readonly is32: boolean;
}

/** Reads a statement's tokens from left to right. Every failure is an AsmError that says what was expected. */
export class Cursor {
  readonly line: number;
  private readonly tokens: readonly Token[];
  private at = 0;

  constructor(tokens: readonly Token[], line: number) {
    this.tokens = tokens;
    this.line = line;
  }

  peek(ahead = 0): Token | undefined {
    return this.tokens[this.at + ahead];
  }

  fail(expected: string): never {
    const found = this.peek();
    this.error(`expected ${expected}, found ${found === undefined ? 'the end of the line' : `"${found.text}"`}`);
  }

  error(what: string): never {
    throw new AsmError(`line ${this.line}: ${what}`, { errno: EINVAL, line: this.line });
  }

  /** Takes the next token if it is `text`. */
  accept(text: string): boolean {
    if (this.peek()?.text !== text) return false;
    this.at++;
    return true;
  }

  expect(...texts: string[]): void {
    for (const text of texts) if (!this.accept(text)) this.fail(`"${text}"`);
  }

  word(expected: string): string {
    const token = this.peek();
    if (token?.kind !== 'word') this.fail(expected);
    this.at++;
    return token.text;
  }

  sign(expected: string): string {
    const token = this.peek();
    if (token?.kind !== 'sign') this.fail(expected);
    this.at++;
    return token.text;
  }

  end(): void {
    if (this.peek() !== undefined) this.fail('the end of the line');
  }

  /** Whether the token `ahead` names a register. */
  isReg(ahead = 0): boolean {
    const token = this.peek(ahead);
    return token?.kind === 'word' && REGISTER.test(token.text);
  }

  reg(expected = 'a register'): RegOperand {
    const match = REGISTER.exec(this.peek()?.text ?? '');
    if (match === null) this.fail(expected);
    const reg = Number(match[2]);
    if (reg > 15) this.error(`expected a register from r0 to r15, found "${match[0]}"`);
    this.at++;
    return { reg, is32: match[1] === 'w' };
  }

  /** A 64-bit register operand's number. */
  reg64(expected = 'a register'): number {
    const operand = this.reg(expected);
    if (operand.is32) this.error(`expected the 64-bit name r${operand.reg}, found "w${operand.reg}"`);
    return operand.reg;
  }

  isNumber(): boolean {
    const token = this.peek();
    const next = this.peek(1);
    return token?.kind === 'number' || ((token?.text === '-' || token?.text === '+') && next?.kind === 'number');
  }

  /** Takes a plain number of any size, if there is one. */
  skipNumber(): boolean {
    if (this.peek()?.kind !== 'number') return false;
    this.at++;
    return true;
  }

  /** A number with an optional sign, between `min` and `max`. */
  number(expected: string, min: bigint, max: bigint): bigint {
    if (!this.isNumber()) this.fail(expected);
    const negative = this.accept('-');
    if (!negative) this.accept('+');
    const text = (this.peek() as Token).text;
    const value = negative ? -BigInt(text) : BigInt(text);
    if (value < min || value > max) this.error(`expected ${expected}, but ${value} is not between ${min} and ${max}`);
    this.at++;
    return value;
  }

  /** A 32-bit immediate, signed or unsigned; as a signed number. */
  imm32(expected = 'a 32-bit immediate'): number {
    return Number(BigInt.asIntN(32, this.number(expected, -0x8000_0000n, 0xffff_ffffn)));
  }

  /** A 64-bit immediate, signed or unsigned; as an unsigned number. */
  imm64(expected = 'a 64-bit immediate'): bigint {
    return BigInt.asUintN(64, this.number(expected, -(1n << 63n), (1n << 64n) - 1n));
  }

  /** A signed 16-bit distance. */
  off16(expected = 'a 16-bit offset'): number {
    return Number(this.number(expected, -0x8000n, 0x7fffn));
  }
}
