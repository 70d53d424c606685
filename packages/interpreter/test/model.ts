// SPDX-License-Identifier: MIT
// What ALU and jump instructions mean, in BigInt: the interpreter's arithmetic is compared with it.
// @see Documentation/bpf/standardization/instruction-set.rst

export const U32 = (x: bigint): bigint => BigInt.asUintN(32, x);
export const U64 = (x: bigint): bigint => BigInt.asUintN(64, x);
const S32 = (x: bigint): bigint => BigInt.asIntN(32, x);
const S64 = (x: bigint): bigint => BigInt.asIntN(64, x);

type Binary = (a: bigint, b: bigint) => bigint;

/** By the assembler's mnemonic; operands and results unsigned, of 64 bits. */
export const ALU: Readonly<Record<string, Binary>> = {};
const alu = ALU as Record<string, Binary>;

/** An operation of both widths: `u` cuts to the width, `s` reads as signed, `bits` is the width. */
function both(name: string, op: (a: bigint, b: bigint, w: { bits: bigint; u: Unary; s: Unary }) => bigint): void {
  alu[name] = (a, b) => U64(op(a, b, { bits: 64n, u: U64, s: S64 }));
  alu[`${name}32`] = (a, b) => U32(op(U32(a), U32(b), { bits: 32n, u: U32, s: S32 }));
}
type Unary = (x: bigint) => bigint;

both('add', (a, b) => a + b);
both('sub', (a, b) => a - b);
both('mul', (a, b) => a * b);
both('div', (a, b) => (b === 0n ? 0n : a / b));
both('mod', (a, b) => (b === 0n ? a : a % b));
both('sdiv', (a, b, { s }) => (b === 0n ? 0n : s(a) / s(b)));
both('smod', (a, b, { s }) => (b === 0n ? a : s(a) % s(b)));
both('or', (a, b) => a | b);
both('and', (a, b) => a & b);
both('xor', (a, b) => a ^ b);
both('mov', (_, b) => b);
both('lsh', (a, b, { bits }) => a << (b & (bits - 1n)));
both('rsh', (a, b, { bits }) => a >> (b & (bits - 1n)));
both('arsh', (a, b, { bits, s }) => s(a) >> (b & (bits - 1n)));
for (const [from, to] of [
  [8, 32],
  [16, 32],
  [8, 64],
  [16, 64],
  [32, 64],
]) {
  alu[`movsx${from}to${to}`] = (_, b) => BigInt.asUintN(to, BigInt.asIntN(from, b));
}

function swap(x: bigint, bytes: number): bigint {
  let out = 0n;
  for (let i = 0; i < bytes; i++) out = (out << 8n) | ((x >> BigInt(8 * i)) & 0xffn);
  return out;
}

/** Operations on one register. */
export const UNARY: Readonly<Record<string, Unary>> = {
  neg: (a) => U64(-a),
  neg32: (a) => U32(-a),
  ...Object.fromEntries(
    [16, 32, 64].flatMap((bits) => [
      [`le${bits}`, (a: bigint) => BigInt.asUintN(bits, a)],
      [`be${bits}`, (a: bigint) => swap(a, bits / 8)],
      [`bswap${bits}`, (a: bigint) => swap(a, bits / 8)],
    ]),
  ),
};

type Condition = (a: bigint, b: bigint) => boolean;
const unsigned: Readonly<Record<string, Condition>> = {
  jeq: (a, b) => a === b,
  jne: (a, b) => a !== b,
  jgt: (a, b) => a > b,
  jge: (a, b) => a >= b,
  jlt: (a, b) => a < b,
  jle: (a, b) => a <= b,
  jset: (a, b) => (a & b) !== 0n,
};
const signed: Readonly<Record<string, Condition>> = {
  jsgt: (a, b) => a > b,
  jsge: (a, b) => a >= b,
  jslt: (a, b) => a < b,
  jsle: (a, b) => a <= b,
};

/** Conditional jumps by mnemonic; operands unsigned, of 64 bits. */
export const JUMPS: Readonly<Record<string, Condition>> = Object.fromEntries([
  ...Object.entries(unsigned).flatMap(([name, op]) => [
    [name, op],
    [`${name}32`, (a: bigint, b: bigint) => op(U32(a), U32(b))],
  ]),
  ...Object.entries(signed).flatMap(([name, op]) => [
    [name, (a: bigint, b: bigint) => op(S64(a), S64(b))],
    [`${name}32`, (a: bigint, b: bigint) => op(S32(a), S32(b))],
  ]),
]);

/** Numbers at the borders of words, halves and signs. */
export const EDGES: readonly bigint[] = [
  0n,
  1n,
  2n,
  3n,
  31n,
  32n,
  33n,
  63n,
  64n,
  0x7fn,
  0x80n,
  0xffn,
  0x7fffn,
  0x8000n,
  0xffffn,
  0x10000n,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
  0x100000000n,
  0x100000001n,
  0x1122334455667788n,
  0x7fffffffffffffffn,
  0x8000000000000000n,
  0x8000000000000001n,
  0xffffffff00000000n,
  0xffffffff7fffffffn,
  0xffffffff80000000n,
  0xfffffffffffffff6n,
  0xffffffffffffffffn,
];
