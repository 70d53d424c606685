// SPDX-License-Identifier: MIT
import initWabt from 'wabt';
import { describe, expect, it } from 'vitest';
import { atomicOp, memOp } from './memory-opcodes.ts';
import { ModuleBuilder } from './module-builder.ts';
import { op } from './opcodes.ts';

const wabt = await initWabt();

/** `i32AtomicRmw8AddU` is `i32.atomic.rmw8.add_u` in the text format. */
function textName(name: string): string {
  const [, type, rest] = /^(i32|i64|f64|ref|memory)?(.*)$/.exec(name) ?? [];
  const words = rest.match(/^[a-z]+[0-9]*|[A-Z][a-z]*[0-9]*/g) ?? [];
  const lower = words.map((word) => word.toLowerCase());
  if (type === undefined) return lower.join('_');
  if (type === 'memory') return `memory.atomic.${lower.join('_')}`;
  if (lower[0] !== 'atomic') return `${type}.${lower.join('_')}`;
  const [, access, ...more] = lower;
  const tail = more.join('_');
  return `${type}.atomic.${access}${tail === '' ? '' : access.startsWith('rmw') ? `.${tail}` : `_${tail}`}`;
}

/** What wabt prints for one instruction behind an `unreachable`, where any operands will do. */
function printed(emit: (module: ModuleBuilder) => void): string {
  const module = new ModuleBuilder();
  module.memory({ min: 1, max: 1, shared: true });
  emit(module);
  const bytes = module.encode();
  expect(WebAssembly.validate(bytes)).toBe(true);
  const parsed = wabt.readWasm(bytes, { threads: true });
  const lines = parsed.toText({}).split('\n');
  return (lines[lines.findIndex((line) => line.trim() === 'unreachable') + 1] ?? '').trim().replace(/\)+$/, '');
}

describe('opcodes mean what their names say', () => {
  it.each(Object.entries(op).filter(([name]) => name !== 'unreachable'))('op.%s', (name, code) => {
    const text = printed((module) => {
      const func = module.func();
      func.op(op.unreachable);
      func.op(code);
      func.op(op.unreachable);
    });
    expect(text).toBe(textName(name));
  });

  it.each(Object.entries(memOp))('memOp.%s, aligned naturally, with the largest offset', (name, code) => {
    const text = printed((module) => {
      const func = module.func();
      func.op(op.unreachable);
      func.memory(code, 0xffffffff);
      func.op(op.unreachable);
    });
    expect(text).toBe(`${textName(name)} offset=4294967295`);
  });

  it.each(Object.entries(atomicOp))('atomicOp.%s', (name, code) => {
    const text = printed((module) => {
      const func = module.func();
      func.op(op.unreachable);
      func.atomic(code, 16);
      func.op(op.unreachable);
    });
    expect(text).toBe(`${textName(name)} offset=16`);
  });
});
