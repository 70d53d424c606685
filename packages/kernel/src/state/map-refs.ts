// SPDX-License-Identifier: MIT
import type { BpfMap } from '@tsbpf/core';
import type { KernelState } from '../kernel-state.ts';

/** Drops a reference; the last one makes the map unreachable and frees it after a grace period. */
export function putMap(k: KernelState, map: BpfMap): void {
  if (--map.refs > 0) return;
  if (map.id !== 0) k.maps.remove(map.id);
  k.rcu.callRcu(() => {
    k.objects.gone(map);
    map.btf?.put();
    map.def.ops.free(map);
  });
}

/** Drops a reference that user space held. */
export function putMapUser(k: KernelState, map: BpfMap): void {
  if (--map.userRefs === 0) map.def.ops.releaseUserRefs?.(map);
  putMap(k, map);
}
