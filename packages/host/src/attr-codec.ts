// SPDX-License-Identifier: MIT
// From a typed attribute object to the bytes of `union bpf_attr`, and its out-fields back.
import { BPF_ATTR_GROUPS, BPF_ATTR_SIZE_5_6, BPF_CMD_ATTRS, EINVAL, NotSupportedError } from '@tsbpf/uapi';
import type { FieldLayout, StructLayout } from '@tsbpf/uapi';
import { ATTR_POINTERS, OUT_FIELDS } from './attr-rules.ts';
import type { Extent } from './attr-rules.ts';
import type { Fenced, FencePool } from './fence.ts';
import type { Libc } from './libc.ts';
import { cString, fieldOf, getField, putField, viewOf } from './struct-bytes.ts';

/** An attribute object, seen field by field. */
export type AttrObject = Record<string, unknown>;

/** The bytes of one call, with what keeps its buffers alive. */
export interface EncodedAttr {
  readonly bytes: Uint8Array;
  /** The buffers the bytes point at: reachable for as long as this is. */
  readonly pinned: readonly Uint8Array[];
  /** Writes the out-fields back to the attribute object. */
  writeBack(result: number): void;
}

/**
 * Encodes a typed attribute.
 *
 * @throws NotSupportedError for a field v5.6's union does not have.
 */
export function encodeAttr(libc: Libc, fences: FencePool, cmd: number, attr: AttrObject): EncodedAttr {
  const rule = BPF_CMD_ATTRS[cmd];
  if (rule === undefined)
    throw new NotSupportedError(`bpf(2) command ${cmd} has no typed form`, {
      errno: EINVAL,
      feature: `bpf cmd ${cmd}`,
    });
  const layout: StructLayout = BPF_ATTR_GROUPS[rule.group];
  const pointers = ATTR_POINTERS[rule.group] ?? {};
  const bytes = new Uint8Array(BPF_ATTR_SIZE_5_6);
  const view = viewOf(bytes);
  const pinned: Uint8Array[] = [bytes];
  const fenced: Fenced[] = [];
  const outs = OUT_FIELDS[cmd] ?? [];
  const counts = new Set(
    Object.values(pointers).flatMap((extent) => (extent.kind === 'counted' ? [extent.count] : [])),
  );

  for (const [name, value] of Object.entries(attr)) {
    if (value === undefined || name === 'diagnostic' || counts.has(name)) continue;
    const field = fieldOf(layout, name);
    if (field === undefined)
      throw new NotSupportedError(`Attribute ${name} is not a field of bpf(2) command ${cmd} in Linux v5.6`, {
        errno: EINVAL,
        feature: `bpf_attr.${name}`,
      });
    const extent = pointers[name];
    if (extent === undefined) putField(view, field, value);
    else putPointer(field, extent, value as Uint8Array | string);
  }

  function putPointer(field: FieldLayout, extent: Extent, value: Uint8Array | string): void {
    const buffer = typeof value === 'string' ? cString(value) : value;
    pinned.push(buffer);
    if (extent.kind !== 'counted') {
      const copy = extent.kind === 'cstr' ? undefined : fences.place(buffer);
      if (copy !== undefined && outs.includes(field.name)) fenced.push(copy);
      putField(view, field, copy?.addr ?? libc.addressOf(buffer));
      return;
    }
    putField(view, field, buffer.length === 0 ? 0n : libc.addressOf(buffer));
    const recBytes = typeof extent.recBytes === 'number' ? extent.recBytes : Number(attr[extent.recBytes] ?? 0);
    // Without a record size there is something to refuse, which a count of 0 would hide.
    const count = recBytes === 0 ? Math.min(buffer.length, 1) : Math.floor(buffer.length / recBytes);
    const countField = fieldOf(layout, extent.count);
    if (countField !== undefined) putField(view, countField, count);
  }

  const before = bytes.slice();
  return {
    bytes,
    pinned,
    writeBack(result) {
      for (const copy of fenced) copy.copyBack();
      for (const name of outs) {
        const field = fieldOf(layout, name);
        if (field === undefined || pointers[name] !== undefined) continue;
        const value = getField(view, field);
        if (result >= 0 || value !== getField(viewOf(before), field)) attr[name] = value;
      }
    },
  };
}
