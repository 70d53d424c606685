// SPDX-License-Identifier: MIT
import { HELPER_PROTOS, type HelperVariant } from './generated/helper-protos.ts';
import type { HelperImpl, HelperRow } from './func-proto.ts';

/** A helper's row: its prototype of Linux v5.6 and a body. Without a body it is a declared gap. */
export function defineHelper(variant: HelperVariant, impl?: HelperImpl): HelperRow {
  return { variant, proto: HELPER_PROTOS[variant], ...(impl === undefined ? {} : { impl }) };
}

/** Rows for every helper prototype of Linux v5.6; those that `rows` has no body for are declared gaps. */
export function withDeclaredGaps(rows: readonly HelperRow[]): HelperRow[] {
  const have = new Map(rows.map((row) => [row.variant, row]));
  const all = (Object.keys(HELPER_PROTOS) as HelperVariant[]).map((v) => have.get(v) ?? defineHelper(v));
  return [...all, ...rows.filter((row) => !(row.variant in HELPER_PROTOS))];
}
