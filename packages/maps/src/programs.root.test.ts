// SPDX-License-Identifier: MIT
// What programs do to maps. On the running kernel an XDP program does it, run by BPF_PROG_TEST_RUN with key, flags and
// value in the packet; on ours the map type's own operations are called.
import { afterAll, describe, expect, it } from 'vitest';
import { createHost, pinToCpu } from '@tsbpf/host';
import {
  callHelper,
  encodeInsns,
  exit,
  jmpImm,
  jmpReg,
  ldMapFd,
  ldxMem,
  alu64Imm,
  mov64Imm,
  mov64Reg,
  program,
  stMem,
  type ProgramItem,
} from '@tsbpf/insn';
import { answerText, openSystemPair, randomSource, u32s, type RandomSource, type TestMap } from '@tsbpf/testkit';
import {
  BPF_ADD,
  BPF_B,
  BPF_DW,
  BPF_F_NO_COMMON_LRU,
  BPF_F_NO_PREALLOC,
  BPF_JEQ,
  BPF_JGT,
  BPF_JNE,
  BPF_MAP_TYPE_ARRAY,
  BPF_MAP_TYPE_HASH,
  BPF_MAP_TYPE_LPM_TRIE,
  BPF_MAP_TYPE_LRU_HASH,
  BPF_MAP_TYPE_LRU_PERCPU_HASH,
  BPF_MAP_TYPE_PERCPU_ARRAY,
  BPF_MAP_TYPE_PERCPU_HASH,
  BPF_MAP_TYPE_QUEUE,
  BPF_MAP_TYPE_STACK,
  BPF_PROG_LOAD,
  BPF_PROG_TEST_RUN,
  BPF_PROG_TYPE_XDP,
  BPF_W,
  InternalError,
  errnoName,
  type MapCreateAttr,
  type Sys,
} from '@tsbpf/uapi';
import { mapTypes } from './index.ts';

const systems = openSystemPair(
  () => {
    pinToCpu(0);
    return createHost();
  },
  { mapTypes },
);
afterAll(() => systems.close());

type Op = 'lookup' | 'update' | 'delete' | 'push' | 'pop' | 'peek';
const HELPER: Readonly<Record<Op, number>> = { lookup: 1, update: 2, delete: 3, push: 87, pop: 88, peek: 89 };

/** Where the packet has what. */
const [KEY, FLAGS, VALUE, LENGTH] = [16, 48, 64, 128];
/** R0 where a lookup finds nothing; found ones return the value's first byte. */
const ABSENT = 1000;

/** An XDP program that does one operation on one map. */
function source(op: Op, fd: number): ProgramItem[] {
  const packet = (register: number, off: number): ProgramItem[] => [
    mov64Reg(register, 6),
    alu64Imm(BPF_ADD, register, off),
  ];
  const value: ProgramItem[] = [ldxMem(BPF_B, 0, 0, 0), exit()];
  const args: Readonly<Record<Op, readonly ProgramItem[]>> = {
    lookup: packet(2, KEY),
    delete: packet(2, KEY),
    update: [...packet(2, KEY), ...packet(3, VALUE), ldxMem(BPF_DW, 4, 6, FLAGS)],
    push: [...packet(2, VALUE), ldxMem(BPF_DW, 3, 6, FLAGS)],
    pop: [mov64Reg(2, 10), alu64Imm(BPF_ADD, 2, -8)],
    peek: [mov64Reg(2, 10), alu64Imm(BPF_ADD, 2, -8)],
  };
  const results: Readonly<Record<Op, readonly ProgramItem[]>> = {
    lookup: [jmpImm(BPF_JEQ, 0, 0, 'none'), ...value],
    delete: [exit()],
    update: [exit()],
    push: [exit()],
    pop: [jmpImm(BPF_JNE, 0, 0, 'error'), ldxMem(BPF_B, 0, 10, -8), 'error', exit()],
    peek: [jmpImm(BPF_JNE, 0, 0, 'error'), ldxMem(BPF_B, 0, 10, -8), 'error', exit()],
  };
  return [
    ldxMem(BPF_W, 6, 1, 0),
    ldxMem(BPF_W, 7, 1, 4),
    mov64Reg(2, 6),
    alu64Imm(BPF_ADD, 2, LENGTH),
    jmpReg(BPF_JGT, 2, 7, 'none'),
    stMem(BPF_DW, 10, -8, 0),
    ...args[op],
    ...ldMapFd(1, fd),
    callHelper(HELPER[op]),
    ...results[op],
    'none',
    mov64Imm(0, ABSENT),
    exit(),
  ];
}

