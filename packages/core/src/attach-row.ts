// SPDX-License-Identifier: MIT
import type { HostSyscalls, ProgAttachAttr, ProgQueryAttr, RawTracepointAttr } from '@tsbpf/uapi';
import type { BpfProg } from './prog.ts';
import type { KernelServices } from './services.ts';

/** Where BPF_PROG_ATTACH, DETACH and QUERY go for some attach types. Supplied by `cgroup` and `net`. */
export interface AttachRow {
  /** Attach types it serves, with the program type each implies. */
  readonly attachTypes: Readonly<Record<number, number>>;
  attach(kernel: KernelServices, prog: BpfProg, attr: ProgAttachAttr): number;
  /** `prog` is undefined where attach_bpf_fd names none. */
  detach(kernel: KernelServices, prog: BpfProg | undefined, attr: ProgAttachAttr): number;
  query?(kernel: KernelServices, attr: ProgQueryAttr): number;
}

/** Where BPF_RAW_TRACEPOINT_OPEN goes; supplied by `tracing`. The result is an fd or -errno. */
export interface RawTracepointRow {
  readonly progTypes: readonly number[];
  open(kernel: KernelServices, prog: BpfProg, attr: RawTracepointAttr): number;
}

/**
 * Neighbours of bpf(2) that a subsystem answers. Rows are asked in order; `undefined` passes the call on, and a verb
 * nobody answers is -ENOSYS.
 */
export type HostVerbRow = {
  readonly [V in keyof HostSyscalls]?: (
    kernel: KernelServices,
    ...args: Parameters<NonNullable<HostSyscalls[V]>>
  ) => ReturnType<NonNullable<HostSyscalls[V]>> | undefined;
};
