// SPDX-License-Identifier: MIT
// The cgroup v2 hierarchy of one simulated kernel. @see kernel/cgroup/cgroup.c
import { EBUSY, EEXIST, EINVAL, ENOENT, ENOMEM, UsageError } from '@tsbpf/uapi';
import type { CgroupHooks, Checkpointable, KernelServices, SubsystemKey, Task } from '@tsbpf/core';
import { effectiveAt } from './attach/effective.ts';
import { CGROUP_ATTACH_TYPES } from './attach/attach-types.ts';
import { releaseAll } from './attach/detach.ts';
import { DEFAULT_DEVICES, type DeviceNode } from './device/device.ts';
import type { SavedSocket, SimSocket } from './socket/socket.ts';
import { parseIp } from './socket/address.ts';
import type { Decision } from './run/decision.ts';
import { runEffective } from './run/run-effective.ts';
import { NO_STORAGE, type StoragePair } from './storage/storage.ts';
import { Sysctls } from './sysctl/sysctls.ts';
import { Cgroup, restoreCgroup, saveCgroup, type SavedCgroup } from './tree/cgroup.ts';
import { components } from './tree/path.ts';
import { SimTask, type TaskOptions } from './world/task.ts';
import { allocCgroupStruct, writeCgroupStruct } from './tree/structure.ts';

const ROOT_ID = 1n;
const ATTACH_TYPES = Object.keys(CGROUP_ATTACH_TYPES).map(Number);

interface SavedCgroups {
  readonly cgroups: readonly SavedCgroup[];
  readonly lastId: bigint;
  readonly seq: number;
  readonly sysctls: ReturnType<Sysctls['save']>;
  readonly tasks: readonly { readonly task: Task; readonly cgroupId: bigint }[];
  readonly sockets: readonly SavedSocket[];
}

/** The hierarchy, the tasks in it, and what runs their programs. */
export class Cgroups implements CgroupHooks, Checkpointable {
  readonly checkpointName = 'cgroup';
  readonly kernel: KernelServices;
  readonly root: Cgroup;
  /** The files below /proc/sys. */
  readonly sysctls: Sysctls;
  /** Open sockets of simulated tasks. */
  readonly sockets = new Set<SimSocket>();
  /** Addresses of this machine besides loopback's: 4 or 16 bytes each. */
  localAddresses: readonly Uint8Array[] = [];
  /** Nodes in /dev. */
  devices: readonly DeviceNode[] = DEFAULT_DEVICES;
  /** Storages of the program that runs: what bpf_get_local_storage finds. */
  currentStorages: StoragePair = NO_STORAGE;
  readonly #byId = new Map<bigint, Cgroup>();
  readonly #watchers = new Set<(decision: Decision) => void>();
  #tasks: readonly Task[] = [];
  #lastId = ROOT_ID - 1n;
  #seq = 0;

  constructor(kernel: KernelServices) {
    this.kernel = kernel;
    this.root = this.#make('', undefined);
    this.sysctls = new Sysctls(kernel);
    kernel.checkpointables.push(this);
  }

  /**
   * Makes a cgroup, as mkdir(2) does: `/web`, `/web/frontend`.
   * @errno EEXIST UsageError: there is one
   * @errno ENOENT UsageError: its parent does not exist
   * @errno ENOMEM UsageError: kernel memory is exhausted
   */
  create(path: string): Cgroup {
    const parts = components(path);
    const name = parts.pop();
    const parent = this.#walk(parts);
    if (parent === undefined) throw new UsageError(`cgroup ${path}: its parent does not exist`, { errno: ENOENT });
    if (name === undefined || parent.liveChildren.some((child) => child.name === name)) {
      throw new UsageError(`cgroup ${path} exists`, { errno: EEXIST });
    }
    return this.#make(name, parent);
  }

  /** The cgroup at a path; undefined where there is none. */
  find(path: string): Cgroup | undefined {
    return this.#walk(components(path));
  }

  /** The cgroup at a path. @errno ENOENT UsageError: there is none */
  get(path: string): Cgroup {
    const found = this.find(path);
    if (found === undefined) throw new UsageError(`no cgroup ${path}`, { errno: ENOENT });
    return found;
  }

