// SPDX-License-Identifier: MIT
// The case table as data.
import { readFileSync } from 'node:fs';
import { extractCases } from './extract.ts';

/** Kinds of places in a program that take the fd of a map, by the table's names. */
export type FixupKind =
  | 'map_hash_8b'
  | 'map_hash_48b'
  | 'map_hash_16b'
  | 'map_array_48b'
  | 'map_sockmap'
  | 'map_sockhash'
  | 'map_xskmap'
  | 'map_stacktrace'
  | 'prog1'
  | 'prog2'
  | 'map_in_map'
  | 'cgroup_storage'
  | 'percpu_cgroup_storage'
  | 'map_spin_lock'
  | 'map_array_ro'
  | 'map_array_wo'
  | 'map_array_small'
  | 'sk_storage_map'
  | 'map_event_output'
  | 'map_reuseport_array'
  | 'map_ringbuf'
  | 'map_timer'
  | 'map_kptr';

type Verdict = 'undef' | 'accept' | 'reject' | 'verbose_accept';

/** One case of the table. */
export interface SelftestCase {
  file: string;
  /** Position in the whole table, from 0. */
  index: number;
  descr: string;
  /** Made by a generator of the table's, random numbers in it. */
  generated: boolean;
  /** 0 stands for a socket filter. */
  progType: number;
  expectedAttachType: number;
  /** 1 wants any alignment allowed, 2 strict alignment; higher bits are program flags as they are. */
  flags: number;
  result: Verdict;
  resultUnpriv: Verdict;
  /** Pieces separated by tabs, in order. */
  errstr: string | null;
  errstrUnpriv: string | null;
  /** 0 where the table does not say. */
  insnProcessed: number;
  /** The kernel function, tracepoint or LSM hook that a tracing or LSM program attaches to. */
  attachTo: string | null;
  /** Instruction indexes whose imm becomes the map's fd. */
  fixups: Partial<Record<FixupKind, number[]>>;
  /** Instructions whose imm becomes the BTF id of a kernel function. */
  kfuncs: { name: string; insnIdx: number }[];
  /** BPF_PROG_TEST_RUNs after a load that succeeds. `retval` null is an address; `data` is 64 bytes. */
  runs: { retval: number | null; retvalUnpriv: number; data: Uint8Array }[];
  funcInfo?: Uint8Array;
  /** The program's BTF: types and strings, without a header. */
  btfTypes?: Uint8Array;
  btfStrings?: Uint8Array;
  /** Instructions that the translated program must, or must not, have. */
  expectedInsns: Uint8Array;
  unexpectedInsns: Uint8Array;
  insns: Uint8Array;
}

/** The whole table. */
export interface SelftestTable {
  /** BTF of the maps that need one. */
  mapBtfTypes: Uint8Array;
  mapBtfStrings: Uint8Array;
  cases: SelftestCase[];
}

/** Bytes of a hexadecimal string. */
export function fromHex(hex: string): Uint8Array {
  const bytes = new Uint8Array(hex.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = parseInt(hex.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

const HEX_FIELDS = ['funcInfo', 'btfTypes', 'btfStrings', 'expectedInsns', 'unexpectedInsns', 'insns'];
const HEADER_FIELDS = ['mapBtfTypes', 'mapBtfStrings', 'data'];

function parseLine(line: string): unknown {
  return JSON.parse(line, (key, value: unknown) =>
    typeof value === 'string' && (HEX_FIELDS.includes(key) || HEADER_FIELDS.includes(key)) ? fromHex(value) : value,
  );
}

/** Reads the JSON lines that the harness prints: a header, then the cases. */
export function parseTable(text: string): SelftestTable {
  const [header = '', ...lines] = text.split('\n').filter((line) => line !== '');
  const head = parseLine(header) as Omit<SelftestTable, 'cases'>;
  return { ...head, cases: lines.map((line) => parseLine(line) as SelftestCase) };
}

/** The table of Linux 6.1, from the cache or made now. */
export function loadTable(): SelftestTable {
  return parseTable(readFileSync(extractCases(), 'utf8'));
}
