// SPDX-License-Identifier: MIT
import { EINVAL, ENOENT, UsageError } from '@tsbpf/uapi';
import type { BpfProg, KernelServices, SubsystemKey, TracepointArg } from '@tsbpf/core';
import { Trampolines } from '@tsbpf/trampoline';
import { checkpointOf } from './checkpoint.ts';
import { TraceEvents } from './event/events.ts';
import type { EventValues, FieldSpec, TraceEvent } from './event/trace-event.ts';
import { runOnEvent, runOnProbe, runOnSample, type ProbeHit, type ProbeResult, type Sample } from './fire.ts';
import { FakeObject } from './function/fake-object.ts';
import { KernelFunctions, type CallResult, type FunctionBody } from './function/kernel-functions.ts';
import type { KernelValue } from './function/kernel-value.ts';
import { RunLog, type ProgRun } from './function/run-log.ts';
import { PerfBuffer, type PerfBufferOptions } from './perf/perf-buffer.ts';
import type { PerfEvent } from './perf/perf-event.ts';
import type { ProbeTarget } from './probe/probe-target.ts';
import { argumentRegisters, type Registers } from './probe/registers.ts';
import { argumentsOf56, emitTracepoint } from './raw-tracepoint/emit.ts';
import { TracePipe } from './stream/trace-pipe.ts';
import { entryPoint, runSyscall, type SyscallBody, type SyscallResult } from './syscall/run-syscall.ts';
import { SyscallTable } from './syscall/syscall-table.ts';
import { Tasks } from './task/tasks.ts';
import { tracepointsOf } from './tracepoint-list.ts';
import { UserMemory, type UserValue } from './user/user-memory.ts';

/** A file in the address space of the process. */
export interface UserMapping {
  /** The first address, and the one behind the last. */
  readonly start: bigint;
  readonly end: bigint;
  /** Where in the file `start` is, in bytes; 0 unless given. */
  readonly fileOff?: bigint;
  /** Its build id, 20 bytes; a file without one has none to give. */
  readonly buildId?: Uint8Array;
}

/** Call stacks as programs find them: return addresses, innermost first; and the files that user addresses lie in. */
export interface Stacks {
  kernel: readonly bigint[];
  user: readonly bigint[];
  mappings?: readonly UserMapping[];
}

/** A signal that a program sent to the current task. */
export interface SentSignal {
  readonly pid: number;
  readonly signal: number;
  /** To the thread alone, not to its process. */
  readonly thread: boolean;
}

/**
 * Tracing of one simulated kernel: what programs attach to, and the script's means to make it happen. Functions, events
 * and samples occur when a script says so.
 */
export class Tracing {
  readonly kernel: KernelServices;
  /** Programs at raw tracepoints. */
  readonly links: { readonly prog: BpfProg; readonly name: string }[] = [];
  /** What stack helpers see; a script sets it. */
  readonly stacks: Stacks = { kernel: [], user: [] };
  readonly signals: SentSignal[] = [];
  /** Runs of kprobe, tracepoint and perf_event programs in progress: they do not nest. */
  active = 0;
  /** Records of all rings. */
  readonly records = { seq: 0 };
  /** Who runs, and what the scheduler does. */
  readonly tasks: Tasks;
  /** The memory of the process. */
  readonly user: UserMemory;
  /** Lines of bpf_trace_printk. */
  readonly tracePipe: TracePipe;
  readonly #syscalls = new SyscallTable();
  readonly #events: TraceEvents;
  /** References to perf events, in the order they were opened. */
  readonly #perf = new Map<PerfEvent, number>();
  readonly #overridable = new Set<string>();
  /** Programs that events run are noted here. */
  readonly runs = new RunLog();
  /** What fentry, fexit and extension programs attach to. */
  readonly trampolines: Trampolines;
  readonly #functions: KernelFunctions;

  constructor(kernel: KernelServices) {
    this.kernel = kernel;
    this.user = new UserMemory(kernel);
    this.tracePipe = new TracePipe(kernel.env);
    this.tasks = new Tasks(kernel, (name, args) => this.#emitAs56(name, args));
    this.trampolines = new Trampolines(kernel, (run) => this.runs.note(run));
    this.#functions = new KernelFunctions(kernel, this.runs, {
      enter: (name, args) => this.fireKprobe(name, { args }).overridden,
      leave: (name, ret) => void this.fireKretprobe(name, ret),
    });
    kernel.checkpointables.push(checkpointOf(this));
    for (const tracepoint of tracepointsOf(kernel.vmlinux.btf, kernel.types)) kernel.tracepoints.declare(tracepoint);
    this.#events = new TraceEvents(kernel, this.#syscalls);
    for (const call of this.#syscalls.all) kernel.text.define(entryPoint(call));
  }

