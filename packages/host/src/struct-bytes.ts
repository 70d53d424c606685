// SPDX-License-Identifier: MIT
// Reading and writing fields of little- or big-endian C structures by layout.
import { UsageError, EINVAL } from '@tsbpf/uapi';
import type { FieldLayout, StructLayout } from '@tsbpf/uapi';

/** This machine's byte order, as DataView wants it. */
export const LITTLE = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

/** A member by name. */
export function fieldOf(layout: StructLayout, name: string): FieldLayout | undefined {
  return layout.fields.find((field) => field.name === name);
}

/** A view of the bytes of a structure. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Writes an integer of 4 or 8 bytes, or the bytes of a name or tag. */
export function putField(view: DataView, field: FieldLayout, value: unknown): void {
  if (typeof value === 'string') putBytes(view, field, new TextEncoder().encode(value));
  else if (value instanceof Uint8Array) putBytes(view, field, value);
  else if (typeof value !== 'number' && typeof value !== 'bigint')
    throw new UsageError(`Field ${field.name} is ${typeof value}, not a number, bigint, string or Uint8Array`, {
      errno: EINVAL,
    });
  else if (field.size === 8) view.setBigUint64(field.off, BigInt.asUintN(64, BigInt(value)), LITTLE);
  else view.setUint32(field.off, Number(BigInt.asUintN(32, BigInt(value))), LITTLE);
}

function putBytes(view: DataView, field: FieldLayout, bytes: Uint8Array): void {
  // A longer name fills the field without its NUL, which the kernel reports as it reports any such name.
  const room = new Uint8Array(view.buffer, view.byteOffset + field.off, field.size);
  room.fill(0);
  room.set(bytes.subarray(0, field.size));
}

/** Reads an unsigned integer: a number for up to 4 bytes, a bigint for 8. */
export function getField(view: DataView, field: FieldLayout): number | bigint {
  if (field.size === 8) return view.getBigUint64(field.off, LITTLE);
  const word = view.getUint32(field.off, LITTLE);
  return field.bits === undefined ? word : word & (2 ** field.bits - 1);
}

/** Reads a NUL-terminated string field. */
export function getString(view: DataView, field: FieldLayout): string {
  const bytes = new Uint8Array(view.buffer, view.byteOffset + field.off, field.size);
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}

/** A string's bytes with its NUL. */
export function cString(text: string): Uint8Array {
  return new TextEncoder().encode(`${text}\0`);
}
