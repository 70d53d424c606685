// SPDX-License-Identifier: MIT
import type { KernelServices, Task } from '@tsbpf/core';

/** Bytes of `task_struct.comm`. */
export const TASK_COMM_LEN = 16;

/** A task's name as the kernel keeps it: at most 15 bytes and a NUL. */
export function commBytes(task: Pick<Task, 'comm'>): Uint8Array {
  const out = new Uint8Array(TASK_COMM_LEN);
  new TextEncoder().encodeInto(task.comm, out.subarray(0, TASK_COMM_LEN - 1));
  return out;
}

/** A structure in kernel memory whose members are written by name; members the BTF lacks are left out. */
function structWriter(kernel: KernelServices, structName: string, off: number) {
  const { mem, types } = kernel;
  return {
    off,
    put(member: string, value: number | bigint): void {
      const field = types.tryResolve(`${structName}.${member}`);
      if (field === undefined || field.bits !== 0) return;
      const at = off + field.off;
      if (field.size === 8) mem.write64(at, BigInt(value));
      else if (field.size === 4) mem.write32(at, Number(value));
      else if (field.size === 2) mem.write16(at, Number(value));
      else if (field.size === 1) mem.write8(at, Number(value));
    },
    bytes(member: string, bytes: Uint8Array): void {
      const field = types.tryResolve(`${structName}.${member}`);
      if (field !== undefined) mem.writeBytes(off + field.off, bytes.subarray(0, field.size));
    },
    pointer(member: string): number {
      const field = types.tryResolve(`${structName}.${member}`);
      return field === undefined ? 0 : mem.toOff(mem.read64(off + field.off));
    },
  };
}

/** A new zeroed structure. 0 where memory ran out. */
function allocStruct(kernel: KernelServices, structName: string): number {
  return kernel.mem.alloc(kernel.types.sizeOf(structName), { kind: structName, name: structName });
}

/**
 * The task's `task_struct`, built when first asked for and brought up to date with what the script made of the task:
 * pid, tgid, comm, credentials, leader and parent (each its own). 0 where memory ran out.
 * @errno ENOENT NotSupportedError: the kernel's BTF has no task_struct or cred
 */
export function taskStruct(kernel: KernelServices, task: Task): number {
  if (task.off === 0) {
    const off = allocStruct(kernel, 'task_struct');
    const cred = off === 0 ? 0 : allocStruct(kernel, 'cred');
    if (cred === 0) return 0;
    task.off = off;
    const fresh = structWriter(kernel, 'task_struct', off);
    for (const member of ['cred', 'real_cred']) fresh.put(member, kernel.mem.toAddr(cred));
    for (const member of ['group_leader', 'real_parent', 'parent']) fresh.put(member, kernel.mem.toAddr(off));
  }
  const struct = structWriter(kernel, 'task_struct', task.off);
  struct.put('pid', task.pid);
  struct.put('tgid', task.tgid);
  struct.put('cpu', kernel.env.cpu);
  struct.bytes('comm', commBytes(task));
  const cred = structWriter(kernel, 'cred', struct.pointer('cred'));
  for (const member of ['uid', 'suid', 'euid', 'fsuid']) cred.put(member, task.uid);
  for (const member of ['gid', 'sgid', 'egid', 'fsgid']) cred.put(member, task.gid);
  return task.off;
}