  /**
   * Adds a trace event, `category:name`.
   * @errno EEXIST UsageError: there is one of that name; EINVAL UsageError: not of that form
   */
  declareEvent(fullName: string, fields: readonly FieldSpec[]): TraceEvent {
    return this.#events.declare(fullName, fields);
  }

  /** By `category:name`, or by id. */
  findEvent(key: string | number): TraceEvent | undefined {
    return this.#events.find(key);
  }

  /** Trace events; of those of system calls, the ones that were asked for. */
  get events(): Iterable<TraceEvent> {
    return this.#events.known;
  }

  /** The perf event behind an fd. @errno EINVAL UsageError: it is none */
  perfEvent(fd: number): PerfEvent {
    const file = this.kernel.fds.get(fd, 'perf_event');
    if (typeof file === 'number') throw new UsageError(`fd ${fd} is no perf event`, { errno: EINVAL });
    return file.event;
  }

  /** Perf events that are open or held by a map. */
  get perfEvents(): Iterable<PerfEvent> {
    return this.#perf.keys();
  }

  /** Takes a reference. */
  hold(event: PerfEvent): void {
    const { target } = event;
    if (!this.#perf.has(event) && target?.kind === 'trace_event') {
      this.#events.open(target, (values) => void runOnEvent(this, target, values, {}));
    }
    this.#perf.set(event, (this.#perf.get(event) ?? 0) + 1);
  }

