// SPDX-License-Identifier: MIT
// BPF_OBJ_GET_INFO_BY_FD: a structure behind the attribute, with arrays behind the structure.
// @see kernel/bpf/syscall.c, bpf_obj_get_info_by_fd
import { readlinkSync } from 'node:fs';
import { BPF_INFO_LAYOUTS, BPF_OBJ_GET_INFO_BY_FD, EFAULT } from '@tsbpf/uapi';
import type { InfoByFdAttr, StructLayout } from '@tsbpf/uapi';
import { INFO_POINTERS } from './attr-rules.ts';
import type { Extent, InfoStruct } from './attr-rules.ts';
import { keepAlive } from './libc.ts';
import type { Libc } from './libc.ts';
import { LITTLE, fieldOf, getField, getString, putField, viewOf } from './struct-bytes.ts';

type BpfCall = (cmd: number, attr: Uint8Array) => number;

const LINK_STRUCTS: Readonly<Record<string, InfoStruct>> = {
  'anon_inode:bpf-prog': 'bpf_prog_info',
  'anon_inode:bpf-map': 'bpf_map_info',
  'anon_inode:btf': 'bpf_btf_info',
};

/** The structure the kernel fills for an fd; undefined where it is not a BPF object of v5.6. */
export function infoStructOf(fd: number): InfoStruct | undefined {
  try {
    return LINK_STRUCTS[readlinkSync(`/proc/self/fd/${fd}`).replace(/^anon_inode:\[(.*)\]$/, 'anon_inode:$1')];
  } catch {
    return undefined;
  }
}

/** Records of an array field: from its count where the caller gave one, else as many as the buffer holds. */
function countOf(info: Record<string, unknown>, extent: Extent, buffer: Uint8Array): { count: number; fits: boolean } {
  if (extent.kind !== 'counted') return { count: 0, fits: true };
  const recBytes = typeof extent.recBytes === 'number' ? extent.recBytes : Number(info[extent.recBytes] ?? 0);
  const room = recBytes === 0 ? 0 : Math.floor(buffer.length / recBytes);
  const given = info[extent.count];
  const count = given === undefined ? room : Number(given);
  return { count, fits: count <= room || recBytes === 0 };
}

/**
 * Asks for an object's info and writes it to `attr.info`.
 *
 * @errno EFAULT a count is larger than its buffer
 */
export function getInfoByFd(libc: Libc, call: BpfCall, attr: InfoByFdAttr): number {
  const struct = infoStructOf(attr.bpf_fd) ?? 'bpf_prog_info';
  const layout: StructLayout = BPF_INFO_LAYOUTS[struct];
  const pointers = INFO_POINTERS[struct];
  const info = attr.info as Record<string, unknown>;
  const bytes = new Uint8Array(layout.size);
  const view = viewOf(bytes);
  const pinned: Uint8Array[] = [bytes];

  // The kernel reads counts, record sizes and pointers only.
  const inputs = Object.values(pointers).flatMap((extent) =>
    extent.kind === 'counted' ? [extent.count, extent.recBytes] : [],
  );
  for (const field of layout.fields) {
    const value = info[field.name];
    if (value !== undefined && inputs.includes(field.name)) putField(view, field, value);
  }
  for (const field of layout.fields) {
    const value = info[field.name];
    const extent = pointers[field.name];
    if (!(value instanceof Uint8Array) || extent?.kind !== 'counted') continue;
    // btf_size is out only: how much to copy is the buffer's length.
    const { count, fits } = countOf(struct === 'bpf_btf_info' ? {} : info, extent, value);
    if (!fits) return -EFAULT;
    pinned.push(value);
    putField(view, field, value.length === 0 ? 0n : libc.addressOf(value));
    const countField = fieldOf(layout, extent.count);
    if (countField !== undefined) putField(view, countField, count);
  }

  const attrBytes = new Uint8Array(16);
  const attrView = new DataView(attrBytes.buffer);
  attrView.setUint32(0, attr.bpf_fd, LITTLE);
  attrView.setUint32(4, layout.size, LITTLE);
  attrView.setBigUint64(8, libc.addressOf(bytes), LITTLE);
  const result = call(BPF_OBJ_GET_INFO_BY_FD, attrBytes);
  keepAlive(pinned);
  if (result < 0) return result;

  for (const field of layout.fields) {
    if (pointers[field.name] !== undefined) continue;
    if (field.name === 'name') info[field.name] = getString(view, field);
    else if (field.name === 'tag') info[field.name] = bytes.slice(field.off, field.off + field.size);
    else info[field.name] = getField(view, field);
  }
  attr.info_len = attrView.getUint32(4, LITTLE);
  return result;
}
