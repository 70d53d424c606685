// SPDX-License-Identifier: MIT
import { BPF_PROG_TYPE_XDP } from '@tsbpf/uapi';
import { EMPTY_REGISTRIES, type ProgOps, type Registries } from '@tsbpf/core';
import { netProgTypes, netPtrClasses } from './rows.ts';
import { netVerbs } from './verbs.ts';
import { xdpAdjustHelpers } from './helpers/xdp-adjust.ts';
import { xdpRedirectHelpers } from './helpers/xdp-redirect.ts';
import { testRunXdp } from './test-run/xdp.ts';

/** What running a program type means, for those that BPF_PROG_TEST_RUN can run. */
const PROG_OPS: Readonly<Record<number, ProgOps>> = {
  [BPF_PROG_TYPE_XDP]: { testRun: testRunXdp },
};

/** Everything networking adds to a kernel. */
export function netRegistries(): Registries {
  return {
    ...EMPTY_REGISTRIES,
    progTypes: netProgTypes.map((row) => ({ ...row, ops: PROG_OPS[row.type] ?? row.ops })),
    helpers: [...xdpAdjustHelpers, ...xdpRedirectHelpers],
    ptrClasses: netPtrClasses,
    verbs: [netVerbs],
  };
}
