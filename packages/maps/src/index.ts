// SPDX-License-Identifier: MIT
import type { MapTypeDef } from '@tsbpf/core';
import { arrayMapType } from './array/array.ts';
import { percpuArrayMapType } from './array/percpu-array.ts';
import { hashMapType } from './hash/hash-map.ts';

/** The generic map types, in the order of `include/linux/bpf_types.h`. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- each row has its own map type
export const mapTypes: readonly MapTypeDef<any>[] = [arrayMapType, percpuArrayMapType, hashMapType];

export { arrayMapType, percpuArrayMapType, hashMapType };
