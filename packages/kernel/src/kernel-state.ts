// SPDX-License-Identifier: MIT
// The kernel's state, and the services that everything below the system call gets of it.
import { EBUSY, ENOENT, UsageError } from '@tsbpf/uapi';
import { Btf } from '@tsbpf/btf';
import {
  createKernelTypes,
  helperSymbol,
  type BpfMap,
  type BpfProg,
  type CgroupHooks,
  type Checkpointable,
  type ExecObserver,
  type Executor,
  type ExecutorFactory,
  type HelperCall,
  type HelperFn,
  type HelperRow,
  type KernelAliases,
  type KernelBtf,
  type KernelServices,
  type KernelVersion,
  type MapTypeDef,
  type ProgTypeDef,
  type PtrClassOps,
  type Registries,
  type SubsystemKey,
  type Verify,
} from '@tsbpf/core';
import { KernelMemory } from '@tsbpf/memory';
import { createBpffs, type Bpffs } from './bpffs/bpffs.ts';
import { createEnv, type EnvOptions, type ScriptableEnv } from './state/env.ts';
import { createFdTable } from './state/fd-table.ts';
import { createIdSpace, type MutableIdSpace } from './state/id-space.ts';
import { createKernelText } from './state/kernel-text.ts';
import { createMemlock } from './state/memlock.ts';
import { createObjectTable } from './state/object-table.ts';
import { createOverrides, type MutableOverrides } from './state/overrides.ts';
import { createRcu } from './state/rcu.ts';
import { createTracepoints } from './state/tracepoints.ts';
import { vmlinuxBtf } from './state/kernel-btf.ts';
import { openCgroupHooks } from './state/cgroup-hooks.ts';
import { runProg, runProgBatch, type Batch } from './load/run-prog.ts';
import { putMap, putMapUser } from './state/map-refs.ts';
import { Scratch } from './state/scratch.ts';

/** What a kernel is made of. */
export interface KernelParts {
  readonly version: KernelVersion;
  readonly registries: Registries;
  readonly verify: Verify;
  readonly executor: ExecutorFactory;
  /** The BTF blob kernel structures are laid out by. */
  readonly vmlinux: Uint8Array;
  readonly aliases?: KernelAliases;
  readonly env?: EnvOptions;
  /** Pages of 64 KiB. */
  readonly memory?: { initialPages?: number; maximumPages?: number; shared?: boolean };
  readonly fdLimit?: number;
}

/** All state of one simulated kernel. */
export class KernelState implements KernelServices {
  readonly version: KernelVersion;
  readonly registries: Registries;
  readonly verify: Verify;
  readonly mem: KernelMemory;
  readonly env: ScriptableEnv;
  readonly types: KernelServices['types'];
  readonly vmlinux: KernelBtf;
  readonly objects: KernelServices['objects'];
  readonly fds: KernelServices['fds'];
  readonly text = createKernelText();
  readonly rcu = createRcu();
  readonly tracepoints = createTracepoints();
  readonly memlock: KernelServices['memlock'];
  readonly maps: MutableIdSpace<BpfMap> = createIdSpace();
  readonly progs: MutableIdSpace<BpfProg> = createIdSpace();
  readonly btfs: MutableIdSpace<KernelBtf> = createIdSpace();
  readonly overrides: MutableOverrides = createOverrides();
  readonly bpffs: Bpffs;
  readonly scratch: Scratch;
  readonly executor: Executor;
  readonly checkpointables: Checkpointable[] = [];
  /** Maps mapped into the simulated process. */
  readonly mappings: { readonly map: BpfMap; readonly fd: number; readonly writable: boolean }[] = [];
  cgroups: CgroupHooks = openCgroupHooks();
  currentCall: HelperCall | undefined = undefined;
  observerGeneration = 0;

