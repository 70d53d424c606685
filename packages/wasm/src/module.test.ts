// SPDX-License-Identifier: MIT
import initWabt from 'wabt';
import { describe, expect, it } from 'vitest';
import { WasmEncodeError } from './errors.ts';
import type { FunctionBuilder } from './function-builder.ts';
import { BODY } from './function-builder.ts';
import { atomicOp, memOp } from './memory-opcodes.ts';
import { ModuleBuilder } from './module-builder.ts';
import { op } from './opcodes.ts';
import type { ValType } from './types.ts';
import { EXTERNREF, F64, FUNCREF, I32, I64 } from './types.ts';

const wabt = await initWabt();

type Exports = Record<string, (...args: unknown[]) => unknown>;

function run(module: ModuleBuilder, imports: WebAssembly.Imports = {}): Exports {
  const bytes = module.encode();
  expect(WebAssembly.validate(bytes)).toBe(true);
  return new WebAssembly.Instance(new WebAssembly.Module(bytes), imports).exports as Exports;
}

/** One exported function `f` of a module of its own. */
function single(params: ValType[], results: ValType[], write: (f: FunctionBuilder) => void): Exports {
  const module = new ModuleBuilder();
  write(module.func({ params, results, exportAs: 'f' }));
  return run(module);
}

describe('functions', () => {
  it.each([
    0n,
    1n,
    -1n,
    63n,
    64n,
    -64n,
    -65n,
    0x7fffffffn,
    0x80000000n,
    -0x80000001n,
    0xffff888000000000n,
    2n ** 63n - 1n,
  ])('i64 constant %s', (value) => {
    const { f } = single([], [I64], (b) => b.i64Const(value));
    expect(f()).toBe(BigInt.asIntN(64, value));
    const words = single([], [I64], (b) =>
      b.i64ConstWords(Number(value & 0xffffffffn), Number((value >> 32n) & 0xffffffffn)),
    );
    expect(words.f()).toBe(BigInt.asIntN(64, value));
  });

  it('other constants', () => {
    expect(single([], [I32], (b) => b.i32Const(0xffff8880)).f()).toBe(0xffff8880 | 0);
    expect(single([], [I64], (b) => b.i64ConstS32(-5)).f()).toBe(-5n);
    expect(single([], [F64], (b) => b.f64Const(0.1)).f()).toBe(0.1);
  });

  it('loops and branches by label: the factorial', () => {
    const { f } = single([I32], [I64], (b) => {
      const acc = b.local(I64, 'acc');
      b.i64ConstS32(1);
      b.localSet(acc);
      const out = b.block();
      const again = b.loop();
      b.localGet(0);
      b.op(op.i32Eqz);
      b.brIf(out);
      b.localGet(acc);
      b.localGet(0);
      b.op(op.i64ExtendI32U);
      b.op(op.i64Mul);
      b.localSet(acc);
      b.localGet(0);
      b.i32Const(1);
      b.op(op.i32Sub);
      b.localSet(0);
      b.br(again);
      b.end();
      b.end();
      b.localGet(acc);
    });
    expect(f(20)).toBe(2432902008176640000n);
  });

  it('br_table, if with a result, return, and a branch out of the body', () => {
    const { f } = single([I32], [I32], (b) => {
      const other = b.block();
      const two = b.block();
      const one = b.block();
      b.localGet(0);
      b.brTable([one, two], other);
      b.end();
      b.i32Const(100);
      b.return();
      b.end();
      b.i32Const(200);
      b.br(BODY);
      b.end();
      b.localGet(0);
      b.i32Const(10);
      b.op(op.i32GtU);
      b.if(I32);
      b.i32Const(-1);
      b.else();
      b.i32Const(0);
      b.end();
    });
    expect([0, 1, 2, 11].map((arg) => f(arg))).toEqual([100, 200, 0, -1]);
  });

  it('blocks with parameters and several results', () => {
    const module = new ModuleBuilder();
    const swapped = module.type([I32, I32], [I32, I32]);
    const b = module.func({ params: [I32, I32], results: [I32, I32], exportAs: 'f' });
    const tmp = b.borrowLocal(I32);
    b.localGet(0);
    b.localGet(1);
    b.blockOf(swapped);
    b.localSet(tmp);
    b.localSet(0);
    b.localGet(tmp);
    b.localGet(0);
    b.end();
    b.giveBackLocal(I32, tmp);
    expect(b.borrowLocal(I32)).toBe(tmp);
    expect(b.borrowLocal(I32)).not.toBe(tmp);
    expect(b.borrowLocal(I64)).toBe(tmp + 2);
    expect(run(module).f(1, 2)).toEqual([2, 1]);
  });

  it('many locals of mixed types keep their indices', () => {
    const { f } = single([I32], [I64], (b) => {
      const types = Array.from({ length: 300 }, (_, i) => (i % 7 < 3 ? I64 : I32));
      const locals = types.map((type) => b.local(type));
      types.forEach((type, i) => {
        if (type === I64) b.i64ConstS32(i);
        else b.i32Const(i);
        b.localSet(locals[i]);
      });
      b.i64ConstS32(0);
      types.forEach((type, i) => {
        b.localGet(locals[i]);
        if (type === I32) b.op(op.i64ExtendI32U);
        b.op(op.i64Add);
      });
    });
    expect(f(0)).toBe(BigInt((299 * 300) / 2));
  });

  it('complains about constructs that are not balanced', () => {
    const module = new ModuleBuilder();
    const b = module.func({ name: 'odd' });
    const label = b.block();
    expect(() => module.encode()).toThrow(new WasmEncodeError('function odd: 1 blocks are not closed'));
    b.end();
    expect(() => b.end()).toThrow('function odd: end without an open block');
    expect(() => b.br(label)).toThrow('branch to a block that is closed');
  });
});

