// SPDX-License-Identifier: MIT

/** One live allocation of the kernel's memory. */
export interface Region {
  /** First byte; never 0. */
  readonly off: number;
  /** The size that was asked for, not the rounded one: checked mode faults beyond it. */
  readonly lenBytes: number;
  /** What lives there: `map_value`, `stack`, `ctx`, `packet`, `object`… */
  readonly kind: string;
  /** For messages: a map's or a type's name. */
  readonly name?: string;
  /** Whether a program may write here; only checked mode looks. */
  writable: boolean;
}

/** How {@link KernelMemory.alloc} shall allocate. */
export interface AllocOptions {
  /** A power of two; default 8. */
  align?: number;
  /** Default `object`. */
  kind?: string;
  name?: string;
  /** Fill with zeroes; default true. */
  zero?: boolean;
  /** Default true. */
  writable?: boolean;
}

/** A region as a checkpoint keeps it: the object itself, and the one field that can change. */
export interface SavedRegion {
  readonly region: Region;
  readonly writable: boolean;
}

export function saveRegion(region: Region): SavedRegion {
  return { region, writable: region.writable };
}

export function restoreRegion(saved: SavedRegion): Region {
  saved.region.writable = saved.writable;
  return saved.region;
}
