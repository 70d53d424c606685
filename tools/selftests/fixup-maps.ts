// SPDX-License-Identifier: MIT
// The maps that cases refer to. Types and sizes are those of Linux's test_verifier.
// @see tools/testing/selftests/bpf/test_verifier.c
import {
  BPF_BTF_LOAD,
  BPF_MAP_CREATE,
  BPF_MAP_UPDATE_ELEM,
  BPF_PROG_LOAD,
  InternalError,
  errnoName,
} from '../../packages/uapi/src/index.ts';
import type { MapCreateAttr, Sys } from '../../packages/uapi/src/index.ts';
import { btfBlob, firstTypes } from './btf-blob.ts';
import type { FixupKind, SelftestTable } from './cases.ts';
import { insnBytes } from './insn-bytes.ts';

/** The system could not make what a case needs, so that its answer says nothing about the verifier. */
export class EnvironmentLacks extends Error {}

const HASH = 1;
const ARRAY = 2;
const PROG_ARRAY = 3;
const ARRAY_OF_MAPS = 12;
const NO_PREALLOC = 1;
const RDONLY_PROG = 1 << 7;
const WRONLY_PROG = 1 << 8;

/** Bytes of `struct test_val`: an index and eleven ints. */
const TEST_VAL_BYTES = 48;

interface PlainMap extends MapCreateAttr {
  /** Element 0 has index 28 and 0xabcdef12 at byte 28. */
  filled?: true;
  /** The value's type in the maps' BTF; the key's is 1. */
  btfValue?: number;
}

const hash = (value_size: number): PlainMap => ({
  map_type: HASH,
  key_size: 8,
  value_size,
  max_entries: 1,
  map_flags: NO_PREALLOC,
});
const array = (value_size: number, map_flags = 0): PlainMap => ({
  map_type: ARRAY,
  key_size: 4,
  value_size,
  max_entries: 1,
  map_flags,
});
const ofType = (map_type: number, key_size: number, value_size: number, max_entries: number): PlainMap => ({
  map_type,
  key_size,
  value_size,
  max_entries,
});
const withBtf = (map: PlainMap, btfValue: number): PlainMap => ({ ...map, btfValue, map_name: 'test_map' });

type PlainKind = Exclude<FixupKind, 'prog1' | 'prog2' | 'map_in_map'>;

/** The parameters of each kind of map that is made by one command. */
export const FIXUP_MAPS: Readonly<Record<PlainKind, PlainMap>> = {
  map_hash_8b: hash(8),
  map_hash_48b: hash(TEST_VAL_BYTES),
  map_hash_16b: hash(16),
  map_array_48b: { ...array(TEST_VAL_BYTES), filled: true },
  map_sockmap: ofType(15, 4, 4, 1),
  map_sockhash: ofType(18, 4, 4, 1),
  map_xskmap: ofType(17, 4, 4, 1),
  map_stacktrace: ofType(7, 4, 8, 1),
  cgroup_storage: ofType(19, 16, 64, 0),
  percpu_cgroup_storage: ofType(21, 16, 64, 0),
  map_spin_lock: withBtf(array(8), 3),
  map_array_ro: { ...array(TEST_VAL_BYTES, RDONLY_PROG), filled: true },
  map_array_wo: { ...array(TEST_VAL_BYTES, WRONLY_PROG), filled: true },
  map_array_small: { ...array(1), filled: true },
  sk_storage_map: withBtf({ map_type: 24, key_size: 4, value_size: 8, max_entries: 0, map_flags: NO_PREALLOC }, 3),
  map_event_output: ofType(4, 4, 4, 1),
  map_reuseport_array: ofType(20, 4, 8, 1),
  map_ringbuf: ofType(27, 0, 0, 4096),
  map_timer: withBtf(array(16), 5),
  map_kptr: withBtf(array(24), 14),
};

/** Makes the map of a kind; every fd goes to `opened`, for the caller to close. */
export function createFixupMap(
  sys: Sys,
  table: SelftestTable,
  kind: FixupKind,
  progType: number,
  opened: number[],
): number {
  const keep = (what: string, fd: number): number => {
    if (fd < 0) throw new EnvironmentLacks(`${what}: ${errnoName(-fd)}`);
    opened.push(fd);
    return fd;
  };
  if (kind === 'prog1') return createProgArray(sys, keep, progType, 4, [0, 1, 2]);
  if (kind === 'prog2') return createProgArray(sys, keep, progType, 8, [7, 1, 2]);
  if (kind === 'map_in_map') {
    const inner = keep(kind, sys.bpf(BPF_MAP_CREATE, ofType(ARRAY, 4, 4, 1)));
    return keep(kind, sys.bpf(BPF_MAP_CREATE, { ...ofType(ARRAY_OF_MAPS, 4, 4, 1), inner_map_fd: inner }));
  }
  const { filled, btfValue, ...attr } = FIXUP_MAPS[kind];
  if (btfValue !== undefined) {
    // Up to the value's type only: a kernel that refuses the kptr types at the end still judges the other maps.
    const blob = btfBlob(firstTypes(table.mapBtfTypes, btfValue), table.mapBtfStrings);
    attr.btf_fd = keep(`${kind}: BTF`, sys.bpf(BPF_BTF_LOAD, { btf: blob }));
    attr.btf_key_type_id = 1;
    attr.btf_value_type_id = btfValue;
  }
  const fd = keep(kind, sys.bpf(BPF_MAP_CREATE, attr));
  if (filled === true) {
    const value = new DataView(new ArrayBuffer(TEST_VAL_BYTES));
    value.setUint32(0, 28, true);
    value.setUint32(28, 0xabcdef12, true);
    const bytes = new Uint8Array(value.buffer).subarray(0, attr.value_size);
    const result = sys.bpf(BPF_MAP_UPDATE_ELEM, { map_fd: fd, key: new Uint8Array(4), value: bytes });
    if (result < 0) throw new EnvironmentLacks(`${kind}: update: ${errnoName(-result)}`);
  }
  return fd;
}

/** A program array with three programs: one returns 42, one tail-calls itself and else returns 41, one returns 24. */
function createProgArray(
  sys: Sys,
  keep: (what: string, fd: number) => number,
  progType: number,
  maxEntries: number,
  keys: readonly [number, number, number],
): number {
  const map = keep('prog array', sys.bpf(BPF_MAP_CREATE, ofType(PROG_ARRAY, 4, 4, maxEntries)));
  const returns = (r0: number): Uint8Array => insnBytes([0xb7, 0, 0, 0, r0], [0x95, 0, 0, 0, 0]);
  const loops = insnBytes(
    [0xb7, 3, 0, 0, keys[1]],
    [0x18, 2, 1, 0, map],
    [0, 0, 0, 0, 0],
    [0x85, 0, 0, 0, 12],
    [0xb7, 0, 0, 0, 41],
    [0x95, 0, 0, 0, 0],
  );
  for (const [i, insns] of [returns(42), loops, returns(24)].entries()) {
    const key = keys[i];
    if (key === undefined) throw new InternalError('a program array has three programs');
    const prog = keep('prog array: program', sys.bpf(BPF_PROG_LOAD, { prog_type: progType, insns, license: 'GPL' }));
    const attr = { map_fd: map, key: word(key), value: word(prog) };
    const result = sys.bpf(BPF_MAP_UPDATE_ELEM, attr);
    if (result < 0) throw new EnvironmentLacks(`prog array: update: ${errnoName(-result)}`);
  }
  return map;
}

function word(value: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(4));
  view.setInt32(0, value, true);
  return new Uint8Array(view.buffer);
}
