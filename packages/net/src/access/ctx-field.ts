// SPDX-License-Identifier: MIT
import type { AccessInfo, AccessRequest, RegType } from '@tsbpf/core';

/** How a field may be accessed: in which sizes, at which offsets inside it. */
export type FieldAccess =
  /** 1, 2 or 4 bytes, aligned, inside one 32-bit element; narrower loads are rewritten. */
  | 'narrow'
  /** The whole field, or a whole 32-bit element of an array. */
  | 'whole'
  /** 1, 2, 4 or 8 bytes, aligned, anywhere inside. */
  | 'bytes'
  /** Exactly these offsets and sizes; narrower loads are rewritten. */
  | readonly (readonly [off: number, size: number])[];

/** A field of a program-side context; offsets and sizes in bytes. */
export interface CtxField {
  readonly name: string;
  readonly off: number;
  readonly size: number;
  readonly read?: FieldAccess;
  readonly write?: FieldAccess;
  /** The access is only for programs of which this holds. */
  readonly readWhen?: 'privileged' | 'devBound';
  readonly writeWhen?: 'privileged' | 'devBound';
  /** What a load yields; a scalar unless said otherwise. */
  readonly reg?: RegType;
}

/** Bytes of a narrow load's full width. */
const WORD = 4;

/** The field a byte lies in. */
export function fieldAt(fields: readonly CtxField[], off: number): CtxField | undefined {
  return fields.find((field) => off >= field.off && off < field.off + field.size);
}

/** Bytes that one full-width access of a field has: arrays are accessed by 32-bit element. */
function elementSize(field: CtxField): number {
  return field.size > 8 ? WORD : field.size;
}

function allowed(access: FieldAccess, field: CtxField, inner: number, size: number): boolean {
  switch (access) {
    case 'narrow':
      return size <= WORD && (inner % WORD) + size <= WORD;
    case 'whole':
      return size === elementSize(field) && inner % size === 0;
    case 'bytes':
      return inner + size <= field.size;
    default:
      return access.some(([off, bytes]) => off === inner && bytes === size);
  }
}

/**
 * Whether a table of fields lets an access pass, and what it yields. Alignment is the caller's to check, because one
 * program type does not.
 */
export function accessField(fields: readonly CtxField[], request: AccessRequest): AccessInfo | undefined {
  const { off, size, write, prog } = request;
  const field = fieldAt(fields, off);
  const access = write ? field?.write : field?.read;
  if (field === undefined || access === undefined) return undefined;
  const when = write ? field.writeWhen : field.readWhen;
  if (when !== undefined && !prog[when]) return undefined;
  if (!allowed(access, field, off - field.off, size)) return undefined;
  const narrow = !write && access !== 'whole' && access !== 'bytes';
  return { regType: write ? 'SCALAR_VALUE' : (field.reg ?? 'SCALAR_VALUE'), ctxFieldSize: narrow ? WORD : 0 };
}

/** As {@link accessField}, for contexts of which every access must be aligned to its size. */
export function accessAligned(fields: readonly CtxField[], request: AccessRequest): AccessInfo | undefined {
  if (request.off < 0 || request.off % request.size !== 0) return undefined;
  return accessField(fields, request);
}