  /**
   * Removes a cgroup, as rmdir(2) does. Its programs go with the last socket made in it.
   * @errno ENOENT UsageError: there is none
   * @errno EBUSY UsageError: tasks or cgroups are in it, or it is the root
   */
  remove(where: string | Cgroup): void {
    const cgroup = typeof where === 'string' ? this.get(where) : where;
    if (cgroup.dead) throw new UsageError(`cgroup ${cgroup.path} has been removed`, { errno: ENOENT });
    if (cgroup === this.root || cgroup.liveChildren.length > 0 || this.tasksIn(cgroup).length > 0) {
      throw new UsageError(`cgroup ${cgroup.path} is in use`, { errno: EBUSY });
    }
    cgroup.dead = true;
    this.putProgs(cgroup);
    this.put(cgroup);
  }

  /** A cgroup by id, removed ones that something holds included. */
  byId(id: bigint): Cgroup | undefined {
    return this.#byId.get(id);
  }

  /** All that exist or are held, parents before children. */
  all(): Iterable<Cgroup> {
    return this.root.subtree();
  }

  // Tasks.

  /** The cgroup a task is in. */
  cgroupOf(task: Pick<Task, 'cgroupId'>): Cgroup {
    return this.#byId.get(task.cgroupId) ?? this.root;
  }

