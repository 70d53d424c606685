// SPDX-License-Identifier: MIT
// `struct cgroup` in kernel memory, for programs that follow pointers to it.
import type { KernelServices } from '@tsbpf/core';
import { writeField, writePointer, writePointerField } from '@tsbpf/net';
import type { Cgroup } from './cgroup.ts';

function write64(kernel: KernelServices, base: number, path: string, value: bigint): void {
  const field = kernel.types.tryResolve(path);
  if (field?.size === 8) kernel.mem.write64(base + field.off, value);
}

/** Room for the structure and its kernfs node, side by side; 0 when memory is exhausted. */
export function allocCgroupStruct(kernel: KernelServices): number {
  const size = kernel.types.sizeOf('cgroup') + kernel.types.sizeOf('kernfs_node');
  return kernel.mem.alloc(size, { kind: 'object', name: 'cgroup' });
}

/** Fills in what is known of a cgroup: level, id, ancestors, parent. */
export function writeCgroupStruct(kernel: KernelServices, cgroup: Cgroup): void {
  const { off } = cgroup;
  const node = off + kernel.types.sizeOf('cgroup');
  writeField(kernel, off, 'cgroup.level', cgroup.level);
  writePointerField(kernel, off, 'cgroup.kn', node);
  writePointerField(kernel, off, 'cgroup.self.cgroup', off);
  write64(kernel, node, 'kernfs_node.id', cgroup.id);
  if (cgroup.parent !== undefined) writePointerField(kernel, off, 'cgroup.self.parent', cgroup.parent.off);
  for (const at of cgroup.ancestry()) write64(kernel, off, `cgroup.ancestor_ids[${at.level}]`, at.id);
}

/** Makes a socket belong to a cgroup. */
export function writeSockCgroup(kernel: KernelServices, sk: number, cgroup: Cgroup): void {
  const field = kernel.types.resolve('sock.sk_cgrp_data');
  writePointer(kernel.mem, sk + field.off, cgroup.off);
}