/** Runs operations on the running kernel; programs are loaded when first needed. */
function realOps(real: Sys, map: TestMap): (op: Op, key: Uint8Array, flags: number, value: Uint8Array) => number {
  const fds = new Map<Op, number>();
  return (op, key, flags, value) => {
    let fd = fds.get(op);
    if (fd === undefined) {
      const log = new Uint8Array(65_536);
      fd = real.bpf(BPF_PROG_LOAD, {
        prog_type: BPF_PROG_TYPE_XDP,
        insns: encodeInsns(program(...source(op, map.fd))),
        license: 'GPL',
        log_buf: log,
        log_level: 1,
      });
      if (fd < 0) throw new InternalError(`${op}: ${errnoName(-fd)}\n${new TextDecoder().decode(log)}`);
      fds.set(op, fd);
    }
    const data = new Uint8Array(LENGTH);
    data.set(key, KEY);
    new DataView(data.buffer).setBigUint64(FLAGS, BigInt(flags), true);
    data.set(value, VALUE);
    const attr = { prog_fd: fd, data_in: data, retval: 0 };
    const err = real.bpf(BPF_PROG_TEST_RUN, attr);
    if (err < 0) throw new InternalError(`BPF_PROG_TEST_RUN: ${errnoName(-err)}`);
    return attr.retval | 0;
  };
}

/** The same through the map type's operations. */
function simOps(testMap: TestMap): (op: Op, key: Uint8Array, flags: number, value: Uint8Array) => number {
  const { state } = systems.sim;
  const file = state.fds.get(testMap.fd, 'map');
  if (typeof file === 'number') throw new InternalError('no map');
  const { map } = file;
  const { ops } = map.def;
  const packet = state.mem.alloc(LENGTH, { kind: 'packet' });
  return (op, key, flags, value) => {
    const { mem, rcu } = state;
    mem.writeBytes(packet + KEY, key);
    mem.writeBytes(packet + VALUE, value);
    rcu.enter();
    try {
      if (op === 'lookup') {
        const off = ops.lookup?.(map, packet + KEY) ?? 0;
        return off === 0 ? ABSENT : mem.read8(off);
      }
      if (op === 'update') return ops.update?.(map, packet + KEY, packet + VALUE, flags) ?? NaN;
      if (op === 'delete') return ops.delete?.(map, packet + KEY) ?? NaN;
      if (op === 'push') return ops.push?.(map, packet + VALUE, flags) ?? NaN;
      return (ops[op]?.(map, packet + VALUE) ?? NaN) || mem.read8(packet + VALUE);
    } finally {
      rcu.exit();
    }
  };
}

interface Row {
  readonly title: string;
  readonly attr: MapCreateAttr;
  readonly key?: (random: RandomSource) => Uint8Array;
  readonly ops?: number;
}

const word = (range: number) => (random: RandomSource) => u32s(random(range));
const elem = (map_type: number, max_entries: number, map_flags = 0): MapCreateAttr => ({
  map_type,
  key_size: 4,
  value_size: 8,
  max_entries,
  map_flags,
});
const prefix = (random: RandomSource): Uint8Array => u32s(random(35), random(2) * 0x80 + random(3) * 0x4000);

