// SPDX-License-Identifier: MIT
import { BPF_RAW_TRACEPOINT_OPEN, EINVAL, type PerfEventOpenAttr } from '@tsbpf/uapi';
import { PROBES, syscallPrefix } from '../features/probes.ts';
import { BpfLink } from '../handle/link.ts';
import { failed, must } from '../handle/syscall.ts';
import { secTarget } from '../sections/sec-def.ts';
import { attachError, type Attachable } from './attachable.ts';

const PERF_TYPE_TRACEPOINT = 2;
const TRACEFS = ['/sys/kernel/tracing', '/sys/kernel/debug/tracing'] as const;

export interface KprobeOptions {
  readonly func?: string;
  /** Bytes from the function's start. */
  readonly offset?: bigint;
  readonly retprobe?: boolean;
}

export interface UprobeOptions {
  /** The executable or library. */
  readonly path: string;
  /** Bytes from the file's start. */
  readonly offset: bigint;
  readonly retprobe?: boolean;
  /** The process; -1 for all. */
  readonly pid?: number;
}

function readNumber(prog: Attachable, path: string): number | undefined {
  const bytes = prog.sys.readFile(path);
  if (typeof bytes === 'number') return undefined;
  const value = Number.parseInt(new TextDecoder().decode(bytes), 10);
  return Number.isNaN(value) ? undefined : value;
}

/** A perf event with the program set on it. The link owns the event. */
function attachEvent(prog: Attachable, attr: PerfEventOpenAttr, target: string): BpfLink {
  const { sys } = prog;
  const progFd = prog.fd;
  const perfFd = sys.perfEventOpen(attr);
  if (perfFd < 0) throw failed('perf_event_open', perfFd, `prog '${prog.name}': failed to create ${target} perf event`);
  const result = sys.perfEventSetBpf(perfFd, progFd);
  if (result < 0) {
    sys.close(perfFd);
    throw failed('PERF_EVENT_IOC_SET_BPF', result, `prog '${prog.name}': failed to attach to ${target}`);
  }
  return new BpfLink({ progName: prog.name, target, fd: perfFd, detach: () => void sys.close(perfFd) });
}

/** The number of a dynamic PMU, from sysfs. */
function pmuType(prog: Attachable, pmu: 'kprobe' | 'uprobe'): number {
  const path = `/sys/bus/event_source/devices/${pmu}/type`;
  const type = readNumber(prog, path);
  if (type === undefined) throw attachError(prog, `cannot read the PMU's number from ${path}`, EINVAL);
  return type;
}

/** The name and offset in `kprobe/NAME+OFFSET`. */
function kprobeTarget(prog: Attachable): { func: string; offset: bigint } {
  const target = prog.secDef === undefined ? undefined : secTarget(prog.secDef, prog.sectionName);
  const [, func, offset] = /^([A-Za-z0-9_.]+)(?:\+(0x[0-9a-fA-F]+|\d+))?$/.exec(target ?? '') ?? [];
  if (func === undefined) throw attachError(prog, `section '${prog.sectionName}' names no function`, EINVAL);
  return { func, offset: BigInt(offset ?? 0) };
}

export function attachKprobe(prog: Attachable, options: KprobeOptions): BpfLink {
  const { func, offset } = options.func === undefined ? kprobeTarget(prog) : { func: options.func, offset: 0n };
  const retprobe = options.retprobe ?? /^kret/.test(prog.sectionName);
  const probeOffset = options.offset ?? offset;
  if (retprobe && probeOffset !== 0n) throw attachError(prog, 'kretprobes do not support offset specification', EINVAL);
  const attr = { type: pmuType(prog, 'kprobe'), config: 0n, path: func, probeOffset, retprobe, pid: -1, cpu: 0 };
  return attachEvent(prog, attr, `${retprobe ? 'kretprobe' : 'kprobe'} '${func}+0x${probeOffset.toString(16)}'`);
}

