// SPDX-License-Identifier: MIT
// A system that answers bpf(2) with what a kernel of some version would take, as far as a loader can tell, and keeps
// every call.
import { validateBtf } from '@tsbpf/btf';
import { decodeInsns } from '@tsbpf/insn';
import {
  EEXIST,
  EINVAL,
  ENOENT,
  ENOSYS,
  EPERM,
  type BpfAttrs,
  type BpfCmd,
  type ElemAttr,
  type MapCreateAttr,
  type ObjAttr,
  type ProgLoadAttr,
  type Sys,
  type TestRunAttr,
} from '@tsbpf/uapi';

export interface FakeCall {
  readonly verb: string;
  readonly args: unknown;
  readonly result: number;
}

interface FakeMap {
  readonly attr: MapCreateAttr;
  readonly elements: Map<string, Uint8Array>;
  frozen: boolean;
}

export interface FakeOptions {
  /** Rules of BTF_LOAD, and of what programs and maps may ask for. */
  readonly version?: '4.14' | '5.6' | '6.18';
  readonly files?: Readonly<Record<string, string | Uint8Array>>;
  /** Refuses programs by name, with a log. */
  readonly reject?: Readonly<Record<string, { errno: number; log: string }>>;
  /** Takes calls of unknown helpers, as a kernel does in code that nothing reaches. */
  readonly unknownHelpers?: boolean;
  /** The last helper that the kernel has. */
  readonly maxHelper?: number;
  readonly machine?: string;
  readonly cpus?: number;
}

const hex = (bytes: Uint8Array | undefined): string =>
  Array.from(bytes ?? [], (byte) => byte.toString(16).padStart(2, '0')).join('');
const unhex = (text: string): Uint8Array =>
  new Uint8Array(Array.from({ length: text.length / 2 }, (_, i) => Number.parseInt(text.slice(2 * i, 2 * i + 2), 16)));

export class FakeSys implements Sys {
  readonly calls: FakeCall[] = [];
  readonly maps = new Map<number, FakeMap>();
  readonly progs = new Map<number, ProgLoadAttr>();
  readonly openFds = new Set<number>();
  readonly pinned = new Map<string, number>();
  readonly #options: FakeOptions;
  #nextFd = 3;

  constructor(options: FakeOptions = {}) {
    this.#options = options;
  }

  /** Fds of the object's maps and programs by name, probes left out. */
  mapByName(name: string): FakeMap | undefined {
    return [...this.maps.values()].find((map) => map.attr.map_name === name);
  }
  progByName(name: string): ProgLoadAttr | undefined {
    return [...this.progs.values()].find((prog) => prog.prog_name === name);
  }

