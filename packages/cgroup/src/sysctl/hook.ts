// SPDX-License-Identifier: MIT
// Programs around reads and writes below /proc/sys. @see kernel/bpf/cgroup.c, __cgroup_bpf_run_filter_sysctl
import { BPF_CGROUP_SYSCTL, EPERM } from '@tsbpf/uapi';
import type { Cgroups } from '../cgroups.ts';
import { withCallMemory, type CallMemory } from '../run/context.ts';
import { readValue, type Position } from './handler.ts';
import type { Sysctl } from './sysctls.ts';

const PAGE_SIZE = 4096;

/** A read or write about to happen. */
export interface SysctlCall {
  readonly sysctl: Sysctl;
  /** What is written; undefined for a read. */
  readonly bytes: Uint8Array | undefined;
  /** The file's position, which programs may change. */
  readonly at: Position;
}

function page(memory: CallMemory, name: string, bytes: Uint8Array): number {
  const off = memory.alloc(PAGE_SIZE, 'sysctl', name);
  memory.kernel.mem.writeBytes(off, bytes.subarray(0, PAGE_SIZE));
  return off;
}

/**
 * Runs the programs of the current task's cgroup. The result is -EPERM, or the bytes to write: those given, or what a
 * program put in their place.
 */
export function runSysctlHook(cgroups: Cgroups, call: SysctlCall): Uint8Array | undefined | number {
  const { kernel } = cgroups;
  const { sysctl, bytes, at } = call;
  const cgroupId = cgroups.currentCgroupId();
  if (!cgroups.enabled(cgroupId, BPF_CGROUP_SYSCTL)) return bytes;
  return withCallMemory(kernel, (memory) => {
    const ctx = memory.context('bpf_sysctl_kern');
    // Programs see nothing where reading fails, and decide what comes of that.
    const read = readValue(sysctl.value, sysctl.rules, PAGE_SIZE, { pos: 0n });
    const current = typeof read === 'number' ? new Uint8Array(0) : read;
    ctx.setPointer('head', sysctl.off);
    ctx.setPointer('table', sysctl.table);
    ctx.setPointer('cur_val', page(memory, 'current value', current));
    ctx.setLong('cur_len', current.length);
    if (bytes !== undefined && bytes.length > 0) {
      ctx.setPointer('new_val', page(memory, 'new value', bytes));
      ctx.setLong('new_len', Math.min(PAGE_SIZE, bytes.length));
    }
    ctx.setWord('write', bytes === undefined ? 0 : 1);
    const ppos = memory.alloc(8, 'sysctl', 'file position');
    kernel.mem.write64(ppos, at.pos);
    ctx.setPointer('ppos', ppos);

    const verdict = cgroups.run(cgroupId, BPF_CGROUP_SYSCTL, ctx.off);
    at.pos = kernel.mem.readS64(ppos);
    if (verdict !== 1) return -EPERM;
    if (ctx.word('new_updated') === 0) return bytes;
    return kernel.mem.readBytes(ctx.pointer('new_val'), ctx.long('new_len'));
  });
}
