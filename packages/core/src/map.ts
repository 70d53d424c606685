// SPDX-License-Identifier: MIT
import type { Insn } from '@tsbpf/insn';
import type { MapWalk } from '@tsbpf/uapi';
import type { KernelBtf } from './kernel-btf.ts';
import type { KernelObject } from './object-table.ts';
import type { KernelServices } from './services.ts';
import type { KernelTypes } from './kernel-types.ts';
import type { KernelVersion } from './version.ts';
import type { MapWasmEmitter } from './wasm-emit.ts';

/** What BPF_MAP_CREATE asks for, its fds resolved. Sizes in bytes. */
export interface MapParams {
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  /** -1 for none: BPF_F_NUMA_NODE was not given. */
  readonly numaNode: number;
  readonly innerMapFd: number;
  readonly btfFd: number;
  readonly btfKeyTypeId: number;
  readonly btfValueTypeId: number;
  readonly btfVmlinuxValueTypeId: number;
}

/** What the verifier needs of a map; a plain object of these fields is enough to verify against. */
export interface MapFacts {
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  /** As created; some types round it up. */
  readonly maxEntries: number;
  readonly flags: number;
  readonly name: string;
  /** The kernel address a program holds. */
  readonly addr: bigint;
  /** Offset of `struct bpf_spin_lock` in the value, or -ENOENT, -E2BIG (more than one) or -EINVAL (mangled). */
  readonly spinLockOff: number;
  readonly btf: KernelBtf | undefined;
  readonly btfKeyTypeId: number;
  readonly btfValueTypeId: number;
  /** System calls may no longer write. */
  readonly frozen: boolean;
  /** For maps in maps: the properties an inner map must have. */
  readonly innerMap: MapFacts | undefined;
  /** Cgroup storage: another loaded program uses it already, and it serves one only. */
  readonly ownedByProg?: boolean;
  /** An array made without CAP_SYS_ADMIN: programs mask their index. @see struct bpf_map, unpriv_array */
  readonly unprivArray?: boolean;
  readonly def: MapTypeFacts;
}

/** What the verifier needs of a map type. */
export interface MapTypeFacts {
  readonly type: number;
  /** As in the kernel's headers, in lower case: `percpu_hash`. */
  readonly name: string;
  /** Names of the only helpers that take such a map; undefined where any helper not reserved to other types does. */
  readonly onlyHelpers?: readonly string[];
  /** Hash family: a perf_event program needs it preallocated. */
  readonly hashed?: boolean;
  /** What a non-NULL lookup result is; map values unless said otherwise. */
  readonly lookupResult?: 'value' | 'innerMap' | 'xdpSock';
  /** `undefined`: programs may not point into values. Otherwise the address of the byte at `off`, or -errno. */
  directValue?(map: MapFacts, off: number): bigint | number;
  /**
   * Instructions that replace a lookup helper call on a map known at load time (R1 the map, R2 the key, R0 the result).
   * A call among them has `callee` at its index. @see kernel/bpf/hashtab.c, htab_map_gen_lookup
   */
  genLookup?(map: MapFacts, types: KernelTypes): { insns: Insn[]; callees: ReadonlyMap<number, MapOpName> } | undefined;
  /** Kernel symbol of each operation, for calls that the verifier makes direct. */
  readonly opSymbols?: Readonly<Partial<Record<MapOpName, string>>>;
  /** Types that may not be used by a program at all. */
  readonly unusableByProgs?: boolean;
}

/** Operations of a map that a rewritten call may reach directly. */
export type MapOpName = 'lookup' | 'lookupRaw' | 'update' | 'delete' | 'push' | 'pop' | 'peek';

/** A map. Types extend it with what they keep; contents are in kernel memory. */
export interface BpfMap extends MapFacts, KernelObject {
  readonly kind: 'map';
  /** 0 for an inner map's template. */
  id: number;
  readonly def: MapTypeDef;
  readonly kernel: KernelServices;
  readonly numaNode: number;
  readonly btfVmlinuxValueTypeId: number;
  name: string;
  frozen: boolean;
  spinLockOff: number;
  btf: KernelBtf | undefined;
  btfKeyTypeId: number;
  btfValueTypeId: number;
  innerMap: BpfMap | undefined;
  /** Pages charged to RLIMIT_MEMLOCK. */
  pages: number;
  /** System calls that write, and writable mappings: freezing waits for none. */
  writeCount: number;
  /** Holders of any kind; at 0 the map is freed after a grace period. */
  refs: number;
  /** Holders from user space (fds, pins, mappings); at 0 `releaseUserRefs` runs. */
  userRefs: number;
  /** Bytes of one value as system calls pass it. */
  readonly syscallValueSize: number;
}

/** Result of an operation: 0 (or a count) or -errno. */
export type Errno = number;

/**
 * A map type's operations. Offsets are in kernel memory; keys and values there are complete (the system call layer copies
 * user bytes in and out). Program-side operations run inside a run, syscall-side ones inside `rcu`.
 */
