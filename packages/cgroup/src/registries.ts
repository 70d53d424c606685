// SPDX-License-Identifier: MIT
import { EMPTY_REGISTRIES, type HelperRow, type ProgOps, type Registries } from '@tsbpf/core';
import { BPF_PROG_TYPE_CGROUP_SKB } from '@tsbpf/uapi';
import { cgroupAttachRow } from './attach/row.ts';
import { cgroupFactsHelpers } from './helpers/cgroup-facts.ts';
import { localStorageHelpers } from './helpers/local-storage.ts';
import { cgroupArrayMapType } from './maps/cgroup-array.ts';
import { cgroupStorageMapType } from './maps/cgroup-storage.ts';
import { percpuCgroupStorageMapType } from './maps/percpu-cgroup-storage.ts';
import { sockCtxHelpers } from './helpers/sock-ctx.ts';
import { sockoptHelpers } from './helpers/sockopt.ts';
import { sysctlHelpers } from './helpers/sysctl.ts';
import { cgroupProgTypes } from './rows.ts';
import { testRunCgroupSkb } from './run/test-run.ts';
import { cgroupVerbs } from './verbs.ts';

/** What running a program type means, for those that BPF_PROG_TEST_RUN can run. */
const PROG_OPS: Readonly<Record<number, ProgOps>> = { [BPF_PROG_TYPE_CGROUP_SKB]: { testRun: testRunCgroupSkb } };

/** Bodies of the helpers of cgroup programs. */
const cgroupHelpers: readonly HelperRow[] = [
  ...cgroupFactsHelpers,
  ...localStorageHelpers,
  ...sockCtxHelpers,
  ...sockoptHelpers,
  ...sysctlHelpers,
];

/** Everything cgroups add to a kernel. */
export function cgroupRegistries(): Registries {
  return {
    ...EMPTY_REGISTRIES,
    progTypes: cgroupProgTypes.map((row) => ({ ...row, ops: PROG_OPS[row.type] ?? row.ops })),
    mapTypes: [cgroupArrayMapType, cgroupStorageMapType, percpuCgroupStorageMapType],
    helpers: cgroupHelpers,
    attach: [cgroupAttachRow],
    verbs: [cgroupVerbs],
  };
}
