// SPDX-License-Identifier: MIT
export { callHelper, createTestKernel, signed, type HelperPick, type TestCall } from './test-kernel.ts';
export { createTestSys } from './test-sys.ts';
