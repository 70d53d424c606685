// SPDX-License-Identifier: MIT
// What newer versions of Linux do otherwise at the system call, whatever the map's type. What types do otherwise is
// MAP_RULES of @tsbpf/maps, which the simulated maps follow here.
import { versionAtLeast, type KernelVersion } from '@tsbpf/core';
import type { Row } from './rows.ts';

export interface Difference {
  readonly name: string;
  readonly since: KernelVersion;
  readonly what: string;
}

/** The two that the operations run into; the others are left out by what the rows ask for. */
export const DIFFERENCES = [
  {
    name: 'freeze-refuses-spin-locks',
    since: '6.2',
    what: 'maps whose values have spin locks, timers and the like cannot be frozen (ENOTSUPP)',
  },
  { name: 'lookup-and-delete-hash', since: '5.14', what: 'hash tables have LOOKUP_AND_DELETE_ELEM' },
  { name: 'batch-more-types', since: '5.13', what: 'per-CPU arrays, LPM tries and maps of maps have batches' },
  { name: 'socket-map-lookup', since: '5.8', what: 'socket maps answer lookups by system call' },
] as const satisfies readonly Difference[];

/** Whether a difference that has a name is to be expected of a row on the kernel that runs. */
export function expected(name: (typeof DIFFERENCES)[number]['name'], release: KernelVersion, row: Row): boolean {
  const difference = DIFFERENCES.find((one) => one.name === name);
  if (difference === undefined || !versionAtLeast(release, difference.since)) return false;
  return name !== 'freeze-refuses-spin-locks' || row.readAt !== undefined;
}
