// SPDX-License-Identifier: MIT
export { createJit } from './jit.ts';
export type { JitOptions } from './run/engine.ts';
export type { PagedPacketRead } from './run/packet.ts';
export type { BareHelper, BareInput, BareMemory, BareResult, CompileBareOptions, CompiledBare } from './bare/bare.ts';
export { compileBare } from './bare/bare.ts';
