// SPDX-License-Identifier: MIT
// The BPF file system, mounted at /sys/fs/bpf. @see kernel/bpf/inode.c
import {
  BpfError,
  CAP_SYS_ADMIN,
  EACCES,
  EEXIST,
  EISDIR,
  ENOENT,
  ENOTDIR,
  ENOTEMPTY,
  EPERM,
  errnoText,
} from '@tsbpf/uapi';
import type { BpfMap, BpfProg } from '@tsbpf/core';
import type { KernelState } from '../kernel-state.ts';

export const BPFFS_ROOT = '/sys/fs/bpf';

const STICKY = 0o1000;

export type Pinned = { readonly kind: 'map'; readonly map: BpfMap } | { readonly kind: 'prog'; readonly prog: BpfProg };

interface Inode {
  mode: number;
  readonly uid: number;
  readonly gid: number;
}
interface Dir extends Inode {
  readonly entries: Map<string, Node>;
}
interface Pin extends Inode {
  readonly obj: Pinned;
  links: number;
}
type Node = Dir | Pin;

const isDir = (node: Node): node is Dir => 'entries' in node;

/** The tree of pinned objects. Methods that a test calls throw; those behind bpf(2) return errno. */
export interface Bpffs {
  /** BPF_OBJ_PIN: 0 or -errno. Takes a user reference. */
  pin(path: string, obj: Pinned): number;
  /** BPF_OBJ_GET: the object, or -errno; `access` is a mask of 4 (read) and 2 (write). */
  find(path: string, access: number): Pinned | number;
  /** @errno EEXIST ENOENT ENOTDIR EACCES */
  mkdir(path: string, options?: { mode?: number }): void;
  /** Removes a pin or, with `rmdir`, an empty directory. @errno ENOENT EISDIR ENOTEMPTY EACCES EPERM */
  unlink(path: string): void;
  rmdir(path: string): void;
  /** Names in a directory, in order of creation. */
  readdir(path: string): string[];
  exists(path: string): boolean;
  chmod(path: string, mode: number): void;
}

export function createBpffs(k: KernelState): Bpffs {
  const root: Dir = { mode: 0o1777, uid: 0, gid: 0, entries: new Map() };

  const allowed = (node: Inode, mask: number): boolean => {
    const { uid, gid } = k.env.current;
    if (uid === 0 || k.env.capable(CAP_SYS_ADMIN)) return true;
    const shift = uid === node.uid ? 6 : gid === node.gid ? 3 : 0;
    return ((node.mode >> shift) & 7 & mask) === mask;
  };

  /** In a directory with the sticky bit only the owner of the name or of the directory removes it. */
  const mayRemove = (dir: Inode, node: Inode): boolean => {
    const { uid } = k.env.current;
    if ((dir.mode & STICKY) === 0 || uid === 0 || k.env.capable(CAP_SYS_ADMIN)) return true;
    return uid === node.uid || uid === dir.uid;
  };

  /** The parts below the mount point; undefined where the path is not on bpffs. */
  const parts = (path: string): string[] | undefined => {
    const clean = path.replace(/\/+/g, '/');
    if (clean === BPFFS_ROOT) return [];
    return clean.startsWith(`${BPFFS_ROOT}/`)
      ? clean
          .slice(BPFFS_ROOT.length + 1)
          .split('/')
          .filter(Boolean)
      : undefined;
  };

  const lookup = (names: readonly string[]): Node | number => {
    let node: Node = root;
    for (const name of names) {
      if (!isDir(node)) return -ENOTDIR;
      if (!allowed(node, 1)) return -EACCES;
      if (name.includes('.')) return -EPERM;
      const next: Node | undefined = node.entries.get(name);
      if (next === undefined) return -ENOENT;
      node = next;
    }
    return node;
  };

  /** The directory a new name goes into. */
  const parentOf = (path: string): { dir: Dir; name: string } | number => {
    const names = parts(path);
    if (names === undefined) return -EPERM;
    const name = names.at(-1);
    if (name === undefined) return -EEXIST;
    const dir = lookup(names.slice(0, -1));
    if (typeof dir === 'number') return dir;
    if (!isDir(dir)) return -ENOTDIR;
    if (name.includes('.')) return -EPERM;
    if (dir.entries.has(name)) return -EEXIST;
    return allowed(dir, 3) ? { dir, name } : -EACCES;
  };

  const fail = (what: string, path: string, errno: number): never => {
    throw new BpfError(`${what} ${path}: ${errnoText(errno)}`, { errno: Math.abs(errno) });
  };

  const inode = (mode: number): Inode => ({ mode, uid: k.env.current.uid, gid: k.env.current.gid });

  const remove = (path: string, what: 'unlink' | 'rmdir'): void => {
    const names = parts(path) ?? [];
    const node = lookup(names);
    if (typeof node === 'number') return fail(what, path, node);
    const parent = lookup(names.slice(0, -1));
    const name = names.at(-1);
    if (typeof parent === 'number' || !isDir(parent) || name === undefined) return fail(what, path, EPERM);
    if (!allowed(parent, 3)) return fail(what, path, EACCES);
    if (!mayRemove(parent, node)) return fail(what, path, EPERM);
    if (what === 'rmdir') {
      if (!isDir(node)) return fail(what, path, ENOTDIR);
      if (node.entries.size > 0) return fail(what, path, ENOTEMPTY);
    } else if (isDir(node)) return fail(what, path, EISDIR);
    parent.entries.delete(name);
    if (!isDir(node) && --node.links === 0) {
      if (node.obj.kind === 'map') k.mapPutUser(node.obj.map);
      else node.obj.prog.put();
    }
  };

  return {
    pin(path, obj) {
      const at = parentOf(path);
      if (typeof at === 'number') return at;
      if (obj.kind === 'map') k.mapGetUser(obj.map);
      else obj.prog.get();
      at.dir.entries.set(at.name, { ...inode(0o600), obj, links: 1 });
      return 0;
    },
    find(path, access) {
      const names = parts(path);
      if (names === undefined) return -ENOENT;
      const node = lookup(names);
      if (typeof node === 'number') return node;
      if (isDir(node)) return -EACCES;
      return allowed(node, access) ? node.obj : -EACCES;
    },
    mkdir(path, options = {}) {
      const at = parentOf(path);
      if (typeof at === 'number') return fail('mkdir', path, at);
      at.dir.entries.set(at.name, { ...inode(options.mode ?? 0o700), entries: new Map() });
    },
    unlink: (path) => remove(path, 'unlink'),
    rmdir: (path) => remove(path, 'rmdir'),
    readdir(path) {
      const node = lookup(parts(path) ?? ['.']);
      if (typeof node === 'number') return fail('readdir', path, node);
      return isDir(node) ? [...node.entries.keys()] : fail('readdir', path, ENOTDIR);
    },
    exists: (path) => {
      const names = parts(path);
      return names !== undefined && typeof lookup(names) !== 'number';
    },
    chmod(path, mode) {
      const node = lookup(parts(path) ?? ['.']);
      if (typeof node === 'number') return fail('chmod', path, node);
      node.mode = mode;
    },
  };
}