describe('calls', () => {
  it('reach functions that are imported or defined later', () => {
    const module = new ModuleBuilder();
    const main = module.func({ params: [I32], results: [I32], exportAs: 'main' });
    const helper = module.func({ params: [I32], results: [I32] });
    main.localGet(0);
    main.call(helper);
    const late = module.importFunc('env', 'late', [I32], [I32]);
    main.call(late);
    for (let i = 0; i < 200; i++) module.importFunc('env', 'late', [I32], [I32]);
    helper.localGet(0);
    helper.i32Const(3);
    helper.op(op.i32Mul);
    const { main: f } = run(module, { env: { late: (x: number) => x + 1 } });
    expect(helper.idx).toBe(202);
    expect(f(5)).toBe(16);
  });

  it('tail calls do not use the stack, direct and through a table', () => {
    for (const indirect of [false, true]) {
      const module = new ModuleBuilder();
      const table = module.table({ type: FUNCREF, min: 1 });
      const b = module.func({ params: [I32, I64], results: [I64], exportAs: 'f' });
      b.localGet(0);
      b.op(op.i32Eqz);
      b.if();
      b.localGet(1);
      b.return();
      b.end();
      b.localGet(0);
      b.i32Const(1);
      b.op(op.i32Sub);
      b.localGet(1);
      b.i64ConstS32(2);
      b.op(op.i64Add);
      if (indirect) {
        b.i32Const(0);
        b.returnCallIndirect(b.typeIdx, table);
      } else {
        b.returnCall(b);
      }
      module.element({ mode: 'active', tableIdx: table, offset: { i32: 0 }, funcs: [b] });
      expect(run(module).f(1_000_000, 0n)).toBe(2_000_000n);
    }
  });

  it('call_indirect through the second, imported table; a wrong type traps', () => {
    const module = new ModuleBuilder();
    module.importTable('env', 'unused', { type: EXTERNREF, min: 1 });
    const table = module.importTable('env', 'progs', { type: FUNCREF, min: 4, max: 4 });
    const base = module.importGlobal('env', 'base', { type: I32 });
    const ten = module.func({ results: [I32] });
    ten.i32Const(10);
    const wrong = module.func({ params: [I64] });
    module.element({ mode: 'active', tableIdx: table, offset: { globalGet: base }, funcs: [ten, wrong] });
    const b = module.func({ params: [I32], results: [I32], exportAs: 'f' });
    b.localGet(0);
    b.callIndirect(ten.typeIdx, table);
    const progs = new WebAssembly.Table({ element: 'anyfunc', initial: 4, maximum: 4 });
    const { f } = run(module, {
      env: { unused: new WebAssembly.Table({ element: 'externref', initial: 1 }), progs, base: 2 },
    });
    expect(f(2)).toBe(10);
    for (const idx of [0, 3, 4]) expect(() => f(idx)).toThrow(WebAssembly.RuntimeError);
  });

  it('table instructions and references to functions', () => {
    const module = new ModuleBuilder();
    const table = module.table({ type: FUNCREF, min: 1, max: 8 });
    const seven = module.func({ results: [I32] });
    seven.i32Const(7);
    module.element({ mode: 'declarative', funcs: [seven] });
    const b = module.func({ results: [I32, I32, I32], exportAs: 'f' });
    b.refNull(FUNCREF);
    b.i32Const(3);
    b.tableGrow(table);
    b.op(op.drop);
    b.i32Const(1);
    b.refFunc(seven);
    b.i32Const(2);
    b.tableFill(table);
    b.i32Const(3);
    b.i32Const(1);
    b.tableGet(table);
    b.tableSet(table);
    b.tableSize(table);
    b.i32Const(3);
    b.callIndirect(seven.typeIdx, table);
    b.i32Const(0);
    b.tableGet(table);
    b.op(op.refIsNull);
    expect(run(module).f()).toEqual([4, 7, 1]);
  });

  it('refuses functions of another module', () => {
    const foreign = new ModuleBuilder().func({ name: 'foreign' });
    const module = new ModuleBuilder();
    module.func({ name: 'main' }).call(foreign);
    expect(() => module.encode()).toThrow('function main: calls foreign, which is not in the module');
  });
});

