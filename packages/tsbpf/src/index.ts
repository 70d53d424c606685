// SPDX-License-Identifier: MIT
// The facade: a simulated kernel with everything in it, the loader, and the constants, attributes and errors of bpf(2).
// eslint-disable-next-line no-restricted-syntax -- users take constants and errors from here
export * from '@tsbpf/uapi';
export { createKernel, type CreateKernelOptions, type SimulatedKernel } from './create-kernel.ts';
export { CA_STATE_NAMES, TcpRecorder, Topology, XDP_FLAGS_SKB_MODE } from '@tsbpf/net';
export type {
  Flow,
  FlowOptions,
  FlowSeries,
  Link,
  LinkOptions,
  LinkSeries,
  Tcp,
  TcpSim,
  TcpSimOptions,
  TcpSock,
} from '@tsbpf/net';
export type { EngineChoice, EngineName } from './engine.ts';
export { defaultRegistries } from './registries.ts';
export {
  mockHelpers,
  HelperMocks,
  type HelperMock,
  type HelperName,
  type MapRef,
  type MockArgs,
  type MockCall,
  type MockFilter,
  type MockResult,
  type SeenCall,
} from '@tsbpf/kernel';
export { runBytecode, type RunBytecodeOptions, type RunBytecodeResult } from './run-bytecode.ts';
export {
  linkObjects,
  openBtf,
  openObject,
  createMap,
  openMap,
  BpfObject,
  BpfProgram,
  BpfMap,
  BpfLink,
  MapCursor,
  type CreateMapOptions,
  type OpenOptions,
  type MapValue,
  type TestRunOptions,
  type TestRunResult,
} from '@tsbpf/loader';
export {
  assembleSource,
  decodeInsns,
  encodeInsns,
  formatAsm,
  formatXlated,
  formatXlatedJson,
  helperName,
  type Insn,
} from '@tsbpf/insn';
export {
  Btf,
  dumpBtfC,
  dumpBtfRaw,
  dumpBtfRawJson,
  formatJson,
  formatValue,
  minCoreBtf,
  parseBtf,
  parseBtfExt,
  typeDeclC,
} from '@tsbpf/btf';
export { createRecorder, type Recorder, type RecorderOptions } from '@tsbpf/interpreter';
export { parseElf } from '@tsbpf/loader';
export type {
  DeviceEvent,
  Net,
  NetDevice,
  ReceiveResult,
  ReceivingSocket,
  StreamSocket,
  TopologyEvent,
  TopologyHost,
} from '@tsbpf/net';
export type {
  CpuRecord,
  FakeObject,
  KernelValue,
  PerfBuffer,
  SimTask,
  TaskSpec,
  TraceEvent,
  Tracing,
  UserMapping,
  UserValue,
} from '@tsbpf/tracing';
export type { ExecObserver, HelperFn, HelperCall, KernelVersion, Registries, Run, RunView } from '@tsbpf/core';