const rows: readonly Row[] = [
  { title: 'array', attr: elem(BPF_MAP_TYPE_ARRAY, 9), key: word(12) },
  { title: 'percpu_array', attr: elem(BPF_MAP_TYPE_PERCPU_ARRAY, 9), key: word(12) },
  { title: 'hash', attr: elem(BPF_MAP_TYPE_HASH, 40), key: word(60) },
  { title: 'hash without preallocation', attr: elem(BPF_MAP_TYPE_HASH, 40, BPF_F_NO_PREALLOC), key: word(60) },
  { title: 'percpu_hash', attr: elem(BPF_MAP_TYPE_PERCPU_HASH, 20), key: word(30) },
  { title: 'percpu_hash without preallocation', attr: elem(BPF_MAP_TYPE_PERCPU_HASH, 20, 1), key: word(30) },
  { title: 'lru_hash', attr: elem(BPF_MAP_TYPE_LRU_HASH, 700), key: word(1000), ops: 12_000 },
  {
    title: 'lru_hash with lists per CPU',
    attr: elem(BPF_MAP_TYPE_LRU_HASH, 60, BPF_F_NO_COMMON_LRU),
    key: word(90),
    ops: 8000,
  },
  { title: 'lru_percpu_hash', attr: elem(BPF_MAP_TYPE_LRU_PERCPU_HASH, 600), key: word(900), ops: 12_000 },
  {
    title: 'lru_percpu_hash with lists per CPU',
    attr: elem(BPF_MAP_TYPE_LRU_PERCPU_HASH, 60, BPF_F_NO_COMMON_LRU),
    key: word(90),
    ops: 8000,
  },
  { title: 'lpm_trie', attr: { ...elem(BPF_MAP_TYPE_LPM_TRIE, 30, BPF_F_NO_PREALLOC), key_size: 8 }, key: prefix },
  { title: 'queue', attr: { map_type: BPF_MAP_TYPE_QUEUE, value_size: 8, max_entries: 5 } },
  { title: 'stack', attr: { map_type: BPF_MAP_TYPE_STACK, value_size: 8, max_entries: 5 } },
];

describe('operations of programs', () => {
  for (const row of rows) {
    it(row.title, (context) => {
      const { real } = systems;
      if (real === undefined) {
        context.skip(`no kernel to compare with: ${systems.why}`);
        return;
      }
      const maps = systems.maps(row.attr);
      const [theirs, ours] = [realOps(real, maps[0]), simOps(maps[1])];
      const random = randomSource(99);
      const keyed: Op[] = ['lookup', 'lookup', 'lookup', 'update', 'update', 'update', 'update', 'delete'];
      const choices: Op[] = row.key === undefined ? ['push', 'push', 'push', 'pop', 'pop', 'peek'] : keyed;
      const total = row.ops ?? 3000;
      const compareContents = (i: number): void => {
        const [real0, sim0] = maps.map((map) =>
          map
            .keys(10_000)
            .map((key) => `${answerText(key)}=${answerText(map.lookup(key))}`)
            .sort(),
        );
        expect(sim0, `contents after operation ${i}`).toEqual(real0);
      };
      for (let i = 0; i < total; i++) {
        const key = row.key?.(random) ?? new Uint8Array();
        const op = choices[random(choices.length)] ?? 'lookup';
        const flags = [0, 0, 0, 0, 1, 2, 3, 4][random(8)] ?? 0;
        const value = new Uint8Array(8).map(() => random(256));
        // System calls in between, which look without touching.
        if (row.key !== undefined && random(6) === 0) {
          expect(answerText(maps[1].lookup(key))).toBe(answerText(maps[0].lookup(key)));
        }
        const want = theirs(op, key, flags, value);
        expect(ours(op, key, flags, value), `operation ${i}: ${op} ${answerText(key)} flags ${flags}`).toBe(want);
        if (row.key !== undefined && i % (total / 10) === 0) compareContents(i);
      }
    });
  }
});
