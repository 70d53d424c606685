// SPDX-License-Identifier: MIT
export { objectName, openObject, BpfObject, type OpenOptions } from './handle/object.ts';
export { BpfProgram } from './handle/program.ts';
export { BpfMap, type MapValue } from './handle/map.ts';
export type { MapBatch, BatchPage } from './handle/map-batch.ts';
export type { HasFd } from './handle/map-codec.ts';
export { BpfLink } from './handle/link.ts';
export type { DataSection, Globals } from './handle/globals.ts';
export type { Named } from './handle/named.ts';
export type { TestRunOptions, TestRunResult } from './handle/test-run.ts';
export type { TcOptions } from './attach/net.ts';
export type { KprobeOptions, UprobeOptions } from './attach/tracing.ts';
export type { LogLevel, Print } from './log.ts';
export type { MapKind, MapSlot, MapSpec, ProgSpec } from './open/spec.ts';
export { findSecDef, secTarget, type AutoAttach, type SecDef } from './sections/sec-def.ts';
export { ATTACH_TYPE_NAMES, PROG_TYPE_NAMES, SEC_DEFS } from './sections/generated/sec-table.ts';
export { parseElf, type ElfFile, type ElfRel, type ElfSection, type ElfSymbol } from './elf/elf.ts';
export { createFeatures, PROBES, type Feature, type Features } from './features/probes.ts';
export { openBtf, readKernelBtf } from './btf/kernel-btf.ts';
