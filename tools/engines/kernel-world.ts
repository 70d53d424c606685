// SPDX-License-Identifier: MIT
// A system, real or simulated, with the maps that random programs use: the same maps, with the same entries, on each.
import { encodeInsns, exit, mov64Imm, type Insn } from '../../packages/insn/src/index.ts';
import {
  BPF_BTF_LOAD,
  BPF_MAP_CREATE,
  BPF_MAP_DELETE_ELEM,
  BPF_MAP_GET_NEXT_KEY,
  BPF_MAP_LOOKUP_AND_DELETE_ELEM,
  BPF_MAP_LOOKUP_ELEM,
  BPF_MAP_TYPE_ARRAY,
  BPF_MAP_TYPE_HASH,
  BPF_MAP_TYPE_LPM_TRIE,
  BPF_MAP_TYPE_LRU_HASH,
  BPF_MAP_TYPE_PERCPU_ARRAY,
  BPF_MAP_TYPE_PERCPU_HASH,
  BPF_MAP_TYPE_QUEUE,
  BPF_MAP_UPDATE_ELEM,
  BPF_PROG_LOAD,
  BPF_PROG_TEST_RUN,
  InternalError,
  type MapCreateAttr,
  type Sys,
  type TestRunAttr,
} from '../../packages/uapi/src/index.ts';
import { MAP_ATTRS, NEED_TYPES, lockTypes, type MapName, type SpecialMapName } from '../soundness/net-maps.ts';
import { lastMessage } from '../soundness/net.ts';
import type { Random } from '../soundness/random.ts';

export type NetMapName = MapName | SpecialMapName;

/** What a load answers: an fd, or why there is none. */
export type Verdict =
  | { readonly fd: number; readonly errno?: undefined; readonly message?: undefined }
  | { readonly fd: undefined; readonly errno: number; readonly message: string };

export interface KernelInput {
  readonly data: Uint8Array;
  /** A `struct __sk_buff`, for types whose test run takes one. */
  readonly ctx?: Uint8Array;
}

/** An entry that a map has before each run. */
interface Entry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}
export type Entries = ReadonlyMap<NetMapName, readonly Entry[]>;

const ARRAYS: ReadonlySet<number> = new Set([BPF_MAP_TYPE_ARRAY, BPF_MAP_TYPE_PERCPU_ARRAY]);
const HASHES: ReadonlySet<number> = new Set([
  ...[BPF_MAP_TYPE_HASH, BPF_MAP_TYPE_PERCPU_HASH, BPF_MAP_TYPE_LRU_HASH, BPF_MAP_TYPE_LPM_TRIE],
]);
const PER_CPU: ReadonlySet<number> = new Set([BPF_MAP_TYPE_PERCPU_ARRAY, BPF_MAP_TYPE_PERCPU_HASH]);
const LD_IMM64 = 0x18;
const LOG_BYTES = 1 << 20;
const OUT_BYTES = 1024;
const CTX_OUT_BYTES = 256;
/** Words of `struct __sk_buff` that test runs of v5.6 give back: mark, priority, cb, tstamp. */
const CTX_WORDS = [8, 32, 48, 52, 56, 60, 64, 152, 156];

const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
const u32 = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);

export class KernelWorld {
  readonly name: string;
  readonly sys: Sys;
  readonly #fds = new Map<NetMapName, number>();
  readonly #opened: number[] = [];
  readonly #log = new Uint8Array(LOG_BYTES);

  constructor(name: string, sys: Sys) {
    this.name = name;
    this.sys = sys;
    const btf_fd = this.#made('BTF', sys.bpf(BPF_BTF_LOAD, { btf: lockTypes() }));
    for (const map of Object.keys(MAP_ATTRS) as NetMapName[]) {
      const attr: MapCreateAttr = { ...MAP_ATTRS[map] };
      const types = NEED_TYPES[map];
      if (types !== undefined) Object.assign(attr, { btf_fd, btf_key_type_id: types[0], btf_value_type_id: types[1] });
      if (map === 'outer') attr.inner_map_fd = this.fdOf('array');
      this.#fds.set(map, this.#made(map, sys.bpf(BPF_MAP_CREATE, attr)));
    }
    // What is inside is an array that programs reach directly, too.
    const inner = { map_fd: this.fdOf('outer'), key: u32(0), value: u32(this.fdOf('array')) };
    if (sys.bpf(BPF_MAP_UPDATE_ELEM, inner) !== 0) throw new InternalError(`${name}: no map in a map`);
  }