/** Attaches to the function of a system call, whatever its name is on this kernel. */
export function attachKsyscall(prog: Attachable): BpfLink {
  const syscall = prog.secDef === undefined ? undefined : secTarget(prog.secDef, prog.sectionName);
  if (syscall === undefined) throw attachError(prog, `section '${prog.sectionName}' names no system call`, EINVAL);
  const prefix = PROBES.syscallWrapper(prog.sys) ? syscallPrefix(prog.sys) : 'se';
  return attachKprobe(prog, { func: `__${prefix}_sys_${syscall}`, retprobe: prog.sectionName.startsWith('kret') });
}

export function attachUprobe(prog: Attachable, options: UprobeOptions): BpfLink {
  const { path, offset, pid = -1 } = options;
  const retprobe = options.retprobe ?? /^uret/.test(prog.sectionName);
  const attr = {
    type: pmuType(prog, 'uprobe'),
    config: 0n,
    path,
    probeOffset: offset,
    retprobe,
    pid,
    cpu: pid === -1 ? 0 : -1,
  };
  return attachEvent(prog, attr, `${retprobe ? 'uretprobe' : 'uprobe'} '${path}:0x${offset.toString(16)}'`);
}

export function attachTracepoint(prog: Attachable, options: { category?: string; name?: string }): BpfLink {
  const fromSection = prog.secDef === undefined ? undefined : secTarget(prog.secDef, prog.sectionName);
  const slash = fromSection?.indexOf('/') ?? -1;
  const category = options.category ?? (slash < 0 ? undefined : fromSection?.slice(0, slash));
  const name = options.name ?? (slash < 0 ? undefined : fromSection?.slice(slash + 1));
  if (category === undefined || name === undefined) {
    throw attachError(prog, `section '${prog.sectionName}' names no tracepoint: category/name`, EINVAL);
  }
  const target = `tracepoint '${category}/${name}'`;
  for (const root of TRACEFS) {
    const id = readNumber(prog, `${root}/events/${category}/${name}/id`);
    if (id === undefined) continue;
    return attachEvent(prog, { type: PERF_TYPE_TRACEPOINT, config: BigInt(id), pid: -1, cpu: 0 }, target);
  }
  throw attachError(prog, `failed to determine ${target} perf event ID: No such file or directory`, 2);
}

function openRaw(prog: Attachable, name: string | undefined, target: string): BpfLink {
  const { sys } = prog;
  const fd = must(
    sys,
    BPF_RAW_TRACEPOINT_OPEN,
    { prog_fd: prog.fd, ...(name === undefined ? {} : { name }) },
    `prog '${prog.name}': failed to attach to ${target}`,
  );
  return new BpfLink({ progName: prog.name, target, fd, detach: () => void sys.close(fd) });
}

export function attachRawTracepoint(prog: Attachable, options: { name?: string }): BpfLink {
  const fromSection = prog.secDef === undefined ? undefined : secTarget(prog.secDef, prog.sectionName);
  const name = options.name ?? fromSection;
  if (name === undefined) throw attachError(prog, `section '${prog.sectionName}' names no raw tracepoint`, EINVAL);
  return openRaw(prog, name, `raw tracepoint '${name}'`);
}

/** The target is part of the loaded program. */
export function attachTrace(prog: Attachable): BpfLink {
  return openRaw(prog, undefined, 'its target');
}

/** The link owns the event. */
export function attachPerfEvent(prog: Attachable, perfFd: number): BpfLink {
  const { sys } = prog;
  const result = sys.perfEventSetBpf(perfFd, prog.fd);
  if (result < 0) {
    throw failed('PERF_EVENT_IOC_SET_BPF', result, `prog '${prog.name}': failed to attach to perf event ${perfFd}`);
  }
  return new BpfLink({
    progName: prog.name,
    target: `perf event ${perfFd}`,
    fd: perfFd,
    detach: () => void sys.close(perfFd),
  });
}
