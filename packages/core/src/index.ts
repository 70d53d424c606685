// SPDX-License-Identifier: MIT
export { type KernelVersion, SUPPORTED_VERSIONS, versionAtLeast } from './version.ts';
export type { RegType } from './reg-type.ts';
export type { ArgType, RetType, HelperSpecial, FuncProto, RetWidth, HelperImpl, HelperRow } from './func-proto.ts';
export type { HelperCall, HelperFn } from './helper-call.ts';
export type { SubsystemKey } from './subsystem.ts';
export type { KernelEnv, Task } from './env.ts';
export type { Rcu } from './rcu.ts';
export type { KernelObject, ObjectTable } from './object-table.ts';
export type { KernelFile, MapFileMode, MapFile, ProgFile, BtfFile, KernelFiles, FdTable } from './fd-table.ts';
export type { KernelBtf } from './kernel-btf.ts';
export type { CallRegs, FuncEntry, TextSymbol, KernelText } from './kernel-text.ts';
export type { FuncSlot } from './func-slot.ts';
export type { TracepointArg, Tracepoint, Tracepoints } from './tracepoints.ts';
export type { CgroupHooks } from './cgroup-hooks.ts';
export type { StructOpsInstance, StructOpsRow, StructOpsRules } from './struct-ops-row.ts';
export type { Checkpointable } from './checkpoint.ts';
export { type KernelField, type KernelTypes, type KernelAliases, createKernelTypes } from './kernel-types.ts';
export type { WasmSignature, WasmEmit, WasmCall, HelperWasmEmitter, MapWasmOp, MapWasmEmitter } from './wasm-emit.ts';
export {
  type MapParams,
  type MapFacts,
  type MapTypeFacts,
  type MapOpName,
  type BpfMap,
  type Errno,
  type MapOps,
  type MapBatch,
  type MapTypeDef,
  defineMapType,
} from './map.ts';
export { MAP_OP_SHAPES, mapOperation, OP_OF_SPECIAL, type MapOpShape } from './map-operation.ts';
export {
  type HelperChoice,
  type ProgFacts,
  type AccessRequest,
  type AccessInfo,
  type CtxAccess,
  type CtxRewrite,
  type ReturnRange,
  type VerifierOps,
  type CtxEnv,
  type ProgOps,
  type ProgTypeDef,
  defineProgType,
} from './prog-type.ts';
export { type PtrClassOps, definePtrClass } from './ptr-class.ts';
export type { Callee, InsnAux, Subprog, LineRecord, VerifiedProg, AttachTarget, BpfProg } from './prog.ts';
export type {
  ExecObserver,
  FrameView,
  RunView,
  Run,
  LoadedProg,
  ExecLoadOptions,
  Executor,
  ExecutorFactory,
} from './executor.ts';
export type {
  ProgToVerify,
  VerifierEnv,
  LogRequest,
  VerifierStats,
  VerifierResult,
  VerifyOptions,
  Verify,
} from './verify.ts';
export type { AttachRow, RawTracepointRow, HostVerbRow } from './attach-row.ts';
export type { Memlock, HelperOverrides, IdSpace, KernelServices } from './services.ts';
export { type Registries, EMPTY_REGISTRIES, mergeRegistries } from './registries.ts';
export { defineHelper, withDeclaredGaps } from './define-helper.ts';
export { helperChooser } from './helper-choice.ts';
export { helperSymbol } from './helper-symbol.ts';
export { HELPER_PROTOS, type HelperVariant } from './generated/helper-protos.ts';
export { PROG_TYPE_HELPERS } from './generated/prog-helpers.ts';