export interface MapOps<M extends BpfMap = BpfMap> {
  // Program side.
  /** Offset of the value, or 0. */
  lookup?(map: M, keyOff: number): number;
  /** Offset of the element structure, or 0: what inlined lookups call. */
  lookupRaw?(map: M, keyOff: number): number;
  /** `flags` beyond 2^32 only need to be seen as invalid. */
  update?(map: M, keyOff: number, valueOff: number, flags: number): Errno;
  delete?(map: M, keyOff: number): Errno;
  push?(map: M, valueOff: number, flags: number): Errno;
  pop?(map: M, valueOff: number): Errno;
  peek?(map: M, valueOff: number): Errno;

  // System call side. Absent: ENOTSUPP, unless said otherwise.
  /** Copies the value to `valueOff` (`syscallValueSize` bytes). */
  sysLookup?(map: M, keyOff: number, valueOff: number, flags: number): Errno;
  /** `file` is the map's file that the update came through; `fileReleased` names it again. */
  sysUpdate?(map: M, keyOff: number, valueOff: number, flags: number, file?: object): Errno;
  sysDelete?(map: M, keyOff: number): Errno;
  sysLookupAndDelete?(map: M, keyOff: number, valueOff: number): Errno;
  /** `keyOff` 0 asks for the first key. -ENOENT at the end. */
  getNextKey?(map: M, keyOff: number, nextOff: number): Errno;
  /** A walk over the elements as system calls see them, read where they lie. Absent: key by key. */
  walk?(map: M): MapWalk;
  /** Batch commands the type has, on the kernel's generic loop. */
  readonly genericBatch?: readonly ('lookup' | 'lookupAndDelete' | 'update' | 'delete')[];
  /** A batch lookup of the type's own, with an opaque u32 cursor (hash tables). */
  lookupBatch?(map: M, batch: MapBatch): Errno;

  /** User references went to 0: prog arrays clear, sockmaps drop programs. */
  releaseUserRefs?(map: M): void;
  /** One file of the map was closed. */
  fileReleased?(map: M, file: object): void;
  /** Frees all memory; the map is unreachable. */
  free(map: M): void;
  /** An object the map may hold (device, socket, program, cgroup) goes away. */
  objectGone?(map: M, obj: KernelObject): void;
  /** Checks key and value types; 0 or -errno. Absent: key and value BTF are both needed. @see map_check_btf */
  checkBtf?(map: M, types: { btf: KernelBtf; keyTypeId: number; valueTypeId: number }): Errno;
  /** A map may stand in for the inner map `template`. Absent: the generic comparison. */
  metaEqual?(template: BpfMap, map: BpfMap): boolean;
  /** May be mapped into user space: offset and length of the data, or -errno. */
  mmap?(map: M): { off: number; lenBytes: number } | number;
  /** prog_array: what bpf_tail_call at `index` reaches; undefined for an empty slot. `index` is below max_entries. */
  tailCallTarget?(map: M, index: number): import('./prog.ts').BpfProg | undefined;
  /** prog_array: whether a program may be used with the array, fixing its owner; 0 or -EINVAL. */
  progCompatible?(map: M, prog: { type: number; jited: boolean }): boolean;
  /** Type-specific lines of fdinfo. */
  fdinfo?(map: M): readonly string[];
  readonly emitWasm?: MapWasmEmitter;
}

/** A batch lookup in progress. Offsets in kernel memory. */
export interface MapBatch {
  /** Cursor to start from; undefined for the beginning. */
  readonly cursor: number | undefined;
  readonly keysOff: number;
  readonly valuesOff: number;
  /** Room, in elements. */
  readonly max: number;
  readonly remove: boolean;
  readonly elemFlags: number;
  /** Out. */
  nextCursor: number;
  count: number;
}

/** A map type: one row of the registry. @see include/linux/bpf_types.h, include/linux/bpf.h struct bpf_map_ops */
export interface MapTypeDef<M extends BpfMap = BpfMap> extends MapTypeFacts {
  readonly since: KernelVersion;
  /** The kernel structure of the map, such as `bpf_array`. */
  readonly kernelStruct?: string;
  /** Accepts `struct bpf_spin_lock` in values. */
  readonly spinLocks?: boolean;
  /** Accepts no BTF (ENOTSUPP). */
  readonly noBtf?: boolean;
  /** The value system calls pass is an fd or id of 4 bytes. */
  readonly fdValues?: boolean;
  /** May not be an inner map. */
  readonly noInner?: boolean;
  /** Checks of attributes and privilege, in Linux's order; 0 or -errno. */
  allocCheck(params: MapParams, kernel: KernelServices): Errno;
  /** Charges and allocates; -E2BIG, -EPERM, -ENOMEM … */
  alloc(params: MapParams, kernel: KernelServices): M | Errno;
  readonly ops: MapOps<M>;
}

/** Declares a map type. */
export function defineMapType<M extends BpfMap>(def: MapTypeDef<M>): MapTypeDef<M> {
  return def;
}