  #made(what: string, result: number): number {
    if (result < 0) throw new InternalError(`${this.name}: ${what} answers ${result}`);
    this.#opened.push(result);
    return result;
  }

  fdOf(map: NetMapName): number {
    return this.#fds.get(map) ?? -1;
  }

  close(): void {
    for (const fd of this.#opened.reverse()) this.sys.close(fd);
  }

  /** A new array of programs, since one belongs to the type of program that used it first; R0 tells which one ran. */
  #renewProgs(prog_type: number): void {
    const old = this.fdOf('progs');
    const array = this.#made('progs', this.sys.bpf(BPF_MAP_CREATE, { ...MAP_ATTRS.progs }));
    this.#fds.set('progs', array);
    this.#opened.splice(this.#opened.indexOf(old), 1);
    this.sys.close(old);
    for (const index of [0, 1]) {
      const insns = encodeInsns([mov64Imm(0, 1 - index), exit()]);
      const fd = this.sys.bpf(BPF_PROG_LOAD, { prog_type, insns, license: 'GPL' });
      const attr = { map_fd: array, key: u32(index), value: u32(fd) };
      if (fd < 0 || this.sys.bpf(BPF_MAP_UPDATE_ELEM, attr) !== 0)
        throw new InternalError(`${this.name}: no tail to call`);
      this.sys.close(fd);
    }
  }

  /** Loads a program whose maps are given by the fds of somewhere else. */
  load(type: number, insns: readonly Insn[], names: ReadonlyMap<number, NetMapName>): Verdict {
    if (insns.some(({ code, imm }) => code === LD_IMM64 && names.get(imm) === 'progs')) this.#renewProgs(type);
    const mine = insns.map((insn) => {
      const name = insn.code === LD_IMM64 && (insn.src === 1 || insn.src === 2) ? names.get(insn.imm) : undefined;
      return name === undefined ? insn : { ...insn, imm: this.fdOf(name) };
    });
    this.#log.fill(0, 0, 1);
    const result = this.sys.bpf(BPF_PROG_LOAD, {
      prog_type: type,
      insns: encodeInsns(mine),
      license: 'GPL',
      log_level: 4,
      log_buf: this.#log,
    });
    if (result >= 0) return { fd: result };
    return { fd: undefined, errno: -result, message: lastMessage(this.#log) };
  }

  /** Gives maps these entries, and no others. */
  fill(entries: Entries): void {
    for (const [name, rows] of entries) {
      const { map_type } = MAP_ATTRS[name];
      const map_fd = this.fdOf(name);
      if (map_type === BPF_MAP_TYPE_QUEUE) {
        const value = new Uint8Array(MAP_ATTRS[name].value_size ?? 0);
        while (this.sys.bpf(BPF_MAP_LOOKUP_AND_DELETE_ELEM, { map_fd, value }) === 0);
      } else if (HASHES.has(map_type ?? 0)) {
        for (const key of this.#keys(name)) this.sys.bpf(BPF_MAP_DELETE_ELEM, { map_fd, key });
      }
      for (const { key, value } of rows) {
        const all = PER_CPU.has(map_type ?? 0) ? this.#perCpu(value) : value;
        const result = this.sys.bpf(BPF_MAP_UPDATE_ELEM, { map_fd, key, value: all });
        if (result < 0) throw new InternalError(`${this.name}: filling ${name} answers ${result}`);
      }
    }
  }

  #perCpu(value: Uint8Array): Uint8Array {
    const all = new Uint8Array(value.length * this.sys.possibleCpus());
    for (let cpu = 0; cpu < this.sys.possibleCpus(); cpu++) all.set(value, cpu * value.length);
    return all;
  }

  #keys(name: NetMapName): Uint8Array[] {
    const keys: Uint8Array[] = [];
    const map_fd = this.fdOf(name);
    let key: Uint8Array | undefined;
    for (;;) {
      const next_key = new Uint8Array(MAP_ATTRS[name].key_size ?? 0);
      if (this.sys.bpf(BPF_MAP_GET_NEXT_KEY, key === undefined ? { map_fd, next_key } : { map_fd, key, next_key }) < 0)
        return keys;
      keys.push((key = next_key));
    }
  }

  /** What a map holds now: `key value` in the order of keys; of queues the values in theirs. */
  dump(name: NetMapName): string[] {
    const { map_type, value_size = 0 } = MAP_ATTRS[name];
    const map_fd = this.fdOf(name);
    const lenBytes = PER_CPU.has(map_type ?? 0) ? value_size * this.sys.possibleCpus() : value_size;
    const value = new Uint8Array(lenBytes);
    if (map_type === BPF_MAP_TYPE_QUEUE) {
      const found: string[] = [];
      while (this.sys.bpf(BPF_MAP_LOOKUP_AND_DELETE_ELEM, { map_fd, value }) === 0) found.push(hex(value));
      return found;
    }
    return this.#keys(name)
      .map((key) => `${hex(key)} ${this.sys.bpf(BPF_MAP_LOOKUP_ELEM, { map_fd, key, value })} ${hex(value)}`)
      .sort();
  }

  /** One test run: what it answers, R0's lower half, the packet, and what of the context comes back. */
  run(prog_fd: number, { data, ctx }: KernelInput): string {
    const attr: TestRunAttr = { prog_fd, data_in: data, data_out: new Uint8Array(OUT_BYTES), repeat: 1, retval: 0 };
    if (ctx !== undefined) Object.assign(attr, { ctx_in: ctx, ctx_out: new Uint8Array(CTX_OUT_BYTES) });
    const result = this.sys.bpf(BPF_PROG_TEST_RUN, attr);
    if (result < 0) return `errno ${-result}`;
    const out = attr.data_out ?? new Uint8Array(0);
    let line = `R0 ${(attr.retval ?? 0) >>> 0} packet ${hex(out.subarray(0, attr.data_size_out ?? 0))}`;
    if (attr.ctx_out !== undefined) {
      const view = new DataView(attr.ctx_out.buffer);
      line += ` context ${CTX_WORDS.map((off) => view.getUint32(off, true).toString(16)).join(' ')}`;
    }
    return line;
  }
}

