// SPDX-License-Identifier: MIT
import type { Btf } from '@tsbpf/btf';
import {
  BpfError,
  errnoText,
  EALREADY,
  EINVAL,
  ENOENT,
  ESRCH,
  LoaderError,
  NotSupportedError,
  UsageError,
  type Sys,
} from '@tsbpf/uapi';
import { openBtf, readKernelBtf } from '../btf/kernel-btf.ts';
import { createFeatures } from '../features/probes.ts';
import { loadObject } from '../load/load.ts';
import type { LoadState } from '../load/state.ts';
import { structOpsValue, type KernelStructOps } from '../load/struct-ops.ts';
import { silent, type Print } from '../log.ts';
import { readObject } from '../open/open.ts';
import { refuser } from '../open/refuse.ts';
import type { ObjectSpec } from '../open/spec.ts';
import { DataSection, type Globals } from './globals.ts';
import { BpfLink } from './link.ts';
import { BpfMap, type MapValue } from './map.ts';
import { named, type Named } from './named.ts';
import { BpfProgram } from './program.ts';
import { needSys } from './syscall.ts';

export interface OpenOptions {
  /** Where the object will be loaded; without one it can only be looked at. */
  readonly sys?: Sys;
  /** The object's name, of which internal maps take a part; see {@link objectName}. */
  readonly name?: string;
  /** Kernel types for CO-RE in place of the running kernel's: BTF, its bytes, or an ELF file with a .BTF section. */
  readonly btf?: Btf | Uint8Array;
  /** A file of the system with such types, read when the object is loaded. */
  readonly btfCustomPath?: string;
  /** Text of a kernel configuration, tried before the running kernel's. */
  readonly kconfig?: string;
  /** Where maps that ask for it are pinned. */
  readonly pinRootPath?: string;
  /** Level of the verifier's log from the first try on; 0 for a log only where a program is rejected. */
  readonly logLevel?: number;
  /** Bytes of the verifier's log to ask for; without it, as many as the log takes. */
  readonly logSize?: number;
  /** Takes what libbpf would print. */
  readonly print?: Print;
}

const OBJ_NAME_MAX = 15;
const DEFAULT_PIN_ROOT = '/sys/fs/bpf';

/** An object file: its programs, maps and variables. Opening touches no system; loading does. */
export class BpfObject {
  readonly name: string;
  readonly license: string;
  /** The object's own types; undefined where it has none. */
  readonly btf: Btf | undefined;
  /** Programs by name: functions that are only called by others are not among them. */
  readonly progs: Named<BpfProgram>;
  /** Maps by name; those that hold a section's variables also by the section's. */
  readonly maps: Named<BpfMap>;
  readonly #spec: ObjectSpec;
  readonly #options: OpenOptions;
  readonly #sections = new Map<string, DataSection>();
  readonly #ownFds: number[] = [];
  readonly #customBtf: Btf | undefined;
  #structOps = new Map<BpfMap, KernelStructOps>();
  #state: 'open' | 'loaded' | 'closed' = 'open';

  constructor(bytes: Uint8Array, options: OpenOptions) {
    const { sys, name = 'object', print = silent, pinRootPath = DEFAULT_PIN_ROOT, btf } = options;
    this.name = name.replace(/[^A-Za-z0-9_]/g, '_').slice(0, OBJ_NAME_MAX);
    this.#options = options;
    this.#customBtf = btf instanceof Uint8Array ? openBtf(btf) : btf;
    const spec = readObject(bytes, { name: this.name, print });
    this.#spec = spec;
    this.license = spec.license;
    this.btf = spec.btf;
    const { littleEndian } = spec.elf;
    const maps = spec.maps.map((map) => new BpfMap({ spec: map, sys, btf: spec.btf, littleEndian, pinRootPath }));
    const progs = spec.progs.filter((prog) => !prog.isSubprog).map((prog) => new BpfProgram(prog, sys));
    this.progs = named(progs);
    this.maps = named(maps, (map) => (map.kind === 'user' || map.kind === 'struct_ops' ? undefined : map.sectionName));
    for (const map of maps) {
      if (map.kind !== 'user' && map.kind !== 'struct_ops') this.#sections.set(map.sectionName, new DataSection(map));
    }
  }

  get loaded(): boolean {
    return this.#state === 'loaded';
  }

  /** Whether the object's numbers are little-endian. */
  get littleEndian(): boolean {
    return this.#spec.elf.littleEndian;
  }

  /** A program by name. @errno ENOENT (UsageError) no such program */
  program(name: string): BpfProgram {
    const prog = this.progs.get(name);
    if (prog !== undefined) return prog;
    throw new UsageError(`object '${this.name}' has no program '${name}'; it has: ${list(this.progs)}`, {
      errno: ENOENT,
    });
  }

  /**
   * A map by its name or, of an internal one, its section's. `K` and `V` say what its keys and values are, as the map's
   * BTF has them: `obj.map<number, { packets: bigint; bytes: bigint }>('stats')`.
   * @errno ENOENT (UsageError) no such map
   */
  map<K = MapValue, V = MapValue>(name: string): BpfMap<K, V> {
    const map = this.maps.get(name);
    if (map !== undefined) return map as unknown as BpfMap<K, V>;
    throw new UsageError(`object '${this.name}' has no map '${name}'; it has: ${list(this.maps)}`, { errno: ENOENT });
  }

  /** Variables of a section such as `.data.counters`; undefined where the object has no such section. */
  section(name: string): DataSection | undefined {
    return this.#sections.get(name);
  }

  /** Constants: settable until the object is loaded. */
  get rodata(): Globals {
    return this.#vars('.rodata');
  }

