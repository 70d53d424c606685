// SPDX-License-Identifier: MIT
export { acceptedAccesses, progFacts, type AcceptedAccesses } from './access-matrix.ts';
export { installFakeProg, type FakeProgOptions } from './fake-prog.ts';
export { callHelper, createTestKernel, signed, type HelperPick, type TestCall } from './test-kernel.ts';
export { createTestSys } from './test-sys.ts';
export { TestMap, answerText, u32s, type BatchAnswer } from './test-map.ts';
export { randomSource, type RandomSource } from './random-source.ts';
export { openSystemPair, type SystemPair } from './system-pair.ts';
export { executorContract } from './executor/contract.ts';
export { ExecKernel, asVerified, type ExecLoadInput, type ExecProg } from './exec-kernel.ts';
export { RandomRunner, programOfSeed, type RandomOutcome } from './executor-pair.ts';
export {
  SCRATCH_BYTES,
  randomProgram,
  type RandomCall,
  type RandomProgram,
  type RandomProgramOptions,
} from './random-program.ts';
export { translatedLookup, translatedProgram } from './translated.ts';
