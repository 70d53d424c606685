// SPDX-License-Identifier: MIT
import type { Btf } from '@tsbpf/btf';
import type { ProgTypeDef } from '@tsbpf/core';
import type { Verification } from '../verification.ts';
import { isStructKind } from './kind-names.ts';

/**
 * The row of program type `progType` where the pointer type `ptrId` points to its context, told by the structure's name
 * alone; undefined where it points to something else. Types whose context is no structure take no such pointer, since
 * typedefs are looked through. A type without a named context has the empty name, which an anonymous structure matches.
 * @see kernel/bpf/btf.c, btf_get_prog_ctx_type
 */
export function ctxPointedTo(
  v: Verification,
  ptr: { btf: Btf; ptrId: number; arg: number },
  progType: number,
): ProgTypeDef | undefined {
  const { btf, ptrId, arg } = ptr;
  const pointee = btf.skipModifiers(btf.sizeOrType(ptrId));
  if (!isStructKind(btf, pointee)) {
    if (v.log.level1) v.log.write(`arg#${arg} type is not a struct\n`);
    return undefined;
  }
  const row = v.env.progType(progType);
  return row !== undefined && btf.name(pointee) === (row.progCtx?.name ?? '') ? row : undefined;
}
