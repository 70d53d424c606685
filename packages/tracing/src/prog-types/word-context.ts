// SPDX-License-Identifier: MIT
import type { AccessInfo, AccessRequest } from '@tsbpf/core';

const SCALAR: AccessInfo = { regType: 'SCALAR_VALUE', ctxFieldSize: 0 };

/**
 * Read-only contexts without fields: any aligned load from `from` on is a scalar and stays as it is, as long as it begins
 * (`endsInside`: and ends) below `sizeBytes`.
 */
export function rawRead(
  request: AccessRequest,
  bounds: { from: number; sizeBytes: number; endsInside?: boolean },
): AccessInfo | undefined {
  const { off, size, write } = request;
  if (write || off < bounds.from || off >= bounds.sizeBytes || off % size !== 0) return undefined;
  return bounds.endsInside === true && off + size > bounds.sizeBytes ? undefined : SCALAR;
}
