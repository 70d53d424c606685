// SPDX-License-Identifier: MIT
import type { BpfProg } from '@tsbpf/core';
import { MapObject, type MapInit } from '@tsbpf/maps';
import type { ValueLayout } from './layout.ts';
import type { MemberCall } from './member-call.ts';

/** Where a table is in its life. It never goes back, and a map that was deleted from is of no more use. */
export const STATE_INIT = 0;
export const STATE_INUSE = 1;
export const STATE_TOBEFREE = 2;

/**
 * A map that holds one table of functions. Both values are in kernel memory: what the kernel calls through, with its
 * state and reference count, and what system calls read, with the ids of programs in place of functions.
 * @see kernel/bpf/bpf_struct_ops.c, struct bpf_struct_ops_map
 */
export class StructOpsMap extends MapObject {
  readonly layout: ValueLayout;
  /** Offsets of the kernel's value, and of the one system calls see. */
  readonly kvalue: number;
  readonly uvalue: number;
  /** Programs by the index of their member; each is held. */
  readonly progs = new Map<number, BpfProg>();
  /** Their entries by the name of their member. */
  readonly calls = new Map<string, MemberCall>();

  constructor(init: MapInit & { layout: ValueLayout; kvalue: number; uvalue: number }) {
    super(init);
    this.layout = init.layout;
    this.kvalue = init.kvalue;
    this.uvalue = init.uvalue;
  }

  get state(): number {
    return this.mem.read32(this.kvalue + this.layout.stateOff);
  }
  set state(state: number) {
    this.mem.write32(this.kvalue + this.layout.stateOff, state);
  }

  /** Users of the table: its registration, and every socket or other object that calls through it. */
  get users(): number {
    return this.mem.read32(this.kvalue + this.layout.refcntOff);
  }
  set users(count: number) {
    this.mem.write32(this.kvalue + this.layout.refcntOff, count);
  }

  /** Drops programs and contents: the map is as it was when new. */
  reset(): void {
    for (const call of this.calls.values()) call.release();
    this.calls.clear();
    for (const prog of this.progs.values()) prog.put();
    this.progs.clear();
    this.mem.fill(this.kvalue, this.layout.sizeBytes, 0);
    this.mem.fill(this.uvalue, this.layout.sizeBytes, 0);
  }

  /** Takes a user's reference; false where the last one has gone. */
  getTable(): boolean {
    if (this.users === 0) return false;
    this.users++;
    return true;
  }

  /** Drops one; the last lets go of the map itself. */
  putTable(): void {
    if (--this.users === 0) this.kernel.mapPut(this);
  }
}
