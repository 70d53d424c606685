// SPDX-License-Identifier: MIT
export { createKernel, type Kernel } from './kernel.ts';
export { KernelState, type KernelParts } from './kernel-state.ts';
export { createEnv, type EnvOptions, type ScriptableEnv } from './state/env.ts';
export { BPFFS_ROOT, type Bpffs, type Pinned } from './bpffs/bpffs.ts';
export {
  HelperMocks,
  mockHelpers,
  type HelperMock,
  type MockCall,
  type MockFilter,
  type SeenCall,
} from './mock/helper-mocks.ts';
export type { HelperName, MapRef, MockArgs, MockResult } from './mock/mock-args.ts';
