// SPDX-License-Identifier: MIT
// What the element commands share: fd and mode checks, copying keys and values. @see kernel/bpf/syscall.c
import { EFAULT, EINVAL, ENOMEM, EPERM } from '@tsbpf/uapi';
import type { BpfMap } from '@tsbpf/core';
import type { KernelState } from '../kernel-state.ts';

/** The map behind an fd, with the access wanted; -EBADF, -EINVAL or -EPERM. Writing a frozen map is -EPERM. */
export function mapForAccess(k: KernelState, fd: number, access: 'read' | 'write'): BpfMap | number {
  const file = k.fds.get(fd, 'map');
  if (typeof file === 'number') return file;
  if (access === 'read') return file.mode.read ? file.map : -EPERM;
  return file.mode.write && !file.map.frozen ? file.map : -EPERM;
}

/** Copies a user key to kernel memory: its offset, or -errno. A map without keys takes no key pointer. */
export function copyKey(k: KernelState, map: BpfMap, key: Uint8Array | undefined): number {
  if (map.keySize === 0) return key !== undefined && key.length > 0 ? -EINVAL : k.scratch.get(0, 8);
  if (key === undefined || key.length < map.keySize) return -EFAULT;
  const off = k.scratch.get(0, map.keySize);
  if (off === 0) return -ENOMEM;
  copyIn(k, off, key, map.keySize);
  return off;
}

/** Copies a user value to kernel memory: its offset, or -errno. */
export function copyValue(k: KernelState, map: BpfMap, value: Uint8Array | undefined): number {
  if (value === undefined || value.length < map.syscallValueSize) return -EFAULT;
  const off = k.scratch.get(1, Math.max(8, map.syscallValueSize));
  if (off === 0) return -ENOMEM;
  copyIn(k, off, value, map.syscallValueSize);
  return off;
}

/** Buffers this short are copied by a loop: a subarray costs more than the copy. */
const SHORT = 32;

export function copyIn(k: KernelState, off: number, bytes: Uint8Array, lenBytes: number): void {
  const { u8 } = k.mem;
  if (lenBytes <= SHORT) for (let i = 0; i < lenBytes; i++) u8[off + i] = bytes[i] ?? 0;
  else u8.set(bytes.length === lenBytes ? bytes : bytes.subarray(0, lenBytes), off);
}

/** Copies kernel memory to a user buffer: 0, or -EFAULT where it is too short. */
export function copyOut(k: KernelState, off: number, bytes: Uint8Array | undefined, lenBytes: number): number {
  if (lenBytes === 0) return 0;
  if (bytes === undefined || bytes.length < lenBytes) return -EFAULT;
  const { u8 } = k.mem;
  if (lenBytes <= SHORT) for (let i = 0; i < lenBytes; i++) bytes[i] = u8[off + i] ?? 0;
  else bytes.set(u8.subarray(off, off + lenBytes));
  return 0;
}

/** Runs an operation that writes: it counts against freezing. Every command runs in a read-side section already. */
export function writing(map: BpfMap, operation: () => number): number {
  map.writeCount++;
  try {
    return operation();
  } finally {
    map.writeCount--;
  }
}
