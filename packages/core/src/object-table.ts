// SPDX-License-Identifier: MIT

/** Something that has an address in kernel memory and a JS object behind it. */
export interface KernelObject {
  /** 'map', 'prog', 'sock', 'netdev', 'task', 'cgroup' … */
  readonly kind: string;
  /** Offset of the kernel structure in memory. */
  readonly off: number;
}

/** Address ↔ object. A program holds addresses; helpers find the object behind one here. */
export interface ObjectTable {
  add(obj: KernelObject): void;
  /** The object goes away: maps that hold it are told (`MapOps.objectGone`), then it is forgotten. */
  gone(obj: KernelObject): void;
  /** The object whose structure starts at `off`; undefined where there is none of that kind. */
  get<T extends KernelObject>(off: number, kind: T['kind']): T | undefined;
}
