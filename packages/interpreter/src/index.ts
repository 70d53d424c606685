// SPDX-License-Identifier: MIT
export { createInterpreter } from './interpreter.ts';
export type { InterpreterOptions } from './engine.ts';
export type { PagedPacketRead } from './run/packet.ts';
export type { BareHelper, BareInput, BareMemory, BareOptions, BareProgram, BareResult } from './bare/bare.ts';
export { loadBare, runBare } from './bare/bare.ts';
export type { Recorder, RecorderOptions } from './record/recorder.ts';
export { createRecorder } from './record/recorder.ts';
export { validateBare } from '@tsbpf/insn';
