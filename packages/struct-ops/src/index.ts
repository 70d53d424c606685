// SPDX-License-Identifier: MIT
export { structOpsProgTypes } from './rows.ts';
export { structOpsRegistries } from './registries.ts';
export { structOpsMapType } from './map/map-type.ts';
export { valueLayout, VALUE_PREFIX, type LaidMember, type TableMember, type ValueLayout } from './map/layout.ts';
export { STATE_INIT, STATE_INUSE, STATE_TOBEFREE, type StructOpsMap } from './map/struct-ops-map.ts';
