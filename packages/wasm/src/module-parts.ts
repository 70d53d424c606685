// SPDX-License-Identifier: MIT
import type { FunctionBuilder } from './function-builder.ts';
import type { ConstExpr, FuncRef, Limits, RefType, ValType } from './types.ts';

/** A function's parameters and results. */
export interface FuncType {
  readonly params: readonly ValType[];
  readonly results: readonly ValType[];
}

export interface TableType extends Limits {
  readonly type: RefType;
}

export interface GlobalType {
  readonly type: ValType;
  readonly mutable?: boolean;
}

/** An import, as the import section writes it; functions' indices count separately. */
export type Import = { readonly module: string; readonly field: string } & (
  | { readonly kind: 'func'; readonly func: ImportedFunc }
  | { readonly kind: 'table'; readonly table: TableType }
  | { readonly kind: 'memory'; readonly limits: Limits }
  | { readonly kind: 'global'; readonly global: GlobalType }
);

export interface ImportedFunc extends FuncRef {
  idx: number;
}

export type ExportTarget =
  { readonly func: FuncRef } | { readonly table: number } | { readonly memory: number } | { readonly global: number };

export type ElementSegment = { readonly funcs: readonly FuncRef[] } & (
  | { readonly mode: 'active'; readonly tableIdx: number; readonly offset: ConstExpr }
  | { readonly mode: 'passive' | 'declarative' }
);

export type DataSegment = { readonly bytes: Uint8Array } & (
  { readonly mode: 'active'; readonly offset: ConstExpr } | { readonly mode: 'passive' }
);

/** Everything a module consists of, in the order of indices. */
export interface ModuleParts {
  readonly name: string | undefined;
  readonly types: readonly FuncType[];
  readonly imports: readonly Import[];
  readonly funcs: readonly FunctionBuilder[];
  readonly tables: readonly TableType[];
  readonly memories: readonly Limits[];
  readonly globals: readonly { readonly global: GlobalType; readonly init: ConstExpr }[];
  readonly exports: ReadonlyMap<string, ExportTarget>;
  readonly start: FuncRef | undefined;
  readonly elements: readonly ElementSegment[];
  readonly data: readonly DataSegment[];
}