  /** Tasks whose cgroup it is: simulated ones, and the process that makes the system calls. */
  tasksIn(cgroup: Cgroup): Task[] {
    const tasks = new Map([this.kernel.env.current, ...this.#tasks].map((task) => [task.pid, task]));
    return [...tasks.values()].filter((task) => this.cgroupOf(task) === cgroup);
  }

  /** Moves a task, as writing its pid to cgroup.procs does. @errno ENOENT UsageError: the cgroup was removed */
  move(task: Task, where: string | Cgroup): void {
    const cgroup = typeof where === 'string' ? this.get(where) : where;
    if (cgroup.dead) throw new UsageError(`cgroup ${cgroup.path} has been removed`, { errno: ENOENT });
    task.cgroupId = cgroup.id;
  }

  /** Adds a task. @errno EINVAL UsageError: its pid is taken */
  addTask(task: Task): void {
    if ([this.kernel.env.current, ...this.#tasks].some((other) => other.pid === task.pid)) {
      throw new UsageError(`there is a task with pid ${task.pid}`, { errno: EINVAL });
    }
    this.#tasks = [...this.#tasks, task];
  }

  removeTask(task: Task): void {
    this.#tasks = this.#tasks.filter((other) => other !== task);
  }

  get tasks(): readonly Task[] {
    return this.#tasks;
  }

  /** A new task, whose system calls run the programs of its cgroup. @errno EINVAL UsageError: its pid is taken */
  spawn(options: TaskOptions = {}): SimTask {
    return new SimTask(this, options);
  }

  /** Makes an address one of this machine's: `10.0.0.1`, `2001:db8::1`. */
  addLocalAddress(ip: string): void {
    this.localAddresses = [...this.localAddresses, parseIp(ip)];
  }

  // What other subsystems ask.

  enabled(cgroupId: bigint, attachType: number): boolean {
    return (this.#byId.get(cgroupId)?.effective.get(attachType)?.length ?? 0) > 0;
  }

  run(cgroupId: bigint, attachType: number, ctxOff: number): number {
    const cgroup = this.#byId.get(cgroupId);
    return cgroup === undefined ? 1 : runEffective(this, cgroup, attachType, ctxOff);
  }

  currentCgroupId(): bigint {
    return this.cgroupOf(this.kernel.env.current).id;
  }

  ancestorId(cgroupId: bigint, level: number): bigint {
    return this.#byId.get(cgroupId)?.ancestorAt(level)?.id ?? 0n;
  }

  // Watching.

  /** Tells `watcher` what each program says, until the returned function is called. */
  watch(watcher: (decision: Decision) => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** Does something and answers, besides its result, which program decided what. */
  trace<T>(action: () => T): { result: T; decisions: Decision[] } {
    const decisions: Decision[] = [];
    const stop = this.watch((decision) => decisions.push(decision));
    try {
      return { result: action(), decisions };
    } finally {
      stop();
    }
  }

  /** Notes what a program said. */
  decided(decision: Decision): void {
    for (const watcher of this.#watchers) watcher(decision);
  }

  // Lifetimes.

  /** The next of the numbers storages are ordered by. */
  nextSeq(): number {
    return ++this.#seq;
  }

  hold(cgroup: Cgroup): void {
    cgroup.refs++;
  }

  /** Drops a reference of the structure. */
  put(cgroup: Cgroup): void {
    if (--cgroup.refs > 0) return;
    const { parent } = cgroup;
    this.#byId.delete(cgroup.id);
    this.kernel.objects.gone(cgroup);
    this.kernel.mem.free(cgroup.off);
    if (parent === undefined) return;
    parent.children = parent.children.filter((child) => child !== cgroup);
    this.put(parent);
  }

  /** A socket keeps the programs of its cgroup. */
  holdProgs(cgroup: Cgroup): void {
    cgroup.progRefs++;
  }

  putProgs(cgroup: Cgroup): void {
    if (--cgroup.progRefs > 0) return;
    releaseAll(cgroup);
    if (cgroup.parent !== undefined) this.putProgs(cgroup.parent);
  }

  save(): SavedCgroups {
    return {
      cgroups: [...this.all()].map(saveCgroup),
      lastId: this.#lastId,
      seq: this.#seq,
      sysctls: this.sysctls.save(),
      tasks: this.#tasks.map((task) => ({ task, cgroupId: task.cgroupId })),
      sockets: [...this.sockets].map((socket) => socket.save()),
    };
  }

  restore(saved: unknown): void {
    const { cgroups, lastId, seq, sysctls, tasks, sockets } = saved as SavedCgroups;
    for (const socket of this.sockets) this.kernel.objects.gone(socket.sk);
    this.sockets.clear();
    const kept = new Set(cgroups.map(({ cgroup }) => cgroup));
    for (const cgroup of this.#byId.values()) if (!kept.has(cgroup)) this.kernel.objects.gone(cgroup);
    this.#byId.clear();
    for (const state of cgroups) {
      restoreCgroup(state);
      this.#byId.set(state.cgroup.id, state.cgroup);
      this.kernel.objects.add(state.cgroup);
    }
    this.#lastId = lastId;
    this.#seq = seq;
    this.sysctls.restore(sysctls);
    this.#tasks = tasks.map(({ task }) => task);
    for (const { task, cgroupId } of tasks) task.cgroupId = cgroupId;
    for (const one of sockets) {
      one.socket.restore(one);
      this.sockets.add(one.socket);
    }
  }

  #walk(parts: readonly string[]): Cgroup | undefined {
    let at: Cgroup | undefined = this.root;
    for (const part of parts) at = at?.liveChildren.find((child) => child.name === part);
    return at;
  }

  #make(name: string, parent: Cgroup | undefined): Cgroup {
    const off = allocCgroupStruct(this.kernel);
    if (off === 0) throw new UsageError('kernel memory is exhausted: no room for a cgroup', { errno: ENOMEM });
    const cgroup = new Cgroup({ off, id: ++this.#lastId, name, parent });
    writeCgroupStruct(this.kernel, cgroup);
    this.kernel.objects.add(cgroup);
    this.#byId.set(cgroup.id, cgroup);
    if (parent !== undefined) {
      parent.children = [...parent.children, cgroup];
      parent.refs++;
      parent.progRefs++;
    }
    for (const attachType of ATTACH_TYPES) cgroup.effective.set(attachType, effectiveAt(cgroup, attachType));
    return cgroup;
  }
}

const CGROUPS: SubsystemKey<Cgroups> = { name: 'cgroup', create: (kernel) => new Cgroups(kernel) };

/**
 * The cgroups of a kernel, made when first asked for. Whoever builds a kernel makes them its `cgroups`, so that other
 * subsystems ask them.
 */
export function cgroupsOf(kernel: Pick<KernelServices, 'subsystem'>): Cgroups {
  return kernel.subsystem(CGROUPS);
}
