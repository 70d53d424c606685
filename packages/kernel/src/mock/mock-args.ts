// SPDX-License-Identifier: MIT
// A helper's arguments and result as a test sees them, by the classes of its prototype.
import type { ArgType, BpfMap, HELPER_PROTOS } from '@tsbpf/core';

/** A helper of Linux v5.6, by the name of its prototype: `bpf_map_update_elem`. */
export type HelperName = keyof typeof HELPER_PROTOS;

type Proto<N extends HelperName> = (typeof HELPER_PROTOS)[N];

/** Memory that a helper reads comes as a copy of its bytes; other pointers as kernel addresses; sizes as numbers. */
type ArgOf<A> = A extends 'ARG_CONST_MAP_PTR'
  ? MapRef
  : A extends
        | 'ARG_PTR_TO_MAP_KEY'
        | 'ARG_PTR_TO_MAP_VALUE'
        | 'ARG_PTR_TO_MEM'
        | 'ARG_PTR_TO_UNINIT_MEM'
        | 'ARG_PTR_TO_UNINIT_MAP_VALUE'
    ? Uint8Array
    : A extends 'ARG_PTR_TO_MEM_OR_NULL' | 'ARG_PTR_TO_MAP_VALUE_OR_NULL'
      ? Uint8Array | undefined
      : A extends 'ARG_CONST_SIZE' | 'ARG_CONST_SIZE_OR_ZERO'
        ? number
        : bigint;

type ArgsOf<T extends readonly ArgType[]> = { -readonly [I in keyof T]: ArgOf<T[I]> };

/** R1 and on of a call, as the helper's prototype names them. */
export type MockArgs<N extends HelperName> = ArgsOf<Proto<N>['args']>;

/**
 * What a replacement may answer: a number or bigint for R0; for a helper that returns a pointer also bytes, which are
 * put where a program can read and write them, or undefined for NULL.
 */
export type MockResult<N extends HelperName> = Proto<N>['ret'] extends `RET_PTR_${string}`
  ? bigint | Uint8Array | undefined
  : number | bigint;

/** A map as a mock shows it. */
export interface MapRef {
  readonly name: string;
  readonly id: number;
  readonly type: number;
}

/** The bytes that an argument points at; 0 where it is no memory of known length. */
export function bytesOf(arg: ArgType, map: BpfMap | undefined, size: number): number {
  switch (arg) {
    case 'ARG_PTR_TO_MAP_KEY':
      return map?.keySize ?? 0;
    case 'ARG_PTR_TO_MAP_VALUE':
    case 'ARG_PTR_TO_MAP_VALUE_OR_NULL':
    case 'ARG_PTR_TO_UNINIT_MAP_VALUE':
      return map?.valueSize ?? 0;
    case 'ARG_PTR_TO_MEM':
    case 'ARG_PTR_TO_MEM_OR_NULL':
    case 'ARG_PTR_TO_UNINIT_MEM':
      return size;
    default:
      return 0;
  }
}
