// SPDX-License-Identifier: MIT
import { EINVAL, EOPNOTSUPP, BtfError } from '@tsbpf/uapi';
import { describe, expect, it } from 'vitest';
import { createBtfBuilder } from '../encode/builder.ts';
import * as K from '../kinds.ts';
import type { Btf } from '../model/btf.ts';
import * as C from './kinds.ts';
import { computeCoreRelo, type CoreReloResult } from './relo.ts';

/** The program's view: few members, other places. */
function local(): Btf {
  const b = createBtfBuilder();
  const int = b.int('int', 4, { encoding: K.BTF_INT_SIGNED });
  const u32 = b.int('unsigned int', 4);
  const ptr = b.ptr(0);
  const arr = b.array(int, u32, 4);
  b.struct('task', 40, [
    { name: 'pid', typeId: int, bitOffset: 0 },
    { name: 'flag', typeId: u32, bitOffset: 32, bitSize: 1 },
    { name: 'len', typeId: u32, bitOffset: 64 },
    { name: 'p', typeId: ptr, bitOffset: 128 },
    { name: 'arr', typeId: arr, bitOffset: 192 },
  ]);
  b.struct('task___v2', 4, [{ name: 'gone', typeId: int, bitOffset: 0 }]);
  b.add({
    kind: K.BTF_KIND_ENUM,
    name: 'mode',
    size: 4,
    signed: false,
    values: [
      { name: 'OFF', value: 0 },
      { name: 'ON___new', value: 1 },
      { name: 'LOST', value: 2 },
    ],
  });
  b.struct('', 4, [{ name: 'x', typeId: int, bitOffset: 0 }]);
  b.struct('absent', 12, [{ name: 'x', typeId: int, bitOffset: 0 }]);
  return b.build();
}

/** The kernel's. */
function kernel(): Btf {
  const b = createBtfBuilder();
  const int = b.int('int', 4, { encoding: K.BTF_INT_SIGNED });
  const u64 = b.int('unsigned long', 8);
  const ptr = b.ptr(int);
  const arr = b.array(int, u64, 8);
  const inner = b.struct('', 16, [
    { name: 'flag', typeId: u64, bitOffset: 37, bitSize: 1 },
    { name: 'len', typeId: u64, bitOffset: 64 },
  ]);
  b.struct('task', 96, [
    { name: 'pad', typeId: u64, bitOffset: 0 },
    { name: '', typeId: inner, bitOffset: 64 },
    { name: 'pid', typeId: int, bitOffset: 192 },
    { name: 'p', typeId: ptr, bitOffset: 256 },
    { name: 'arr', typeId: arr, bitOffset: 320 },
  ]);
  b.add({
    kind: K.BTF_KIND_ENUM64,
    name: 'mode',
    size: 8,
    signed: false,
    values: [
      { name: 'OFF', value: 0n },
      { name: 'ON', value: 1n << 33n },
    ],
  });
  return b.build();
}

const localBtf = local();
const target = kernel();

function relo(typeId: number, accessStr: string, kind: number): CoreReloResult {
  return computeCoreRelo({ localBtf, relo: { typeId, accessStr, kind }, targets: [{ btf: target, name: 'vmlinux' }] });
}

const TASK = 5;
const TASK_V2 = 6;
const MODE = 7;
const ABSENT = 9;

