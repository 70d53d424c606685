// SPDX-License-Identifier: MIT
import type { AccessInfo, AccessRequest } from '@tsbpf/core';
import { accessAligned, fieldAt, type CtxField } from './ctx-field.ts';

/** A word at a time: what the rule for fields it does not know lets pass. */
const WORD = 4;

/**
 * Whether a program type with these fields may access `__sk_buff`.
 *
 * Quirk of v5.6: bytes 1 to 7 of the `sk` pointer pass as if they were a scalar field, and fail at the rewrite.
 * @see net/core/filter.c, bpf_skb_is_valid_access
 */
export function accessSkb(fields: readonly CtxField[], request: AccessRequest): AccessInfo | undefined {
  const { off, size, write } = request;
  const field = fieldAt(fields, off);
  if (field?.name === 'sk' && off > field.off && !write) {
    const fits = off % size === 0 && size <= WORD && (off % WORD) + size <= WORD;
    return fits ? { regType: 'SCALAR_VALUE', ctxFieldSize: WORD } : undefined;
  }
  return accessAligned(fields, request);
}