  /** Drops a reference; with the last one the event goes, and its program. */
  drop(event: PerfEvent): void {
    const left = (this.#perf.get(event) ?? 1) - 1;
    if (left > 0) {
      this.#perf.set(event, left);
      return;
    }
    this.#perf.delete(event);
    if (event.target?.kind === 'trace_event') this.#events.close(event.target);
    event.close();
    event.prog?.put();
    event.prog = undefined;
    this.kernel.objects.gone(event);
    this.kernel.mem.free(event.off);
  }

  /** Marks a function as one whose result programs may override. @see include/asm-generic/error-injection.h */
  allowOverride(symbol: string): void {
    this.#overridable.add(symbol);
  }

  mayOverride({ kind, symbol, offset, isReturn }: ProbeTarget): boolean {
    return kind === 'kprobe' && offset === 0n && !isReturn && this.#overridable.has(symbol);
  }

  /**
   * A kernel structure with these members, laid out by the kernel's BTF, to be passed to functions and tracepoints:
   * `{ comm: 'bash', cred: { uid: { val: 1000 } } }`. It stays until its `free()`.
   * @errno ENOENT UsageError: no such structure or member; EINVAL, ERANGE UsageError: a value that does not fit
   */
  fakeObject(structName: string, values: { readonly [path: string]: KernelValue } = {}): FakeObject {
    return new FakeObject(this.kernel, structName, values);
  }

  /**
   * Gives a function of the kernel's BTF a body, so that it can be called.
   * @errno ENOENT UsageError: the BTF has no such function
   */
  defineFunction(name: string, body: FunctionBody): void {
    this.#functions.define(name, body);
  }

  /**
   * Calls a function of the simulated kernel, and what is attached to it: kprobes, fentry, fexit, kretprobes. Arguments
   * are typed by its BTF.
   * @errno ENOENT UsageError: the BTF has no such function; EINVAL, ERANGE UsageError: arguments that do not fit it
   * @errno ENOSYS NotSupportedError: it has no body
   */
  call(name: string, ...args: readonly KernelValue[]): CallResult {
    this.tasks.sync();
    return this.#functions.call(name, args);
  }

  /**
   * Fires a tracepoint with arguments typed by its prototype in the kernel's BTF: raw tracepoint programs run, and those
   * at the trace event that it makes. Answers the programs that ran.
   * @errno ENOENT UsageError: there is none of that name; EINVAL, ERANGE UsageError: arguments that do not fit it
   */
  emit(name: string, ...args: readonly KernelValue[]): readonly ProgRun[] {
    this.tasks.sync();
    return this.runs.during(() => emitTracepoint(this.kernel, name, args)).runs;
  }

  /** Fires a raw tracepoint with words as they are. @errno ENOENT UsageError: there is none of that name */
  fireTracepoint(name: string, args: readonly TracepointArg[]): void {
    if (this.kernel.tracepoints.find(name) === undefined) {
      throw new UsageError(`no tracepoint ${name}`, { errno: ENOENT });
    }
    this.kernel.tracepoints.fire(name, args);
  }

  /**
   * A trace event occurs. Answers whether its record would be kept: false where a program returned 0.
   * @errno ENOENT UsageError: there is none of that name
   */
  fireEvent(fullName: string, values: EventValues = {}, regs: Registers = {}): boolean {
    const event = this.#events.find(fullName);
    if (event === undefined) throw new UsageError(`no trace event ${fullName}`, { errno: ENOENT });
    return runOnEvent(this, event, values, regs);
  }

  /**
   * The current task makes a system call, `ret` being its result or what it does: `syscall('openat', [-100, '/etc/passwd',
   * 0, 0], 3)`. Tracepoints, trace events and kprobes at its entry and exit run their programs. Strings and arrays lie in
   * user memory for as long.
   * @errno ENOENT UsageError: x86-64 has no such call; EINVAL UsageError: more arguments than it has
   */
  syscall(name: string, args: readonly UserValue[] = [], ret: SyscallBody = 0): SyscallResult {
    this.tasks.sync();
    const world = {
      ...{ kernel: this.kernel, syscalls: this.#syscalls, user: this.user, runs: this.runs },
      occurs: (event: string, values: EventValues): void => void this.fireEvent(event, values),
      regs: {
        enter: (symbol: string, regs: bigint) => this.fireKprobe(symbol, { args: [regs] }).overridden,
        leave: (symbol: string, result: bigint) => void this.fireKretprobe(symbol, result),
      },
    };
    return runSyscall(world, name, args, ret);
  }

  /**
   * Opens a ring for each CPU in a perf event array, and reads what programs write there.
   * @errno EINVAL UsageError: not such a map; EMFILE UsageError
   */
  perfBuffer(map: { readonly fd: number }, options: PerfBufferOptions = {}): PerfBuffer {
    return new PerfBuffer(this.kernel, this, { ...options, mapFd: map.fd });
  }

  /** A kernel function is entered, or an instruction `offset` bytes into it reached. */
  fireKprobe(symbol: string, hit: ProbeHit = {}): ProbeResult {
    const target: ProbeTarget = { kind: 'kprobe', symbol, offset: hit.offset ?? 0n, isReturn: false };
    return runOnProbe(this, target, { ...argumentRegisters(hit.args ?? []), ip: this.#addrOf(symbol), ...hit.regs });
  }

  /** A kernel function returns. */
  fireKretprobe(symbol: string, ret: bigint, regs: Registers = {}): ProbeResult {
    const target: ProbeTarget = { kind: 'kprobe', symbol, offset: 0n, isReturn: true };
    return runOnProbe(this, target, { ax: ret, ip: this.#addrOf(symbol), ...regs });
  }

  /** The process reaches `offset` in the file `path`, or returns from the function there. */
  fireUprobe(path: string, offset: bigint, hit: ProbeHit & { ret?: bigint } = {}): ProbeResult {
    const target: ProbeTarget = { kind: 'uprobe', symbol: path, offset, isReturn: hit.ret !== undefined };
    return runOnProbe(this, target, { ...argumentRegisters(hit.args ?? []), ax: hit.ret ?? 0n, ...hit.regs });
  }

  /** A perf event overflows. Answers whether the sample would be recorded: false where its program returned 0. */
  fireSample(event: PerfEvent, sample: Sample = {}): boolean {
    return runOnSample(this, event, sample);
  }

  /** Fires a tracepoint, if the kernel has it, with v5.6's arguments cut or filled up to what it takes. */
  #emitAs56(name: string, args: readonly KernelValue[]): readonly ProgRun[] {
    const fitting = argumentsOf56(this.kernel, name, args);
    return fitting === undefined ? [] : this.emit(name, ...fitting);
  }

  #addrOf(symbol: string): bigint {
    return this.kernel.text.byName(symbol)?.addr ?? 0n;
  }
}

const TRACING: SubsystemKey<Tracing> = { name: 'tracing', create: (kernel) => new Tracing(kernel) };

/**
 * The tracing of a kernel, made when first asked for. Whoever builds a kernel asks at once, so that its tracepoints exist
 * before programs attach to them.
 */
export function tracingOf(kernel: Pick<KernelServices, 'subsystem'>): Tracing {
  return kernel.subsystem(TRACING);
}
