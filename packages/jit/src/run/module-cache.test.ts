// SPDX-License-Identifier: MIT
import { ModuleBuilder, op } from '@tsbpf/wasm';
import { describe, expect, it } from 'vitest';
import { InternalError } from '@tsbpf/uapi';
import type { Translation } from '../translate/program.ts';
import { TooLargeError } from '../translate/too-large.ts';
import { ModuleCache } from './module-cache.ts';

/** A module of so many instructions that do nothing. */
function translation(nops: number): Translation {
  const module = new ModuleBuilder();
  const fn = module.func({ exportAs: 'f' });
  for (let i = 0; i < nops; i++) fn.op(op.nop);
  return { bytes: module.encode(), programs: [] };
}

describe('compiled modules', () => {
  it('are kept by what they are made of', () => {
    const cache = new ModuleCache();
    const { module } = cache.compile(translation(3));
    expect(cache.compile(translation(3)).module).toBe(module);
    expect(cache.compile(translation(4)).module).not.toBe(module);
    for (let i = 10; i < 100; i++) cache.compile(translation(i));
    expect(cache.compile(translation(3)).module).not.toBe(module);
  });

  it('that a Wasm engine has no room for are too large; invalid ones are our own bug', () => {
    const { Module } = WebAssembly;
    const refuse = (error: Error): void => {
      Reflect.set(WebAssembly, 'Module', function refused() {
        throw error;
      });
    };
    try {
      refuse(new RangeError('disallowed on the main thread, if the buffer size is larger than 8MB'));
      expect(() => new ModuleCache().compile(translation(1))).toThrow(TooLargeError);
      refuse(new WebAssembly.CompileError('invalid opcode'));
      expect(() => new ModuleCache().compile(translation(1))).toThrow(InternalError);
    } finally {
      Reflect.set(WebAssembly, 'Module', Module);
    }
  });
});
