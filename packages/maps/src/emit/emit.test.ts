// SPDX-License-Identifier: MIT
// Emitted lookups answer what the operations answer, and leave the same in memory.
import { describe, expect, it } from 'vitest';
import type { BpfMap, MapWasmOp, WasmCall } from '@tsbpf/core';
import { TestMap, answerText, createTestSys, randomSource, u32s } from '@tsbpf/testkit';
import { BPF_F_NO_PREALLOC, InternalError, type MapCreateAttr } from '@tsbpf/uapi';
import { I32, ModuleBuilder, op as wasmOp, type FuncRef } from '@tsbpf/wasm';
import { HtabMap, mapTypes } from '../index.ts';

type Sys = ReturnType<typeof createTestSys>;

/** A module with one function: the operation, its operands R2 and R3. Undefined where nothing is emitted. */
function compile(sys: Sys, map: BpfMap, name: MapWasmOp): ((r2: number, r3: number) => number) | undefined {
  const module = new ModuleBuilder();
  module.importMemory('k', 'memory', { min: 1, max: 65_536 });
  const fn = module.func({ params: [I32, I32], results: [I32], exportAs: 'run' });
  const made = new Map<string, FuncRef>();
  const call: WasmCall = {
    fn,
    kernel: sys.state,
    sharedMemory: false,
    arg: (index) => (index < 4 ? fn.localGet(index - 2) : fn.i32Const(0)),
    // R4, the flags, is 0.
    arg64(index) {
      if (index < 4) fn.localGet(index - 2);
      else fn.i32Const(0);
      fn.op(wasmOp.i64ExtendI32U);
    },
    moduleFunction(key, signature, build) {
      let func = made.get(key);
      if (func === undefined) {
        const builder = module.func({ name: key, ...signature });
        build(builder);
        made.set(key, (func = builder));
      }
      return func;
    },
  };
  if (map.def.ops.emitWasm?.(call, name, map) !== true) return undefined;
  const instance = new WebAssembly.Instance(new WebAssembly.Module(module.encode()), {
    k: { memory: sys.state.mem.wasm },
  });
  return instance.exports.run as (r2: number, r3: number) => number;
}

function open(sys: Sys, attr: MapCreateAttr): { handle: TestMap; map: BpfMap } {
  const handle = new TestMap(sys, attr);
  const file = sys.state.fds.get(handle.fd, 'map');
  if (typeof file === 'number') throw new InternalError('no map');
  return { handle, map: file.map };
}

const HASH = { map_type: 1, key_size: 4, value_size: 8, max_entries: 60 };
const lookups: readonly (readonly [string, MapCreateAttr])[] = [
  ['array', { map_type: 2, key_size: 4, value_size: 12, max_entries: 50 }],
  ...[1, 2, 3, 4, 6, 8, 11, 16, 63, 64].map(
    (key_size) => [`hash, keys of ${key_size}`, { ...HASH, key_size }] as const,
  ),
  ['hash on demand', { ...HASH, key_size: 5, map_flags: BPF_F_NO_PREALLOC }],
  ['lru_hash', { ...HASH, map_type: 9, key_size: 7 }],
];

/** Keys that a walk meets, in its order. */
function walked(sys: Sys, handle: TestMap): string[] {
  const walk = sys.walkMap?.(handle.fd);
  if (walk === undefined || typeof walk === 'number') throw new InternalError('no walk');
  const keys: string[] = [];
  while (walk.next()) keys.push(answerText(new Uint8Array(walk.keys.buffer, walk.keyAt, handle.keySize).slice()));
  return keys;
}

describe('emitted updates and deletions', () => {
  it.each([HASH, { ...HASH, max_entries: 25 }])('leave walks as the operations do: %o', (attr) => {
    const emitted = createTestSys({ rows: { mapTypes } });
    const called = createTestSys({ rows: { mapTypes } });
    const [one, two] = [open(emitted, attr), open(called, attr)];
    const [update, remove] = [compile(emitted, one.map, 'update'), compile(emitted, one.map, 'delete')];
    const [key, value] = [emitted.state.mem.alloc(8), emitted.state.mem.alloc(8)];
    const random = randomSource(8);
    let changed = 0;
    for (let i = 0; i < 3000; i++) {
      const bytes = u32s(random(40));
      emitted.state.mem.writeBytes(key, bytes);
      emitted.state.mem.write32(value, i);
      const doUpdate = random(3) !== 0;
      const got = doUpdate ? update?.(key, value) : remove?.(key, 0);
      expect(got).toBe(doUpdate ? two.handle.update(bytes, u32s(i, 0)) : two.handle.delete(bytes));
      if (got === 0) changed++;
      const keys = walked(emitted, one.handle);
      expect(keys).toEqual(walked(called, two.handle));
      expect([...keys].sort()).toEqual(one.handle.keys().map(answerText).sort());
    }
    expect(changed).toBeGreaterThan(1500);
  });
});

