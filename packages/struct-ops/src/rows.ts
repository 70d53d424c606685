// SPDX-License-Identifier: MIT
// What the verifier needs of struct_ops: importable without the simulator.
import type { ProgTypeDef } from '@tsbpf/core';
import { structOpsProgType } from './prog-types/struct-ops.ts';

export { tcpCongestionOpsRules, type StructOpsRules } from './tcp/congestion-ops.ts';

/** The one program type of struct_ops. */
export const structOpsProgTypes: readonly ProgTypeDef[] = [structOpsProgType];
