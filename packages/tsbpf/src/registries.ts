// SPDX-License-Identifier: MIT
import { cgroupRegistries } from '@tsbpf/cgroup';
import { mergeRegistries, withDeclaredGaps, type ProgTypeDef, type Registries } from '@tsbpf/core';
import { helperRows } from '@tsbpf/helpers';
import { mapTypes } from '@tsbpf/maps';
import { netRegistries } from '@tsbpf/net';
import { structOpsRegistries } from '@tsbpf/struct-ops';
import { tracingRegistries } from '@tsbpf/tracing';

/** By number, as `include/linux/bpf_types.h` all but lists them. */
function inOrder(rows: readonly ProgTypeDef[]): ProgTypeDef[] {
  return [...rows].sort((a, b) => a.type - b.type);
}

/**
 * Everything that comes with tsbpf, as rows. Helpers of Linux v5.6 that have no body yet are declared gaps: programs
 * that call them verify, and running them says which helper is missing.
 */
export function defaultRegistries(): Registries {
  const net = netRegistries();
  const all = mergeRegistries({ mapTypes, helpers: helperRows }, net, tracingRegistries(), cgroupRegistries(), {
    ...structOpsRegistries(net.structOps),
    structOps: [],
  });
  return { ...all, progTypes: inOrder(all.progTypes), helpers: withDeclaredGaps(all.helpers) };
}