/** Entries for maps, drawn anew: `word` draws numbers. */
export function randomEntries(names: Iterable<NetMapName>, random: Random, word: () => bigint): Entries {
  const entries = new Map<NetMapName, Entry[]>();
  for (const name of names) {
    const { map_type = 0, key_size = 0, value_size = 0, max_entries = 0, map_flags = 0 } = MAP_ATTRS[name];
    const value = (): Uint8Array => {
      const bytes = new Uint8Array(value_size);
      const view = new DataView(bytes.buffer);
      for (let at = 0; at + 8 <= value_size; at += 8) view.setBigUint64(at, BigInt.asUintN(64, word()), true);
      return bytes;
    };
    const rows: Entry[] = [];
    if (ARRAYS.has(map_type)) {
      for (let i = 0; i < max_entries; i++) rows.push({ key: u32(i), value: value() });
    } else if (map_type === BPF_MAP_TYPE_LPM_TRIE) {
      for (let i = random.below(3); i >= 0; i--) {
        const key = new Uint8Array(key_size);
        key.set([random.pick([0, 8, 16, 32]), 0, 0, 0, random.below(4)]);
        rows.push({ key, value: value() });
      }
    } else if (HASHES.has(map_type)) {
      for (let i = random.below(4); i > 0; i--) {
        const key = new Uint8Array(key_size);
        key[0] = random.below(6);
        rows.push({ key, value: value() });
      }
    } else if (map_type !== BPF_MAP_TYPE_QUEUE) continue;
    entries.set(name, map_flags !== 0 && map_type === BPF_MAP_TYPE_ARRAY ? rows.slice(0, 1) : rows);
  }
  return entries;
}
