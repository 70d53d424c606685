// SPDX-License-Identifier: MIT
import type { KernelObject } from '@tsbpf/core';
import type { Attachment, AttachList } from '../attach/attachment.ts';

/**
 * A cgroup of the default hierarchy: `struct cgroup` in kernel memory, and what is attached to it.
 * @see include/linux/cgroup-defs.h
 */
export class Cgroup implements KernelObject {
  readonly kind = 'cgroup' as const;
  readonly off: number;
  /** What programs see as the cgroup's id. */
  readonly id: bigint;
  /** The directory's name; empty for the root. */
  readonly name: string;
  readonly parent: Cgroup | undefined;
  /** 0 for the root. */
  readonly level: number;
  /** Removed cgroups stay among them as long as something holds them. */
  children: readonly Cgroup[] = [];
  /** The directory was removed. */
  dead = false;
  /** Holders of the structure: the tree, fds, slots of maps, sockets. */
  refs = 1;
  /** What keeps the programs: the tree, sockets, children. */
  progRefs = 1;
  /** By attach type. */
  readonly lists = new Map<number, AttachList>();
  readonly effective = new Map<number, readonly Attachment[]>();

  constructor(init: { off: number; id: bigint; name: string; parent: Cgroup | undefined }) {
    this.off = init.off;
    this.id = init.id;
    this.name = init.name;
    this.parent = init.parent;
    this.level = init.parent === undefined ? 0 : init.parent.level + 1;
  }

  /** From the root of the hierarchy: `/`, `/web/frontend`. */
  get path(): string {
    if (this.parent === undefined) return '/';
    return this.parent.parent === undefined ? `/${this.name}` : `${this.parent.path}/${this.name}`;
  }

  /** Children that have a directory. */
  get liveChildren(): readonly Cgroup[] {
    return this.children.filter((child) => !child.dead);
  }

  /** The cgroup itself and those it lies in, nearest first. */
  *ancestry(): Generator<Cgroup> {
    yield this;
    if (this.parent !== undefined) yield* this.parent.ancestry();
  }

  /** The cgroup itself and all below, a parent before its children. */
  *subtree(): Generator<Cgroup> {
    yield this;
    for (const child of this.children) yield* child.subtree();
  }

  /** Whether it is `ancestor` or lies below it. @see cgroup_is_descendant */
  isUnder(ancestor: Cgroup): boolean {
    for (const at of this.ancestry()) if (at === ancestor) return true;
    return false;
  }

  /** Itself or the ancestor at a level; undefined for levels below its own and for negative ones. */
  ancestorAt(level: number): Cgroup | undefined {
    for (const at of this.ancestry()) if (at.level === level) return at;
    return undefined;
  }
}

/** A cgroup's changeable part, as a checkpoint keeps it. */
export interface SavedCgroup {
  readonly cgroup: Cgroup;
  readonly children: readonly Cgroup[];
  readonly dead: boolean;
  readonly refs: number;
  readonly progRefs: number;
  readonly lists: ReadonlyMap<number, AttachList>;
  readonly effective: ReadonlyMap<number, readonly Attachment[]>;
}

export function saveCgroup(cgroup: Cgroup): SavedCgroup {
  const { children, dead, refs, progRefs } = cgroup;
  return {
    cgroup,
    children,
    dead,
    refs,
    progRefs,
    lists: new Map(cgroup.lists),
    effective: new Map(cgroup.effective),
  };
}

export function restoreCgroup({ cgroup, lists, effective, ...rest }: SavedCgroup): void {
  Object.assign(cgroup, rest);
  cgroup.lists.clear();
  cgroup.effective.clear();
  for (const [type, list] of lists) cgroup.lists.set(type, list);
  for (const [type, array] of effective) cgroup.effective.set(type, array);
}
