// SPDX-License-Identifier: MIT
import type { AttachRow, HostVerbRow, RawTracepointRow } from './attach-row.ts';
import type { HelperRow } from './func-proto.ts';
import type { MapTypeDef } from './map.ts';
import type { ProgTypeDef } from './prog-type.ts';
import type { PtrClassOps } from './ptr-class.ts';
import type { StructOpsRow } from './struct-ops-row.ts';

/** Everything a kernel is made of, as rows. Order is that of `include/linux/bpf_types.h`. */
export interface Registries {
  readonly progTypes: readonly ProgTypeDef[];
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- each row has its own map type
  readonly mapTypes: readonly MapTypeDef<any>[];
  readonly helpers: readonly HelperRow[];
  readonly ptrClasses: readonly PtrClassOps[];
  readonly attach: readonly AttachRow[];
  readonly rawTracepoint: readonly RawTracepointRow[];
  readonly verbs: readonly HostVerbRow[];
  readonly structOps: readonly StructOpsRow[];
}

/** No rows of any kind; spread it and override what you have. */
export const EMPTY_REGISTRIES: Registries = {
  progTypes: [],
  mapTypes: [],
  helpers: [],
  ptrClasses: [],
  attach: [],
  rawTracepoint: [],
  verbs: [],
  structOps: [],
};

/** Joins the rows of several subsystems, in order. */
export function mergeRegistries(...parts: readonly Partial<Registries>[]): Registries {
  return {
    progTypes: parts.flatMap((part) => part.progTypes ?? []),
    mapTypes: parts.flatMap((part) => part.mapTypes ?? []),
    helpers: parts.flatMap((part) => part.helpers ?? []),
    ptrClasses: parts.flatMap((part) => part.ptrClasses ?? []),
    attach: parts.flatMap((part) => part.attach ?? []),
    rawTracepoint: parts.flatMap((part) => part.rawTracepoint ?? []),
    verbs: parts.flatMap((part) => part.verbs ?? []),
    structOps: parts.flatMap((part) => part.structOps ?? []),
  };
}