  readonly progTypes: ReadonlyMap<number, ProgTypeDef>;
  readonly mapTypes: ReadonlyMap<number, MapTypeDef>;
  readonly helpers: ReadonlyMap<string, HelperRow>;
  readonly ptrClasses: ReadonlyMap<string, PtrClassOps>;
  #observers: readonly ExecObserver[] = [];
  readonly #subsystems = new Map<SubsystemKey<unknown>, unknown>();

  constructor(parts: KernelParts) {
    this.version = parts.version;
    this.registries = parts.registries;
    this.verify = parts.verify;
    this.mem = new KernelMemory(parts.memory);
    this.env = createEnv(parts.env, this.mem);
    this.fds = createFdTable({ limit: parts.fdLimit });
    this.memlock = createMemlock(this.env);
    this.objects = createObjectTable(() => this.maps.values());
    this.scratch = new Scratch(this.mem);
    this.bpffs = createBpffs(this);
    const btf = new Btf(parts.vmlinux);
    this.vmlinux = vmlinuxBtf(btf, parts.vmlinux);
    this.types = createKernelTypes(btf, parts.aliases);
    this.progTypes = new Map(parts.registries.progTypes.map((row) => [row.type, row]));
    this.mapTypes = new Map(parts.registries.mapTypes.map((row) => [row.type, row]));
    this.helpers = new Map(parts.registries.helpers.map((row) => [row.variant, row]));
    this.ptrClasses = new Map(parts.registries.ptrClasses.map((row) => [row.regType, row]));
    for (const row of parts.registries.helpers) this.text.define(helperSymbol(row.variant));
    for (const row of parts.registries.mapTypes) {
      for (const symbol of Object.values(row.opSymbols ?? {})) this.text.define(symbol);
    }
    this.checkpointables.push(
      { checkpointName: 'memory', save: () => this.mem.save(), restore: (saved) => this.mem.restore(saved as never) },
      this.env,
    );
    this.executor = parts.executor(this);
  }

  get observers(): readonly ExecObserver[] {
    return this.#observers;
  }

  /** Adds an observer of all runs and returns what removes it. */
  observe(observer: ExecObserver): () => void {
    this.#observers = [...this.#observers, observer];
    this.observerGeneration++;
    return () => {
      this.#observers = this.#observers.filter((other) => other !== observer);
      this.observerGeneration++;
    };
  }

  /**
   * Replaces a helper variant for all programs until the returned function is called. Helpers without a body, and
   * lookups of map elements, are replaced before the programs that call them are loaded.
   * @errno ENOENT UsageError: no such helper
   * @errno EBUSY UsageError: a loaded program has its lookups in line
   */
  overrideHelper(variant: string, make: (original: HelperFn | undefined) => HelperFn): () => void {
    if (!this.helpers.has(variant)) {
      throw new UsageError(`${variant} is no helper: names are those of prototypes, such as bpf_map_update_elem`, {
        errno: ENOENT,
      });
    }
    if (variant === 'bpf_map_lookup_elem') {
      for (const prog of this.progs.values()) {
        if (prog.verified.inlinesLookups !== true) continue;
        throw new UsageError(
          `prog '${prog.name}' was loaded with its lookups in line: replace ${variant} before loading it`,
          { errno: EBUSY },
        );
      }
    }
    return this.overrides.set(variant, make);
  }

  subsystem<T>(key: SubsystemKey<T>): T {
    if (!this.#subsystems.has(key)) this.#subsystems.set(key, key.create(this));
    return this.#subsystems.get(key) as T;
  }

  runProg(prog: BpfProg, ctxOff: number): number {
    return runProg(this, prog, ctxOff);
  }

  runProgBatch(prog: BpfProg, batch: Batch): void {
    runProgBatch(this, prog, batch);
  }

  mapGet(map: BpfMap): void {
    map.refs++;
  }
  mapPut(map: BpfMap): void {
    putMap(this, map);
  }
  mapGetUser(map: BpfMap): void {
    map.refs++;
    map.userRefs++;
  }
  mapPutUser(map: BpfMap): void {
    putMapUser(this, map);
  }
}
