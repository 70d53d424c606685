// SPDX-License-Identifier: MIT
// What the verifier needs of networking: importable without the simulator.
import type { ProgTypeDef } from '@tsbpf/core';
import { xdpProgType } from './prog-types/xdp.ts';

/** Program types of networking, in the order of include/linux/bpf_types.h. */
export const netProgTypes: readonly ProgTypeDef[] = [xdpProgType];
export { xdpProgType };
