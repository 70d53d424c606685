// SPDX-License-Identifier: MIT
import { ENOMEM, UsageError } from '@tsbpf/uapi';
import type { KernelObject, KernelServices } from '@tsbpf/core';

/** A network namespace: `struct net` in kernel memory. */
export interface NetNamespace extends KernelObject {
  readonly kind: 'netns';
}

/** Makes a namespace without devices. */
export function createNamespace(kernel: KernelServices): NetNamespace {
  const off = kernel.mem.alloc(kernel.types.sizeOf('net'), { kind: 'object', name: 'net' });
  if (off === 0) throw new UsageError('kernel memory is exhausted: no room for a namespace', { errno: ENOMEM });
  const netns: NetNamespace = { kind: 'netns', off };
  kernel.objects.add(netns);
  return netns;
}