  get #maxHelper(): number {
    return this.#options.maxHelper ?? (this.#old ? 50 : 250);
  }
  get #modern(): boolean {
    return this.#options.version === '6.18';
  }
  get #old(): boolean {
    return this.#options.version === '4.14';
  }

  #fd(): number {
    const fd = this.#nextFd++;
    this.openFds.add(fd);
    return fd;
  }

  #did(verb: string, args: unknown, result: number): number {
    this.calls.push({ verb, args, result });
    return result;
  }

  bpf<C extends BpfCmd>(cmd: C, attr: BpfAttrs[C]): number {
    return this.#did(`bpf ${cmd}`, { ...attr }, this.#bpf(cmd, attr));
  }

  #bpf(cmd: BpfCmd, attr: unknown): number {
    switch (cmd) {
      case 0:
        return this.#mapCreate(attr as MapCreateAttr);
      case 1:
      case 2:
      case 3:
      case 4:
      case 21:
      case 22:
        return this.#elem(cmd, attr as ElemAttr);
      case 5:
        return this.#progLoad(attr as ProgLoadAttr);
      case 6:
        return this.#pin(attr as ObjAttr);
      case 7: {
        const fd = this.pinned.get((attr as ObjAttr).pathname);
        return fd ?? -ENOENT;
      }
      case 10: {
        const run = attr as TestRunAttr;
        run.retval = 0xffffffff;
        run.duration = 12;
        if (run.data_in !== undefined && run.data_out !== undefined) {
          run.data_out.set(run.data_in);
          run.data_size_out = run.data_in.length;
        }
        return 0;
      }
      case 15: {
        const { bpf_fd: fd, info } = attr as BpfAttrs[15];
        const map = this.maps.get(fd);
        if (map === undefined) return -EINVAL;
        const { map_type: type, key_size, value_size, max_entries, map_flags } = map.attr;
        Object.assign(info, { type, key_size, value_size, max_entries, map_flags });
        return 0;
      }
      case 18: {
        const { btf, btf_log_buf: log } = attr as BpfAttrs[18];
        if (this.#old) return -EINVAL;
        const verdict = validateBtf(btf, { version: this.#options.version ?? '5.6', logLevel: 1 });
        if (log !== undefined) log.set(new TextEncoder().encode(verdict.log).subarray(0, log.length - 1));
        return verdict.errno === 0 ? this.#fd() : -verdict.errno;
      }
      case 8:
      case 9:
        return 0;
      case 17:
        return this.#fd();
      default:
        return -EINVAL;
    }
  }

  #mapCreate(attr: MapCreateAttr): number {
    if (attr.map_type < 1 || attr.map_type > (this.#modern ? 33 : 26)) return -EINVAL;
    if (this.#old && ((attr.map_name ?? '') !== '' || (attr.map_flags ?? 0) > 7)) return -EINVAL;
    const fd = this.#fd();
    this.maps.set(fd, { attr: { ...attr }, elements: new Map(), frozen: false });
    return fd;
  }

  #progLoad(attr: ProgLoadAttr): number {
    if (this.#old && (attr.prog_name ?? '') !== '') return -EINVAL;
    if (this.#old && (attr.expected_attach_type ?? 0) !== 0) return -EINVAL;
    const insns = decodeInsns(attr.insns);
    // Global data came with 5.2, helpers of 5.5 and later are unknown before.
    if (this.#old && insns.some((insn) => insn.code === 0x18 && insn.src === 2)) return -EINVAL;
    const unknown = insns.find((insn) => insn.code === 0x85 && insn.src === 0 && insn.imm > this.#maxHelper);
    const refused = this.#options.reject?.[attr.prog_name ?? ''];
    if (refused !== undefined || (unknown !== undefined && this.#options.unknownHelpers !== true)) {
      const log = refused?.log ?? `0: (85) call unknown#${unknown?.imm}\ninvalid func unknown#${unknown?.imm}\n`;
      if (attr.log_buf !== undefined) attr.log_buf.set(new TextEncoder().encode(log).subarray(0, attr.log_buf.length - 1));
      return -(refused?.errno ?? EINVAL);
    }
    const fd = this.#fd();
    this.progs.set(fd, { ...attr });
    return fd;
  }

  #pin({ pathname, bpf_fd: fd = -1 }: ObjAttr): number {
    if (this.pinned.has(pathname)) return -EEXIST;
    this.pinned.set(pathname, fd);
    return 0;
  }

  #elem(cmd: 1 | 2 | 3 | 4 | 21 | 22, attr: ElemAttr): number {
    const map = this.maps.get(attr.map_fd);
    if (map === undefined) return -EINVAL;
    const key = hex(attr.key);
    const found = map.elements.get(key);
    switch (cmd) {
      case 2:
        if (map.frozen) return -EPERM;
        map.elements.set(key, (attr.value ?? new Uint8Array()).slice());
        return 0;
      case 22:
        map.frozen = true;
        return 0;
      case 4: {
        const keys = [...map.elements.keys()];
        const next = keys[attr.key === undefined ? 0 : keys.indexOf(key) + 1];
        if (next === undefined) return -ENOENT;
        attr.next_key?.set(unhex(next));
        return 0;
      }
      default:
        if (found === undefined) return -ENOENT;
        if (cmd !== 3) attr.value?.set(found);
        if (cmd !== 1) map.elements.delete(key);
        return 0;
    }
  }

  close(fd: number): number {
    return this.#did('close', fd, this.openFds.delete(fd) ? 0 : -9);
  }
  open(): number {
    return this.#fd();
  }
  unlink(path: string): number {
    return this.pinned.delete(path) ? 0 : -ENOENT;
  }
  readFile(path: string): Uint8Array | number {
    const file = this.#options.files?.[path];
    if (file === undefined) return -ENOENT;
    return typeof file === 'string' ? new TextEncoder().encode(file) : file;
  }
  mmap(): number {
    return -ENOSYS;
  }
  munmap(): number {
    return -ENOSYS;
  }
  poll(): number {
    return -ENOSYS;
  }
  ifNameToIndex(): number {
    return 1;
  }
  uname(): { sysname: string; release: string; version: string; machine: string } {
    return { sysname: 'Linux', release: '5.6.4-fake', version: '#1', machine: this.#options.machine ?? 'x86_64' };
  }
  possibleCpus(): number {
    return this.#options.cpus ?? 2;
  }
  setLinkXdp(ifindex: number, progFd: number, flags: number): number {
    return this.#did('setLinkXdp', { ifindex, progFd, flags }, ifindex > 0 ? 0 : -19);
  }
  attachTc(ifindex: number, progFd: number, options: object): number {
    return this.#did('attachTc', { ifindex, progFd, ...options }, 7);
  }
  detachTc(ifindex: number, options: object): number {
    return this.#did('detachTc', { ifindex, ...options }, 0);
  }
  perfEventOpen(attr: object): number {
    return this.#did('perfEventOpen', attr, this.#fd());
  }
  perfEventSetBpf(perfFd: number, progFd: number): number {
    return this.#did('perfEventSetBpf', { perfFd, progFd }, 0);
  }
  setsockopt(fd: number, level: number, optname: number, value: Uint8Array): number {
    return this.#did('setsockopt', { fd, level, optname, value: hex(value) }, 0);
  }
}