describe('memory', () => {
  it('loads and stores on an imported memory, with offsets above 2 GiB', () => {
    const module = new ModuleBuilder();
    module.importMemory('env', 'mem', { min: 1, max: 65536 });
    const b = module.func({ params: [I32], results: [I64], exportAs: 'f' });
    b.localGet(0);
    b.i64Const(0x1122334455667788n);
    b.memory(memOp.i64Store, 8, 0);
    b.localGet(0);
    b.memory(memOp.i64Load16S, 10);
    const high = module.func({ results: [I64], exportAs: 'high' });
    high.i32Const(-8);
    high.memory(memOp.i64Load, 0x80000000);
    const mem = new WebAssembly.Memory({ initial: 1, maximum: 65536 });
    const { f, high: trap } = run(module, { env: { mem } });
    expect(f(3)).toBe(0x5566n);
    expect(new DataView(mem.buffer).getBigUint64(11, true)).toBe(0x1122334455667788n);
    expect(() => trap()).toThrow(WebAssembly.RuntimeError);
  });

  it('bulk operations and both kinds of data segments', () => {
    const module = new ModuleBuilder();
    module.export('mem', { memory: module.memory({ min: 1 }) });
    module.data({ mode: 'active', offset: { i32: 4 }, bytes: Uint8Array.of(1, 2, 3) });
    const passive = module.data({ mode: 'passive', bytes: Uint8Array.of(7, 8, 9) });
    const b = module.func({ results: [I32], exportAs: 'f' });
    for (const [dst, src, len] of [[16, 4, 3]]) {
      b.i32Const(dst);
      b.i32Const(src);
      b.i32Const(len);
      b.memoryCopy();
    }
    b.i32Const(19);
    b.i32Const(0xab);
    b.i32Const(2);
    b.memoryFill();
    b.i32Const(21);
    b.i32Const(1);
    b.i32Const(2);
    b.memoryInit(passive);
    b.dataDrop(passive);
    b.i32Const(2);
    b.memoryGrow();
    b.op(op.drop);
    b.memorySize();
    const exports = run(module);
    expect(exports.f()).toBe(3);
    const mem = exports.mem as unknown as WebAssembly.Memory;
    expect([...new Uint8Array(mem.buffer, 16, 7)]).toEqual([1, 2, 3, 0xab, 0xab, 8, 9]);
  });

  it.each<[keyof typeof atomicOp, bigint, bigint]>([
    ['i64AtomicRmwAdd', 5n, 0x1122334455667788n + 5n],
    ['i64AtomicRmwSub', 0x88n, 0x1122334455667700n],
    ['i64AtomicRmwAnd', 0xffn, 0x88n],
    ['i64AtomicRmwOr', 0xffn, 0x11223344556677ffn],
    ['i64AtomicRmwXor', 0xffn, 0x1122334455667777n],
    ['i64AtomicRmwXchg', 1n, 1n],
    ['i64AtomicRmw32AddU', 0xaa998878n, 0x1122334400000000n],
    ['i64AtomicRmw16XchgU', 1n, 0x1122334455660001n],
    ['i64AtomicRmw8OrU', 0x77n, 0x11223344556677ffn],
  ])('atomic %s', (name, operand, after) => {
    const module = new ModuleBuilder();
    module.importMemory('env', 'mem', { min: 1, max: 1, shared: true });
    const b = module.func({ params: [I64], results: [I64], exportAs: 'f' });
    b.i32Const(0);
    b.i64Const(0x1122334455667788n);
    b.atomic(atomicOp.i64AtomicStore, 8);
    b.atomicFence();
    b.i32Const(8);
    b.localGet(0);
    b.atomic(atomicOp[name]);
    const mem = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
    const width = name.includes('32') ? 32 : name.includes('16') ? 16 : name.includes('w8') ? 8 : 64;
    expect(run(module, { env: { mem } }).f(operand)).toBe(BigInt.asUintN(width, 0x1122334455667788n));
    expect(new DataView(mem.buffer).getBigUint64(8, true)).toBe(after);
  });

  it('atomic compare-exchange on a memory that is not shared', () => {
    const module = new ModuleBuilder();
    module.memory({ min: 1 });
    const b = module.func({ params: [I32, I32], results: [I32, I32], exportAs: 'f' });
    b.i32Const(0);
    b.localGet(0);
    b.localGet(1);
    b.atomic(atomicOp.i32AtomicRmwCmpxchg);
    b.i32Const(0);
    b.atomic(atomicOp.i32AtomicLoad);
    const { f } = run(module);
    expect([f(1, 2), f(0, 5), f(5, 6)]).toEqual([
      [0, 0],
      [0, 5],
      [5, 6],
    ]);
  });
});