describe('computeCoreRelo', () => {
  it.each([
    ['offset', TASK, '0:0', C.BPF_CORE_FIELD_BYTE_OFFSET, 0n, 24n],
    ['offset in an anonymous member', TASK, '0:2', C.BPF_CORE_FIELD_BYTE_OFFSET, 8n, 16n],
    ['offset of an element of the second struct', TASK, '1:4:3', C.BPF_CORE_FIELD_BYTE_OFFSET, 76n, 148n],
    ['size', TASK, '0:2', C.BPF_CORE_FIELD_BYTE_SIZE, 4n, 8n],
    ['size of an array', TASK, '0:4', C.BPF_CORE_FIELD_BYTE_SIZE, 16n, 32n],
    ['sign', TASK, '0:0', C.BPF_CORE_FIELD_SIGNED, 1n, 1n],
    ['unit of a bitfield', TASK, '0:1', C.BPF_CORE_FIELD_BYTE_OFFSET, 4n, 8n],
    ['left shift of a bitfield', TASK, '0:1', C.BPF_CORE_FIELD_LSHIFT_U64, 63n, 26n],
    ['right shift of a bitfield', TASK, '0:1', C.BPF_CORE_FIELD_RSHIFT_U64, 63n, 63n],
    ['a field that exists', TASK, '0:0', C.BPF_CORE_FIELD_EXISTS, 1n, 1n],
    ['a field that does not', TASK_V2, '0:0', C.BPF_CORE_FIELD_EXISTS, 1n, 0n],
    ['a local id', ABSENT, '0', C.BPF_CORE_TYPE_ID_LOCAL, 9n, 9n],
    ['a target id', TASK, '0', C.BPF_CORE_TYPE_ID_TARGET, 5n, 6n],
    ['a target id that is not', ABSENT, '0', C.BPF_CORE_TYPE_ID_TARGET, 9n, 0n],
    ['a type that exists', TASK, '0', C.BPF_CORE_TYPE_EXISTS, 1n, 1n],
    ['a type that does not', ABSENT, '0', C.BPF_CORE_TYPE_EXISTS, 1n, 0n],
    ['the size of a type', TASK, '0', C.BPF_CORE_TYPE_SIZE, 40n, 96n],
    ['a type that does not match', TASK, '0', C.BPF_CORE_TYPE_MATCHES, 1n, 0n],
    ['an enumerator of 64 bits, flavor aside', MODE, '1', C.BPF_CORE_ENUMVAL_VALUE, 1n, 1n << 33n],
    ['an enumerator that exists', MODE, '0', C.BPF_CORE_ENUMVAL_EXISTS, 1n, 1n],
    ['an enumerator that does not', MODE, '2', C.BPF_CORE_ENUMVAL_EXISTS, 1n, 0n],
  ])('%s', (_, typeId, accessStr, kind, origValue, newValue) => {
    expect(relo(typeId, accessStr, kind)).toMatchObject({ poison: false, origValue, newValue });
  });

  it('poisons what has no value', () => {
    expect(relo(TASK_V2, '0:0', C.BPF_CORE_FIELD_BYTE_OFFSET).poison).toBe(true);
    expect(relo(MODE, '2', C.BPF_CORE_ENUMVAL_VALUE).poison).toBe(true);
  });

  it('lets unsigned integers and pointers change size, not others', () => {
    expect(relo(TASK, '0:2', C.BPF_CORE_FIELD_BYTE_OFFSET)).toMatchObject({
      origSize: 4,
      newSize: 8,
      failMemSizeAdjust: false,
    });
    expect(relo(TASK, '0:4', C.BPF_CORE_FIELD_BYTE_OFFSET)).toMatchObject({ failMemSizeAdjust: true });
  });

  it('does not check what the compiler says of bitfields and target ids', () => {
    expect(relo(TASK, '0:1', C.BPF_CORE_FIELD_BYTE_OFFSET).validate).toBe(false);
    expect(relo(TASK, '0:1', C.BPF_CORE_FIELD_RSHIFT_U64).validate).toBe(true);
    expect(relo(TASK, '0', C.BPF_CORE_TYPE_ID_TARGET).validate).toBe(false);
  });

  it('logs as libbpf', () => {
    const lines: string[] = [];
    computeCoreRelo({
      localBtf,
      relo: { typeId: TASK, accessStr: '0:1', kind: C.BPF_CORE_FIELD_BYTE_OFFSET },
      targets: [{ btf: target, name: 'vmlinux' }],
      progName: 'p',
      reloIdx: 3,
      log: (level, text) => lines.push(`${level} ${text}`),
    });
    expect(lines).toEqual([
      "debug prog 'p': relo #3: <byte_off> [5] struct task.flag (0:1 @ offset 4)",
      'debug CO-RE relocating [5] struct task: found target candidate [6] struct task in [vmlinux]',
      "debug prog 'p': relo #3: matching candidate #0 <byte_off> [6] struct task.flag (0:1:0 @ offset 12.5)",
    ]);
  });

  it.each([
    ['a malformed string', TASK, ':1', 0, EINVAL],
    ['a member too many', TASK, '0:9', 0, EINVAL],
    ['an element too many', TASK, '0:4:4', 0, EINVAL],
    ['a member of an int', TASK, '0:0:0', 0, EINVAL],
    ['the sign of an element', TASK, '0:4:1', C.BPF_CORE_FIELD_SIGNED, EINVAL],
    ['a long string', TASK, Array(65).fill('0').join(':'), 0, EINVAL],
    ['an anonymous root', 8, '0:0', 0, EOPNOTSUPP],
    ['an unknown kind', TASK, '0', 13, EOPNOTSUPP],
    ['no type of that id', 99, '0', 8, EINVAL],
  ])('refuses %s', (_, typeId, accessStr, kind, errno) => {
    let error: unknown;
    try {
      relo(typeId, accessStr, kind);
    } catch (e) {
      error = e;
    }
    expect(error).toBeInstanceOf(BtfError);
    expect((error as BtfError).errno).toBe(errno);
  });

  it('refuses candidates that disagree, and narrows those that agree', () => {
    const b = createBtfBuilder();
    const int = b.int('int', 4, { encoding: K.BTF_INT_SIGNED });
    b.struct('task', 8, [{ name: 'pid', typeId: int, bitOffset: 0 }]);
    b.struct('task___x', 8, [{ name: 'pid', typeId: int, bitOffset: 32 }]);
    b.struct('task___y', 8, [{ name: 'len', typeId: int, bitOffset: 32 }]);
    const targets = [{ btf: b.build(), name: 'vmlinux' }];
    const run = (accessStr: string, kind: number): CoreReloResult =>
      computeCoreRelo({ localBtf, relo: { typeId: TASK, accessStr, kind }, targets });
    expect(() => run('0:0', C.BPF_CORE_FIELD_BYTE_OFFSET)).toThrow(/field offset ambiguity: 32 != 0/);
    expect(run('0:2', C.BPF_CORE_FIELD_BYTE_OFFSET).candidates.map((c) => c.typeId)).toEqual([4]);
    expect(run('0:3', C.BPF_CORE_FIELD_EXISTS).candidates).toHaveLength(3);
  });

  it('searches modules only where the kernel has no candidate', () => {
    const mod = createBtfBuilder({ base: target });
    const s = mod.struct('absent', 20, []);
    mod.struct('task', 1, []);
    const targets = [
      { btf: target, name: 'vmlinux' },
      { btf: mod.build(), name: 'mod' },
    ];
    const size = (typeId: number): CoreReloResult =>
      computeCoreRelo({ localBtf, relo: { typeId, accessStr: '0', kind: C.BPF_CORE_TYPE_SIZE }, targets });
    expect(size(ABSENT)).toMatchObject({ newValue: 20n, candidates: [{ typeId: s }] });
    expect(size(TASK).newValue).toBe(96n);
  });
});
