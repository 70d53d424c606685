// SPDX-License-Identifier: MIT
export { ByteBuffer, u32Len } from './byte-buffer.ts';
export { WasmEncodeError } from './errors.ts';
export type { Label } from './function-builder.ts';
export { BODY, FunctionBuilder } from './function-builder.ts';
export type { AtomicOp, MemOp } from './memory-opcodes.ts';
export { atomicOp, memOp } from './memory-opcodes.ts';
export type { FuncOptions } from './module-builder.ts';
export { ModuleBuilder } from './module-builder.ts';
export type { DataSegment, ElementSegment, ExportTarget, FuncType, GlobalType, TableType } from './module-parts.ts';
export type { PlainOp } from './opcodes.ts';
export { op } from './opcodes.ts';
export type { ConstExpr, FuncRef, Limits, RefType, ValType } from './types.ts';
export { EXTERNREF, F32, F64, FUNCREF, I32, I64, MAX_BR_TABLE_TARGETS, MAX_FUNCTION_BYTES } from './types.ts';
