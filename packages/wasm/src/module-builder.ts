// SPDX-License-Identifier: MIT
import { WasmEncodeError } from './errors.ts';
import { FunctionBuilder } from './function-builder.ts';
import { encodeModule } from './module-encode.ts';
import type {
  DataSegment,
  ElementSegment,
  ExportTarget,
  FuncType,
  GlobalType,
  Import,
  ImportedFunc,
  TableType,
} from './module-parts.ts';
import type { ConstExpr, FuncRef, Limits, ValType } from './types.ts';

export interface FuncOptions {
  /** For the name section. */
  name?: string;
  params?: readonly ValType[];
  results?: readonly ValType[];
  /** Export it under this name. */
  exportAs?: string;
  paramNames?: readonly string[];
}

/**
 * A WebAssembly module being built. Functions may be imported and defined in any order, since calls name
 * {@link FuncRef}s; imported tables, memories and globals come before defined ones. `encode` may be called once or
 * again after additions.
 */
export class ModuleBuilder {
  readonly #name: string | undefined;
  readonly #types: FuncType[] = [];
  readonly #typeIdxs = new Map<string, number>();
  readonly #imports: Import[] = [];
  readonly #importedFuncs: ImportedFunc[] = [];
  readonly #funcs: FunctionBuilder[] = [];
  readonly #tables: TableType[] = [];
  readonly #memories: Limits[] = [];
  readonly #globals: { global: GlobalType; init: ConstExpr }[] = [];
  readonly #exports = new Map<string, ExportTarget>();
  readonly #elements: ElementSegment[] = [];
  readonly #data: DataSegment[] = [];
  readonly #importedCount = { table: 0, memory: 0, global: 0 };
  #start: FuncRef | undefined;

  constructor(name?: string) {
    this.#name = name;
  }

  /** The index of a function type; equal types share one. */
  type(params: readonly ValType[], results: readonly ValType[]): number {
    const key = `${params.join()}>${results.join()}`;
    let idx = this.#typeIdxs.get(key);
    if (idx === undefined) {
      idx = this.#types.length;
      this.#types.push({ params: [...params], results: [...results] });
      this.#typeIdxs.set(key, idx);
    }
    return idx;
  }

  importFunc(module: string, field: string, params: readonly ValType[], results: readonly ValType[]): FuncRef {
    const func: ImportedFunc = { name: field, typeIdx: this.type(params, results), idx: -1 };
    this.#imports.push({ module, field, kind: 'func', func });
    this.#importedFuncs.push(func);
    return func;
  }

  /** Answers the table's index. */
  importTable(module: string, field: string, table: TableType): number {
    this.#imports.push({ module, field, kind: 'table', table });
    return this.#nextImported('table', this.#tables.length);
  }

  importMemory(module: string, field: string, limits: Limits): number {
    checkMemory(limits);
    this.#imports.push({ module, field, kind: 'memory', limits });
    return this.#nextImported('memory', this.#memories.length);
  }

  /** Answers the global's index. */
  importGlobal(module: string, field: string, global: GlobalType): number {
    this.#imports.push({ module, field, kind: 'global', global });
    return this.#nextImported('global', this.#globals.length);
  }

  /** A function to be written. */
  func(options: FuncOptions = {}): FunctionBuilder {
    const { name, params = [], results = [], exportAs, paramNames = [] } = options;
    const func = new FunctionBuilder(name, this.type(params, results), params.length);
    paramNames.forEach((paramName, idx) => func.localNames.set(idx, paramName));
    this.#funcs.push(func);
    if (exportAs !== undefined) this.export(exportAs, { func });
    return func;
  }

  table(table: TableType): number {
    return this.#importedCount.table + this.#tables.push(table) - 1;
  }

  memory(limits: Limits): number {
    checkMemory(limits);
    return this.#importedCount.memory + this.#memories.push(limits) - 1;
  }

  global(global: GlobalType, init: ConstExpr): number {
    return this.#importedCount.global + this.#globals.push({ global, init }) - 1;
  }

  export(name: string, target: ExportTarget): void {
    if (this.#exports.has(name)) throw new WasmEncodeError(`two exports are called '${name}'`);
    this.#exports.set(name, target);
  }

  /** The function that runs on instantiation. */
  start(func: FuncRef): void {
    this.#start = func;
  }

  /** Answers the segment's index. */
  element(segment: ElementSegment): number {
    return this.#elements.push(segment) - 1;
  }

  /** Answers the segment's index, for {@link FunctionBuilder.memoryInit}. */
  data(segment: DataSegment): number {
    return this.#data.push(segment) - 1;
  }

  /** The module's bytes; every {@link FuncRef} has its index from here on. */
  encode(): Uint8Array<ArrayBuffer> {
    this.#importedFuncs.forEach((func, idx) => (func.idx = idx));
    this.#funcs.forEach((func, idx) => (func.idx = this.#importedFuncs.length + idx));
    return encodeModule({
      name: this.#name,
      types: this.#types,
      imports: this.#imports,
      funcs: this.#funcs,
      tables: this.#tables,
      memories: this.#memories,
      globals: this.#globals,
      exports: this.#exports,
      start: this.#start,
      elements: this.#elements,
      data: this.#data,
    });
  }

  #nextImported(kind: 'table' | 'memory' | 'global', defined: number): number {
    if (defined > 0) throw new WasmEncodeError(`a ${kind} is imported after one was defined: its index would be taken`);
    return this.#importedCount[kind]++;
  }
}

function checkMemory(limits: Limits): void {
  if (limits.shared === true && limits.max === undefined) throw new WasmEncodeError('a shared memory needs a maximum');
}
