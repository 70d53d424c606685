// SPDX-License-Identifier: MIT
import type { Insn } from '@tsbpf/insn';
import {
  BPF_OBJ_GET_INFO_BY_FD,
  BPF_OBJ_PIN,
  EBUSY,
  EINVAL,
  UsageError,
  type HasIfindex,
  type ProgInfo,
  type Sys,
} from '@tsbpf/uapi';
import { attachAuto } from '../attach/auto.ts';
import { attachCgroup, attachNetns, attachSockmap } from '../attach/prog-attach.ts';
import { attachSocketFilter, attachTc, attachXdp, type TcOptions } from '../attach/net.ts';
import {
  attachKprobe,
  attachPerfEvent,
  attachRawTracepoint,
  attachTrace,
  attachTracepoint,
  attachUprobe,
  type KprobeOptions,
  type UprobeOptions,
} from '../attach/tracing.ts';
import type { ProgSpec } from '../open/spec.ts';
import { secTarget, type SecDef } from '../sections/sec-def.ts';
import type { BpfLink } from './link.ts';
import { must, needSys, unlink } from './syscall.ts';
import { testRun, type TestRunOptions, type TestRunResult } from './test-run.ts';

const NO_FD = -1;
const BPF_F_SLEEPABLE = 16;
const BPF_F_XDP_HAS_FRAGS = 32;

/** A program of an object: its settings until the object is loaded, then what it can be attached to. */
export class BpfProgram {
  /** Filled in when the object is opened; the loader reads it. */
  readonly spec: ProgSpec;
  readonly #sys: Sys | undefined;
  #fd = NO_FD;
  #closed = false;
  #insns: readonly Insn[];
  #log = '';
  #type: number;
  #expectedAttachType: number;
  #progFlags: number;
  #autoload: boolean;
  #autoattach: boolean;
  #attachTarget: string | undefined;
  #attachProgFd = 0;
  #attachBtfId = 0;
  #kernVersion = 0;
  #ifindex = 0;
  #logLevel: number | undefined;

  constructor(spec: ProgSpec, sys: Sys | undefined) {
    this.spec = spec;
    this.#sys = sys;
    this.#insns = spec.insns;
    const { secDef } = spec;
    this.#type = secDef?.progType ?? 0;
    this.#expectedAttachType = secDef?.expectedAttachType ?? 0;
    this.#progFlags =
      (secDef?.sleepable === true ? BPF_F_SLEEPABLE : 0) | (secDef?.xdpFrags === true ? BPF_F_XDP_HAS_FRAGS : 0);
    this.#autoload = spec.autoload;
    this.#autoattach = true;
    this.#attachTarget = secDef?.attachBtf === true ? secTarget(secDef, spec.secName) : undefined;
  }

  get name(): string {
    return this.spec.name;
  }

  /** The section that the program is in, without the `?` that keeps it from being loaded. */
  get sectionName(): string {
    return this.spec.secName;
  }

  /** What the section's name says; undefined where libbpf does not know it. */
  get secDef(): SecDef | undefined {
    return this.spec.secDef;
  }

  /** BPF_PROG_TYPE_*; 0 where the section's name says nothing. */
  get type(): number {
    return this.#type;
  }
  set type(value: number) {
    this.#change('type');
    this.#type = value;
  }

  /** BPF_* attach type, or for struct_ops the index of the member. */
  get expectedAttachType(): number {
    return this.#expectedAttachType;
  }
  set expectedAttachType(value: number) {
    this.#change('expected attach type');
    this.#expectedAttachType = value;
  }

  /** BPF_F_* of BPF_PROG_LOAD. */
  get progFlags(): number {
    return this.#progFlags;
  }
  set progFlags(value: number) {
    this.#change('flags');
    this.#progFlags = value;
  }

  /** Whether loading the object loads the program. */
  get autoload(): boolean {
    return this.#autoload;
  }
  set autoload(value: boolean) {
    this.#change('autoload');
    this.#autoload = value;
  }

  /** Whether attaching the object attaches the program. */
  get autoattach(): boolean {
    return this.#autoattach;
  }
  set autoattach(value: boolean) {
    this.#autoattach = value;
  }

  /** Level of the verifier's log from the first try on; undefined for the object's. */
  get logLevel(): number | undefined {
    return this.#logLevel;
  }
  set logLevel(value: number | undefined) {
    this.#change('log level');
    this.#logLevel = value;
  }

  /** Device that the program is offloaded to; 0 for none. */
  get ifindex(): number {
    return this.#ifindex;
  }
  set ifindex(value: number) {
    this.#change('device');
    this.#ifindex = value;
  }

  /** Version of the kernel that PROG_LOAD is told; 0 for the running one's. */
  get kernVersion(): number {
    return this.#kernVersion;
  }
  set kernVersion(value: number) {
    this.#change('kernel version');
    this.#kernVersion = value;
  }

  /** Name of what a tracing, LSM or EXT program attaches to; undefined where nothing says so. */
  get attachTarget(): string | undefined {
    return this.#attachTarget;
  }

  /** Fd of the program that this one replaces or traces; 0 for the kernel. */
  get attachProgFd(): number {
    return this.#attachProgFd;
  }

  /** BTF id of the target, once known. */
  get attachBtfId(): number {
    return this.#attachBtfId;
  }

