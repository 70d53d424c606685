// SPDX-License-Identifier: MIT
import { EMPTY_REGISTRIES, type Registries, type StructOpsRow } from '@tsbpf/core';
import { structOpsMapType } from './map/map-type.ts';
import { structOpsProgTypes } from './rows.ts';

/** The program type, the map type, and the tables that programs may implement. */
export function structOpsRegistries(rows: readonly StructOpsRow[]): Registries {
  return {
    ...EMPTY_REGISTRIES,
    progTypes: structOpsProgTypes(rows),
    mapTypes: [structOpsMapType],
    structOps: rows,
  };
}
