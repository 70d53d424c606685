// SPDX-License-Identifier: MIT
import { EINVAL, InternalError, UsageError } from '@tsbpf/uapi';
import { addrToOff, hexOff, offToAddr } from './address.ts';
import type { SavedAllocator } from './allocator.ts';
import { Allocator } from './allocator.ts';
import type { SavedContents } from './contents.ts';
import { restoreContents, saveContents } from './contents.ts';
import { PAGE_BYTES } from './page-runs.ts';
import type { AllocOptions, Region } from './region.ts';

const WASM_PAGE_BYTES = 0x10000;
/** One page less than 4 GiB is ever handed out, so that the end of a region is a 32-bit number, too. */
const MAX_WASM_PAGES = 0x10000;
/** Enough for a kernel with ordinary maps: once a memory grows, V8 checks arrays for detached buffers ever after. */
const INITIAL_WASM_PAGES = 128;
/** What Linux writes over freed slab objects. @see include/linux/poison.h */
const POISON_FREE = 0x6b;

export interface KernelMemoryOptions {
  /** WebAssembly pages of 64 KiB; default 128, or all that are allowed. Growing slows JavaScript down, for good. */
  initialPages?: number;
  /** WebAssembly pages of 64 KiB; default 65536, which is 4 GiB. */
  maximumPages?: number;
  /** Make it a shared memory, for workers. The allocator itself belongs to one thread. */
  shared?: boolean;
  /** Overwrite freed memory with 0x6b, to make a use after free visible. */
  poison?: boolean;
}

/** A memory as it was: only for the {@link KernelMemory} that made it, any number of times. */
export interface MemoryCheckpoint {
  readonly contents: SavedContents;
  readonly allocator: SavedAllocator;
}

/**
 * The simulated kernel's address space: all that a BPF program can point at, in one WebAssembly memory.
 *
 * Offsets are unsigned 32-bit numbers (`>>> 0`); 0 is NULL and the first 64 KiB are never allocated and stay zero.
 * Numbers are little-endian and need no alignment. An access outside of the memory is a defect of the caller: numbers
 * throw DataView's RangeError, ranges of bytes an InternalError. Growing replaces the views: ask again after every call that may allocate, or
 * compare {@link generation}.
 */
export class KernelMemory {
  readonly wasm: WebAssembly.Memory;
  /** Changes whenever the memory grew. */
  generation = 0;

  readonly #allocator: Allocator;
  readonly #maximumPages: number;
  readonly #poison: boolean;
  #u8!: Uint8Array;
  #i32!: Int32Array;
  #u32!: Uint32Array;
  #view!: DataView;

  constructor(options: KernelMemoryOptions = {}) {
    const { maximumPages = MAX_WASM_PAGES, shared = false, poison = false } = options;
    const { initialPages = Math.min(INITIAL_WASM_PAGES, maximumPages) } = options;
    if (!(initialPages >= 1 && initialPages <= maximumPages && maximumPages <= MAX_WASM_PAGES)) {
      throw new UsageError(
        `kernel memory of ${initialPages} to ${maximumPages} pages: need 1 <= initial <= maximum <= ${MAX_WASM_PAGES}`,
        { errno: EINVAL },
      );
    }
    this.wasm = new WebAssembly.Memory({ initial: initialPages, maximum: maximumPages, shared });
    this.#maximumPages = maximumPages;
    this.#poison = poison;
    this.#refresh();
    const pages = this.#usableBytes() / PAGE_BYTES;
    this.#allocator = new Allocator((wanted) => this.#growTo(wanted), pages);
  }

  /** All bytes. Fresh at every use: never keep it over a call that may allocate. */
  get u8(): Uint8Array {
    return this.#u8;
  }

  /** All aligned words, signed: index is the offset `>>> 2`. */
  get i32(): Int32Array {
    return this.#i32;
  }

  /** All aligned words, unsigned: index is the offset `>>> 2`. */
  get u32(): Uint32Array {
    return this.#u32;
  }

  /** For what the methods here lack; always pass `true` for little-endian. */
  get view(): DataView {
    return this.#view;
  }

  /** Bytes asked for by all live regions. */
  get allocatedBytes(): number {
    return this.#allocator.allocatedBytes;
  }

  get liveRegions(): number {
    return this.#allocator.liveRegions;
  }