  /** Names what the program attaches to: a function of the kernel, or of another program. */
  setAttachTarget(target: { prog?: BpfProgram | number; func?: string }): void {
    this.#change('attach target');
    const { prog = 0, func } = target;
    this.#attachProgFd = typeof prog === 'number' ? prog : prog.fd;
    if (func !== undefined) this.#attachTarget = func;
    this.#attachBtfId = 0;
  }

  /** The instructions: as in the object, or, once the object is loaded, as given to the kernel. */
  get insns(): readonly Insn[] {
    return this.#insns;
  }

  /** The verifier's log; empty where none was asked for and nothing went wrong. */
  get log(): string {
    return this.#log;
  }

  get loaded(): boolean {
    return this.#fd !== NO_FD;
  }

  /** @errno EINVAL (UsageError) the program is not loaded */
  get fd(): number {
    if (this.#fd === NO_FD) {
      const why = this.#closed ? 'its object is closed' : this.#autoload ? 'load its object first' : 'autoload is off';
      throw new UsageError(`prog '${this.name}': it is not loaded: ${why}`, { errno: EINVAL });
    }
    return this.#fd;
  }

  /** For the loader. */
  adoptFd(fd: number): void {
    this.#fd = fd;
  }
  /** For the loader: the fd is gone. */
  dropFd(): void {
    this.#fd = NO_FD;
    this.#closed = true;
  }
  /** For the loader. */
  adoptInsns(insns: readonly Insn[]): void {
    this.#insns = insns;
  }
  /** For the loader. */
  adoptLog(log: string): void {
    this.#log = log;
  }
  /** For the loader. */
  adoptAttachBtfId(id: number): void {
    this.#attachBtfId = id;
  }

  /** The system of the object. @errno EINVAL (UsageError) it was opened without one */
  get sys(): Sys {
    return needSys(this.#sys, `prog '${this.name}'`);
  }

  /** Attaches as the section's name says. @errno EOPNOTSUPP (LoaderError) it does not say enough */
  attach(): BpfLink {
    return attachAuto(this);
  }

  /** Attaches to a device. `flags` are XDP_FLAGS_*. @throws SyscallError */
  attachXdp(device: HasIfindex & { flags?: number }): BpfLink {
    return attachXdp(this, device);
  }

  /** Attaches to a cgroup's directory. `flags` are BPF_F_ALLOW_*; `attachType` where the program's own is not it. */
  attachCgroup(cgroupFd: number, options: { flags?: number; attachType?: number } = {}): BpfLink {
    return attachCgroup(this, cgroupFd, options);
  }

  /** Attaches a flow dissector to the network namespace of the caller. */
  attachNetns(): BpfLink {
    return attachNetns(this);
  }

  /** Attaches a parser or verdict to a map of sockets. */
  attachSockmap(map: { readonly fd: number }, options: { attachType?: number } = {}): BpfLink {
    return attachSockmap(this, map.fd, options);
  }

  /** Attaches a classifier or action to a device. */
  attachTc(device: HasIfindex, options: TcOptions): BpfLink {
    return attachTc(this, device, options);
  }

  /** Attaches to a function of the kernel; by default the one that the section names. */
  attachKprobe(options: KprobeOptions = {}): BpfLink {
    return attachKprobe(this, options);
  }

  attachUprobe(options: UprobeOptions): BpfLink {
    return attachUprobe(this, options);
  }

  /** Attaches to a tracepoint; by default the one that the section names. */
  attachTracepoint(options: { category?: string; name?: string } = {}): BpfLink {
    return attachTracepoint(this, options);
  }

  /** Attaches to a raw tracepoint; by default the one that the section names. */
  attachRawTracepoint(options: { name?: string } = {}): BpfLink {
    return attachRawTracepoint(this, options);
  }

  /** Attaches a tracing program, LSM program or replacement to the target it was loaded for. */
  attachTrace(): BpfLink {
    return attachTrace(this);
  }

  /** Puts a replacement in the place of the function it was loaded for. */
  attachFreplace(): BpfLink {
    return attachTrace(this);
  }

  /** Attaches to a perf event, which the link closes with itself. */
  attachPerfEvent(perfFd: number): BpfLink {
    return attachPerfEvent(this, perfFd);
  }

  /** Attaches to a socket as its filter. */
  attachSocketFilter(socketFd: number): BpfLink {
    return attachSocketFilter(this, socketFd);
  }

  /** BPF_PROG_TEST_RUN. @throws SyscallError, ENOTSUPP for a type without test runs */
  testRun(options: TestRunOptions = {}): TestRunResult {
    return testRun(this, options);
  }

  /** Names the program in a bpf file system. @throws SyscallError */
  pin(path: string): void {
    must(this.sys, BPF_OBJ_PIN, { pathname: path, bpf_fd: this.fd }, `prog '${this.name}': pin at '${path}'`);
  }

  /** Takes the name away again. @errno EOPNOTSUPP (NotSupportedError) the system cannot remove names */
  unpin(path: string): void {
    unlink(this.sys, path, `prog '${this.name}'`);
  }

  /** What the kernel says of the program; `fields` may bring buffers to fill. */
  info(fields: ProgInfo = {}): ProgInfo {
    const info = { ...fields };
    must(this.sys, BPF_OBJ_GET_INFO_BY_FD, { bpf_fd: this.fd, info }, `prog '${this.name}': info`);
    return info;
  }

  #change(what: string): void {
    if (!this.loaded) return;
    throw new UsageError(`prog '${this.name}': ${what} cannot change after loading`, { errno: EBUSY });
  }
}
