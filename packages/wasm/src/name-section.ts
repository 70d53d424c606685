// SPDX-License-Identifier: MIT
import { ByteBuffer } from './byte-buffer.ts';
import type { ModuleParts } from './module-parts.ts';
import type { FuncRef } from './types.ts';

const NAMES_MODULE = 0;
const NAMES_FUNCTIONS = 1;
const NAMES_LOCALS = 2;

/** The custom section that debuggers and profilers read; left out where nothing of the module itself has a name. */
export function encodeNames(out: ByteBuffer, parts: ModuleParts): void {
  const body = new ByteBuffer(256);
  body.name('name');
  const empty = body.length;
  if (parts.name !== undefined) {
    const sub = new ByteBuffer(64);
    sub.name(parts.name);
    subsection(body, NAMES_MODULE, sub);
  }
  if (parts.name !== undefined || parts.funcs.some((func) => func.name !== undefined)) {
    const imported = parts.imports.flatMap((entry): FuncRef[] => (entry.kind === 'func' ? [entry.func] : []));
    const named = [...imported, ...parts.funcs].filter((func) => func.name !== undefined);
    const sub = new ByteBuffer(256);
    sub.u32(named.length);
    for (const func of named) nameOf(sub, func.idx, func.name ?? '');
    subsection(body, NAMES_FUNCTIONS, sub);
  }
  const withLocals = parts.funcs.filter((func) => func.localNames.size > 0);
  if (withLocals.length > 0) {
    const sub = new ByteBuffer(256);
    sub.u32(withLocals.length);
    for (const func of withLocals) {
      sub.u32(func.idx);
      sub.u32(func.localNames.size);
      for (const [idx, name] of [...func.localNames].sort(([a], [b]) => a - b)) nameOf(sub, idx, name);
    }
    subsection(body, NAMES_LOCALS, sub);
  }
  if (body.length === empty) return;
  out.u8(0);
  out.vec(body.view());
}

function nameOf(sub: ByteBuffer, idx: number, name: string): void {
  sub.u32(idx);
  sub.name(name);
}

function subsection(body: ByteBuffer, id: number, sub: ByteBuffer): void {
  body.u8(id);
  body.vec(sub.view());
}
