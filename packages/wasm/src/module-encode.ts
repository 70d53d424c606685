// SPDX-License-Identifier: MIT
import { ByteBuffer } from './byte-buffer.ts';
import { WasmEncodeError } from './errors.ts';
import type {
  DataSegment,
  ElementSegment,
  ExportTarget,
  GlobalType,
  Import,
  ModuleParts,
  TableType,
} from './module-parts.ts';
import { encodeNames } from './name-section.ts';
import type { FuncRef, ValType } from './types.ts';
import { encodeConstExpr, encodeLimits } from './types.ts';

const SECTION_TYPE = 1;
const SECTION_IMPORT = 2;
const SECTION_FUNCTION = 3;
const SECTION_TABLE = 4;
const SECTION_MEMORY = 5;
const SECTION_GLOBAL = 6;
const SECTION_EXPORT = 7;
const SECTION_START = 8;
const SECTION_ELEMENT = 9;
const SECTION_CODE = 10;
const SECTION_DATA = 11;
const SECTION_DATA_COUNT = 12;

/** The binary format, section by section. @see https://webassembly.github.io/spec/core/binary/modules.html */
export function encodeModule(parts: ModuleParts): Uint8Array<ArrayBuffer> {
  const out = new ByteBuffer(1024);
  out.raw(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
  list(out, SECTION_TYPE, parts.types, (body, { params, results }) => {
    body.u8(0x60);
    valTypes(body, params);
    valTypes(body, results);
  });
  list(out, SECTION_IMPORT, parts.imports, encodeImport);
  list(out, SECTION_FUNCTION, parts.funcs, (body, func) => body.u32(func.typeIdx));
  list(out, SECTION_TABLE, parts.tables, encodeTableType);
  list(out, SECTION_MEMORY, parts.memories, encodeLimits);
  list(out, SECTION_GLOBAL, parts.globals, (body, { global, init }) => {
    encodeGlobalType(body, global);
    encodeConstExpr(body, init);
  });
  list(out, SECTION_EXPORT, [...parts.exports], encodeExport);
  if (parts.start !== undefined) {
    const body = new ByteBuffer(8);
    body.u32(indexOf(parts.start));
    section(out, SECTION_START, body);
  }
  list(out, SECTION_ELEMENT, parts.elements, encodeElement);
  if (parts.data.some((segment) => segment.mode === 'passive')) {
    const body = new ByteBuffer(8);
    body.u32(parts.data.length);
    section(out, SECTION_DATA_COUNT, body);
  }
  list(out, SECTION_CODE, parts.funcs, (body, func) => func.encodeBody(body));
  list(out, SECTION_DATA, parts.data, encodeData);
  encodeNames(out, parts);
  return out.finish() as Uint8Array<ArrayBuffer>;
}

function section(out: ByteBuffer, id: number, body: ByteBuffer): void {
  out.u8(id);
  out.vec(body.view());
}

/** A section that is a vector; an empty one is left out. */
function list<T>(out: ByteBuffer, id: number, items: readonly T[], encode: (body: ByteBuffer, item: T) => void): void {
  if (items.length === 0) return;
  const body = new ByteBuffer(1024);
  body.u32(items.length);
  for (const item of items) encode(body, item);
  section(out, id, body);
}

function valTypes(body: ByteBuffer, types: readonly ValType[]): void {
  body.u32(types.length);
  for (const type of types) body.u8(type);
}

function indexOf(func: FuncRef): number {
  if (func.idx < 0) throw new WasmEncodeError(`function ${func.name ?? '?'} is not in the module`);
  return func.idx;
}

function funcIdxs(body: ByteBuffer, funcs: readonly FuncRef[]): void {
  body.u32(funcs.length);
  for (const func of funcs) body.u32(indexOf(func));
}

function encodeTableType(body: ByteBuffer, table: TableType): void {
  body.u8(table.type);
  encodeLimits(body, { min: table.min, max: table.max });
}

function encodeGlobalType(body: ByteBuffer, global: GlobalType): void {
  body.u8(global.type);
  body.u8(global.mutable === true ? 1 : 0);
}

function encodeImport(body: ByteBuffer, entry: Import): void {
  body.name(entry.module);
  body.name(entry.field);
  switch (entry.kind) {
    case 'func':
      body.u8(0);
      return body.u32(entry.func.typeIdx);
    case 'table':
      body.u8(1);
      return encodeTableType(body, entry.table);
    case 'memory':
      body.u8(2);
      return encodeLimits(body, entry.limits);
    case 'global':
      body.u8(3);
      return encodeGlobalType(body, entry.global);
  }
}

function encodeExport(body: ByteBuffer, [name, target]: [string, ExportTarget]): void {
  body.name(name);
  const [kind, idx] =
    'func' in target
      ? [0, indexOf(target.func)]
      : 'table' in target
        ? [1, target.table]
        : 'memory' in target
          ? [2, target.memory]
          : [3, target.global];
  body.u8(kind);
  body.u32(idx);
}

function encodeElement(body: ByteBuffer, segment: ElementSegment): void {
  if (segment.mode === 'active') {
    body.u32(segment.tableIdx === 0 ? 0 : 2);
    if (segment.tableIdx !== 0) body.u32(segment.tableIdx);
    encodeConstExpr(body, segment.offset);
    if (segment.tableIdx !== 0) body.u8(0);
  } else {
    body.u32(segment.mode === 'passive' ? 1 : 3);
    body.u8(0);
  }
  funcIdxs(body, segment.funcs);
}

function encodeData(body: ByteBuffer, segment: DataSegment): void {
  if (segment.mode === 'active') {
    body.u32(0);
    encodeConstExpr(body, segment.offset);
  } else {
    body.u32(1);
  }
  body.vec(segment.bytes);
}