describe('modules', () => {
  it('globals, start function, and exports of every kind', () => {
    const module = new ModuleBuilder();
    const base = module.importGlobal('env', 'base', { type: I32 });
    const count = module.global({ type: I64, mutable: true }, { i64: -(2n ** 40n) });
    const copy = module.global({ type: I32 }, { globalGet: base });
    module.export('count', { global: count });
    module.export('table', { table: module.table({ type: FUNCREF, min: 2, max: 3 }) });
    const start = module.func();
    start.globalGet(count);
    start.globalGet(copy);
    start.op(op.i64ExtendI32S);
    start.op(op.i64Add);
    start.globalSet(count);
    module.start(start);
    const exports = run(module, { env: { base: -7 } });
    expect((exports.count as unknown as WebAssembly.Global).value).toBe(-(2n ** 40n) - 7n);
    expect((exports.table as unknown as WebAssembly.Table).length).toBe(2);
  });

  it('equal types are one', () => {
    const module = new ModuleBuilder();
    expect(module.type([I32], [I64])).toBe(module.type([I32], [I64]));
    expect(module.type([I32, I64], [])).not.toBe(module.type([I32], [I64]));
  });

  it('refuses indices that would shift, names that clash, and shared memories without a limit', () => {
    const module = new ModuleBuilder();
    module.global({ type: I32 }, { i32: 1 });
    expect(() => module.importGlobal('env', 'g', { type: I32 })).toThrow(WasmEncodeError);
    module.export('x', { global: 0 });
    expect(() => module.export('x', { global: 0 })).toThrow("two exports are called 'x'");
    expect(() => module.memory({ min: 1, shared: true })).toThrow(WasmEncodeError);
  });

  it('encodes again after additions', () => {
    const module = new ModuleBuilder();
    const b = module.func({ results: [I32], exportAs: 'f' });
    b.i32Const(1);
    module.encode();
    b.call(module.importFunc('env', 'one', [], [I32]));
    b.op(op.i32Add);
    expect(run(module, { env: { one: () => 41 } }).f()).toBe(42);
  });

  it('prints as it was written, with names', () => {
    const module = new ModuleBuilder('prog');
    const lookup = module.importFunc('env', 'map_lookup', [I32, I32], [I32]);
    module.importMemory('env', 'memory', { min: 16, max: 65536 });
    const b = module.func({ name: 'xdp_main', params: [I32], results: [I32], paramNames: ['ctx'], exportAs: 'run' });
    const r0 = b.local(I64, 'r0');
    b.localGet(0);
    b.memory(memOp.i64Load32U, 4);
    b.localSet(r0);
    const out = b.block();
    b.localGet(r0);
    b.op(op.i64Eqz);
    b.brIf(out);
    b.i32Const(1);
    b.localGet(0);
    b.call(lookup);
    b.return();
    b.end();
    b.localGet(r0);
    b.op(op.i32WrapI64);
    const parsed = wabt.readWasm(module.encode(), { readDebugNames: true });
    parsed.applyNames();
    expect(parsed.toText({})).toBe(`(module $prog
  (type (;0;) (func (param i32 i32) (result i32)))
  (type (;1;) (func (param i32) (result i32)))
  (import "env" "map_lookup" (func $map_lookup (type 0)))
  (import "env" "memory" (memory (;0;) 16 65536))
  (func $xdp_main (type 1) (param $ctx i32) (result i32)
    (local $r0 i64)
    local.get $ctx
    i64.load32_u offset=4
    local.set $r0
    block  ;; label = @1
      local.get $r0
      i64.eqz
      br_if 0 (;@1;)
      i32.const 1
      local.get $ctx
      call $map_lookup
      return
    end
    local.get $r0
    i32.wrap_i64)
  (export "run" (func $xdp_main)))
`);
  });

  it('holds a function of a hundred thousand instructions', () => {
    const { f } = single([I64], [I64], (b) => {
      const acc = b.local(I64);
      for (let i = 0; i < 25_000; i++) {
        b.localGet(acc);
        b.localGet(0);
        b.op(i % 2 === 0 ? op.i64Add : op.i64Xor);
        b.localSet(acc);
      }
      b.localGet(acc);
    });
    let expected = 0n;
    for (let i = 0; i < 25_000; i++) expected = BigInt.asIntN(64, i % 2 === 0 ? expected + 12345n : expected ^ 12345n);
    expect(f(12345n)).toBe(expected);
  });
});
