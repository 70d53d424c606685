// SPDX-License-Identifier: MIT
import type { ByteBuffer } from './byte-buffer.ts';

// Value types, as the binary format writes them.
export const I32 = 0x7f;
export const I64 = 0x7e;
export const F32 = 0x7d;
export const F64 = 0x7c;
export const FUNCREF = 0x70;
export const EXTERNREF = 0x6f;

export type RefType = typeof FUNCREF | typeof EXTERNREF;
export type ValType = typeof I32 | typeof I64 | typeof F32 | typeof F64 | RefType;

/** Largest function body that V8 compiles, in bytes. */
export const MAX_FUNCTION_BYTES = 7_654_321;
/** Most targets of a `br_table` that V8 accepts. */
export const MAX_BR_TABLE_TARGETS = 65_520;

/** Sizes of a memory (in pages of 64 KiB) or of a table (in entries). */
export interface Limits {
  readonly min: number;
  readonly max?: number;
  /** Memories only; needs `max`. */
  readonly shared?: boolean;
}

/** A function of the module, imported or defined. Its index is known once the module is encoded. */
export interface FuncRef {
  readonly name: string | undefined;
  readonly typeIdx: number;
  /** -1 until {@link ModuleBuilder.encode}. */
  readonly idx: number;
}

/** The initial value of a global, or the place of a segment. */
export type ConstExpr =
  | { readonly i32: number }
  | { readonly i64: bigint }
  | { readonly f64: number }
  /** An imported, immutable global. */
  | { readonly globalGet: number }
  | { readonly refNull: RefType }
  | { readonly refFunc: FuncRef };

const END = 0x0b;

export function encodeConstExpr(out: ByteBuffer, expr: ConstExpr): void {
  if ('i32' in expr) {
    out.u8(0x41);
    out.s32(expr.i32);
  } else if ('i64' in expr) {
    out.u8(0x42);
    out.s64(expr.i64);
  } else if ('f64' in expr) {
    out.u8(0x44);
    out.f64(expr.f64);
  } else if ('globalGet' in expr) {
    out.u8(0x23);
    out.u32(expr.globalGet);
  } else if ('refNull' in expr) {
    out.u8(0xd0);
    out.u8(expr.refNull);
  } else {
    out.u8(0xd2);
    out.u32(expr.refFunc.idx);
  }
  out.u8(END);
}

export function encodeLimits(out: ByteBuffer, limits: Limits): void {
  out.u8((limits.max === undefined ? 0 : 1) | (limits.shared === true ? 2 : 0));
  out.u32(limits.min);
  if (limits.max !== undefined) out.u32(limits.max);
}
