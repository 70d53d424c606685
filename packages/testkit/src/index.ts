// SPDX-License-Identifier: MIT
export { acceptedAccesses, progFacts, type AcceptedAccesses } from './access-matrix.ts';
export { callHelper, createTestKernel, signed, type HelperPick, type TestCall } from './test-kernel.ts';
export { createTestSys } from './test-sys.ts';
export { TestMap, u32s, type BatchAnswer } from './test-map.ts';