describe('emitted lookups', () => {
  for (const above of [false, true]) {
    it.each(lookups)(`%s${above ? ' above 2 GiB' : ''}`, (_title, attr) => {
      const sys = createTestSys({ rows: { mapTypes } });
      if (above) expect(sys.state.mem.alloc(0x8000_0000)).toBeGreaterThan(0);
      const { handle, map } = open(sys, attr);
      const { mem } = sys.state;
      const [lookup, lookupRaw] = [compile(sys, map, 'lookup'), compile(sys, map, 'lookupRaw')];
      const key = mem.alloc(128) + 1;
      const random = randomSource(2);
      let found = 0;
      for (let i = 0; i < 2000; i++) {
        const bytes = new Uint8Array(map.keySize);
        bytes[map.keySize - 1 - random(Math.min(4, map.keySize))] = random(map.keySize > 3 ? 40 : 99);
        if (map.type === 2) bytes.fill(0, 1);
        const choice = random(3);
        if (choice === 0) handle.update(bytes, new Uint8Array(map.valueSize).fill(i));
        else if (choice === 1) handle.delete(bytes);
        mem.writeBytes(key, bytes);
        const raw = lookupRaw?.(key, 0) ?? 0;
        expect(raw >>> 0).toBe(map.def.ops.lookupRaw?.(map, key) ?? 0);
        if (map instanceof HtabMap && map.lru !== undefined && raw !== 0) mem.write8(raw + map.layout.ref, 0);
        const got = lookup?.(key, 0) ?? NaN;
        // Looks at the mark before the operation sets it, too.
        if (map instanceof HtabMap && map.lru !== undefined && raw !== 0) {
          expect(mem.read8(raw + map.layout.ref)).toBe(1);
        }
        expect(got >>> 0).toBe(map.def.ops.lookup?.(map, key));
        if (got !== 0) found++;
      }
      expect(found).toBeGreaterThan(200);
    });
  }

  it.each([1, 2, 4, 7, 8, 16])('lpm_trie, %i bytes of data', (dataSize) => {
    for (const rulesOf of ['5.6', '6.18'] as const) {
      const sys = createTestSys({ rows: { mapTypes }, rulesOf });
      const attr = {
        map_type: 11,
        key_size: 4 + dataSize,
        value_size: 4,
        max_entries: 300,
        map_flags: BPF_F_NO_PREALLOC,
      };
      const { handle, map } = open(sys, attr);
      const lookup = compile(sys, map, 'lookup');
      const random = randomSource(dataSize);
      const key = sys.state.mem.alloc(64) + 3;
      let found = 0;
      for (let i = 0; i < 3000; i++) {
        const bytes = new Uint8Array(4 + dataSize).map(() => (random(3) === 0 ? random(256) : random(2) * 128));
        bytes.set(u32s(random(dataSize * 8 + 3)));
        if (random(4) === 0) handle.delete(bytes);
        else if (random(3) === 0) handle.update(bytes, u32s(i));
        sys.state.mem.writeBytes(key, bytes);
        const got = lookup?.(key, 0) ?? NaN;
        expect(got >>> 0).toBe(map.def.ops.lookup?.(map, key));
        if (got !== 0) found++;
      }
      expect(found).toBeGreaterThan(200);
    }
  });

  it.each([
    [12, 0],
    [13, 0],
    [13, BPF_F_NO_PREALLOC],
  ])('of inner maps: type %i, flags %i', (map_type, map_flags) => {
    const sys = createTestSys({ rows: { mapTypes } });
    const inner = open(sys, HASH);
    const attr = { map_type, key_size: 4, value_size: 4, max_entries: 3, map_flags, inner_map_fd: inner.handle.fd };
    const { handle, map } = open(sys, attr);
    handle.update(u32s(1), u32s(inner.handle.fd));
    const lookup = compile(sys, map, 'lookup');
    const key = sys.state.mem.alloc(4);
    const answers = [0, 1, 2, 3, 0xffffffff].map((index) => {
      sys.state.mem.write32(key, index);
      return lookup?.(key, 0);
    });
    expect(answers).toEqual([0, inner.map.off, 0, 0, 0]);
  });

  it('of tail call targets', () => {
    const sys = createTestSys({ rows: { mapTypes } });
    const { map } = open(sys, { map_type: 3, key_size: 4, value_size: 4, max_entries: 4 });
    const target = compile(sys, map, 'tailCallTarget');
    expect(target?.(0, 2)).toBe(0);
    sys.state.mem.write64((map as BpfMap & { dataOff: number }).dataOff + 16, sys.state.mem.toAddr(0x12345678));
    expect(target?.(0, 2)).toBe(0x12345678);
    expect(target?.(0, 3)).toBe(0);
  });

  it('are left out where nothing is gained', () => {
    const sys = createTestSys({ rows: { mapTypes } });
    const { map } = open(sys, { ...HASH, key_size: 65 });
    expect(compile(sys, map, 'lookup')).toBeUndefined();
    expect(compile(sys, open(sys, { ...HASH, map_flags: BPF_F_NO_PREALLOC }).map, 'update')).toBeUndefined();
  });
});