  /** Allocates `lenBytes` bytes. Answers the offset, or 0 when out of memory: the caller turns that into -ENOMEM. */
  alloc(lenBytes: number, options: AllocOptions = {}): number {
    const { align = 8, kind = 'object', name, zero = true, writable = true } = options;
    if (!Number.isInteger(lenBytes) || lenBytes < 0) throw new InternalError(`alloc of ${lenBytes} bytes`);
    if (!(align >= 1 && align <= 0x80000000) || (align & (align - 1)) !== 0) {
      throw new InternalError(`alloc aligned to ${align}: not a power of two`);
    }
    if (lenBytes > this.#maximumPages * WASM_PAGE_BYTES) return 0;
    const placed = this.#allocator.alloc(lenBytes, align, kind, name, writable);
    if (placed === undefined) return 0;
    if (zero && placed.dirtyBytes > 0) this.#u8.fill(0, placed.off, placed.off + placed.dirtyBytes);
    return placed.off;
  }

  /** Frees a region. Throws {@link InternalError} for what is not the beginning of a live one. */
  free(off: number): void {
    const region = this.#allocator.free(off >>> 0);
    if (this.#poison) this.#u8.fill(POISON_FREE, region.off, region.off + region.lenBytes);
  }

  /** The live region whose bytes include the offset: what checked mode asks. Constant time. */
  regionOf(off: number): Region | undefined {
    return this.#allocator.regionOf(off >>> 0);
  }

  /** All live regions, in no particular but a reproducible order. */
  regions(): Iterable<Region> {
    return this.#allocator.regions();
  }

  /** The kernel address of an offset; NULL for 0. */
  toAddr(off: number): bigint {
    return offToAddr(off);
  }

  /** The offset in an address: its low word. Ask {@link isKernelAddr} first where the address may be anything. */
  toOff(addr: bigint): number {
    return addrToOff(addr);
  }

  read8(off: number): number {
    return this.#view.getUint8(off >>> 0);
  }

  read16(off: number): number {
    return this.#view.getUint16(off >>> 0, true);
  }

  read32(off: number): number {
    return this.#view.getUint32(off >>> 0, true);
  }

  /** Unsigned. */
  read64(off: number): bigint {
    return this.#view.getBigUint64(off >>> 0, true);
  }

  readS8(off: number): number {
    return this.#view.getInt8(off >>> 0);
  }

  readS16(off: number): number {
    return this.#view.getInt16(off >>> 0, true);
  }

  readS32(off: number): number {
    return this.#view.getInt32(off >>> 0, true);
  }

  readS64(off: number): bigint {
    return this.#view.getBigInt64(off >>> 0, true);
  }

  write8(off: number, value: number): void {
    this.#view.setUint8(off >>> 0, value);
  }

  write16(off: number, value: number): void {
    this.#view.setUint16(off >>> 0, value, true);
  }

  write32(off: number, value: number): void {
    this.#view.setUint32(off >>> 0, value, true);
  }

  /** Takes signed and unsigned values; keeps the low 64 bits. */
  write64(off: number, value: bigint): void {
    this.#view.setBigUint64(off >>> 0, value, true);
  }

  /** A copy. */
  readBytes(off: number, lenBytes: number): Uint8Array {
    const start = this.#check(off, lenBytes);
    return this.#u8.slice(start, start + lenBytes);
  }

  writeBytes(off: number, bytes: Uint8Array): void {
    this.#u8.set(bytes, this.#check(off, bytes.length));
  }

  fill(off: number, lenBytes: number, byte: number): void {
    const start = this.#check(off, lenBytes);
    this.#u8.fill(byte, start, start + lenBytes);
  }

  /** Copies inside the memory; the ranges may overlap. */
  copy(dst: number, src: number, lenBytes: number): void {
    const from = this.#check(src, lenBytes);
    this.#u8.copyWithin(this.#check(dst, lenBytes), from, from + lenBytes);
  }

  /** Like memcmp: negative, zero or positive by the first byte that differs, as unsigned. */
  compare(a: number, b: number, lenBytes: number): number {
    const u8 = this.#u8;
    const startA = this.#check(a, lenBytes);
    const startB = this.#check(b, lenBytes);
    for (let i = 0; i < lenBytes; i++) {
      const diff = u8[startA + i] - u8[startB + i];
      if (diff !== 0) return diff;
    }
    return 0;
  }

  /** Everything: contents, regions and the allocator's state, so that a replay from here gets the same offsets. */
  save(): MemoryCheckpoint {
    return {
      contents: saveContents(this.wasm.buffer, this.#allocator.usedBytes),
      allocator: this.#allocator.save(),
    };
  }

  /** Back to a checkpoint. The memory keeps its size: WebAssembly memories do not shrink. */
  restore(checkpoint: MemoryCheckpoint): void {
    restoreContents(this.wasm.buffer, checkpoint.contents, this.#allocator.usedBytes);
    this.#allocator.restore(checkpoint.allocator);
  }

  #usableBytes(): number {
    return Math.min(this.#u8.length, (MAX_WASM_PAGES - 1) * WASM_PAGE_BYTES);
  }

  #growTo(pages: number): number {
    const neededBytes = pages * PAGE_BYTES;
    const limit = Math.min(this.#maximumPages, MAX_WASM_PAGES - 1) * WASM_PAGE_BYTES;
    if (neededBytes > limit) return 0;
    const hasPages = this.#u8.length / WASM_PAGE_BYTES;
    const missing = Math.ceil(neededBytes / WASM_PAGE_BYTES) - hasPages;
    if (missing > 0) {
      const generous = Math.min(Math.max(missing, Math.min(hasPages >>> 1, 256)), limit / WASM_PAGE_BYTES - hasPages);
      if (!this.#tryGrow(generous) && !this.#tryGrow(missing)) return 0;
      this.#refresh();
      this.generation++;
    }
    return this.#usableBytes() / PAGE_BYTES;
  }

  #tryGrow(pages: number): boolean {
    try {
      this.wasm.grow(pages);
      return true;
    } catch (error) {
      if (error instanceof RangeError) return false;
      throw error;
    }
  }

  #refresh(): void {
    const buffer = this.wasm.buffer;
    this.#u8 = new Uint8Array(buffer);
    this.#i32 = new Int32Array(buffer);
    this.#u32 = new Uint32Array(buffer);
    this.#view = new DataView(buffer);
  }

  #check(off: number, lenBytes: number): number {
    const start = off >>> 0;
    if (!(lenBytes >= 0 && start + lenBytes <= this.#u8.length)) {
      throw new InternalError(`${lenBytes} bytes at ${hexOff(off)} lie outside of the kernel memory`);
    }
    return start;
  }
}