  /** Variables with an initial value. */
  get data(): Globals {
    return this.#vars('.data');
  }

  /** Variables that start at zero. */
  get bss(): Globals {
    return this.#vars('.bss');
  }

  /** The kernel's configuration, as far as the object asks for it; filled in by `load`. */
  get kconfig(): Globals {
    return this.#vars('.kconfig');
  }

  /**
   * Creates the maps and loads the programs. After a failure the object can only be closed.
   * @throws VerifierError where a program is rejected; LoaderError for what the loader itself finds wrong
   */
  load(): this {
    if (this.#state !== 'open') {
      const errno = this.#state === 'loaded' ? EALREADY : EINVAL;
      throw new UsageError(`object '${this.name}': load can't be attempted twice`, { errno });
    }
    const { print = silent, kconfig, pinRootPath = DEFAULT_PIN_ROOT, logLevel = 0, logSize } = this.#options;
    const sys = needSys(this.#options.sys, 'load');
    const refuse = refuser(print);
    let kernelBtf: Btf | undefined;
    let customBtf = this.#customBtf;
    const state: LoadState = {
      spec: this.#spec,
      sys,
      print,
      refuse,
      features: createFeatures(sys),
      maps: [...this.maps],
      progs: [...this.progs],
      kconfig,
      pinRootPath,
      customBtf: () => (customBtf ??= this.#readCustomBtf(sys, print)),
      logLevel,
      logSize,
      kernelBtf: () =>
        (kernelBtf ??=
          readKernelBtf(sys, print) ??
          refuse("kernel BTF is missing at '/sys/kernel/btf/vmlinux', was CONFIG_DEBUG_INFO_BTF enabled?", {
            errno: ESRCH,
          })),
      btfFd: -1,
      ownFds: this.#ownFds,
    };
    try {
      this.#structOps = loadObject(state).structOps;
      this.#state = 'loaded';
    } catch (error) {
      print('warn', `failed to load object '${this.name}'`);
      this.close();
      throw error;
    }
    return this;
  }

  /** Attaches every program that says where and has `autoattach` on, and registers struct_ops maps. */
  attach(): BpfLink[] {
    const links: BpfLink[] = [];
    try {
      for (const prog of this.progs) {
        if (prog.loaded && prog.autoattach && prog.secDef?.autoAttach !== undefined) links.push(prog.attach());
      }
      for (const map of this.#structOps.keys()) links.push(this.attachStructOps(map));
    } catch (error) {
      for (const link of links.reverse()) link.detach();
      throw error;
    }
    return links;
  }

  /** Registers a struct_ops map with its subsystem; detaching unregisters it. @throws SyscallError */
  attachStructOps(map: BpfMap): BpfLink {
    const kern = this.#structOps.get(map);
    if (kern === undefined) {
      throw new LoaderError(`map '${map.name}': it is no struct_ops map of a loaded object`, {
        errno: EINVAL,
        map: map.name,
      });
    }
    if (map.spec.structOps?.link === true) {
      throw new NotSupportedError(`map '${map.name}': a struct_ops link needs BPF_LINK_CREATE`, {
        errno: EINVAL,
        feature: 'struct_ops link',
        since: '6.4',
      });
    }
    map.setBytes(new Uint8Array(4), structOpsValue(kern, this.littleEndian));
    return new BpfLink({ progName: map.name, target: 'struct_ops', detach: () => void map.delete(0) });
  }

  /** Closes every fd of the object. What is attached or pinned stays so, as in Linux. */
  close(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    const { sys } = this.#options;
    if (sys === undefined) return;
    for (const section of this.#sections.values()) {
      const mapped = section.takeMemory();
      if (mapped !== undefined && section.map.exists) sys.munmap(section.map.fd, mapped);
    }
    for (const prog of this.progs) {
      if (!prog.loaded) continue;
      sys.close(prog.fd);
      prog.dropFd();
    }
    for (const map of this.maps) {
      if (!map.exists) continue;
      sys.close(map.fd);
      map.dropFd();
    }
    for (const fd of this.#ownFds.splice(0)) sys.close(fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #readCustomBtf(sys: Sys, print: Print): Btf | undefined {
    const path = this.#options.btfCustomPath;
    if (path === undefined) return undefined;
    const fail = (errno: number, why: string): never => {
      print('warn', `failed to parse target BTF: ${-errno}`);
      throw new LoaderError(`failed to parse target BTF '${path}': ${why}`, { errno });
    };
    const bytes = sys.readFile(path);
    if (typeof bytes === 'number') return fail(-bytes, errnoText(-bytes));
    try {
      return openBtf(bytes);
    } catch (error) {
      if (!(error instanceof BpfError)) throw error;
      return fail(error.errno, error.message);
    }
  }

  #vars(section: string): Globals {
    const found = this.#sections.get(section);
    if (found !== undefined) return found.vars;
    throw new UsageError(`object '${this.name}' has no section ${section}`, { errno: ENOENT });
  }
}

function list(handles: Iterable<{ readonly name: string }>): string {
  return Array.from(handles, (handle) => handle.name).join(', ') || 'none';
}

/** The name that libbpf gives an object: the file's, up to its first dot. */
export function objectName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1).split('.')[0];
}

/**
 * Opens an object file. Nothing but the bytes is looked at; `sys` is where `load` will load it.
 * @throws ElfError for a file that is no BPF object; LoaderError for one that makes no sense
 */
export function openObject(bytes: Uint8Array, options: OpenOptions = {}): BpfObject {
  return new BpfObject(bytes, options);
}
