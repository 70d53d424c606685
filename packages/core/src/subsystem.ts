// SPDX-License-Identifier: MIT
import type { KernelServices } from './services.ts';

/**
 * Names the state that a subsystem (net, cgroup, tracing …) keeps in each kernel. The state is created when first
 * asked for; two kernels never share it.
 */
export interface SubsystemKey<T> {
  readonly name: string;
  create(kernel: KernelServices): T;
}
