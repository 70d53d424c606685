// SPDX-License-Identifier: MIT
export { createKernel, type Kernel } from './kernel.ts';
export { KernelState, type KernelParts } from './kernel-state.ts';
export { createEnv, type EnvOptions, type ScriptableEnv } from './state/env.ts';
export { BPFFS_ROOT, type Bpffs, type Pinned } from './bpffs/bpffs.ts';
