// SPDX-License-Identifier: MIT
// As much BTF as the cases need: a blob from types and strings, and finding a kernel function's id by name.
// @see Documentation/bpf/btf.rst
import { EINVAL, UsageError } from '../../packages/uapi/src/index.ts';

const MAGIC = 0xeb9f;
const HEADER_BYTES = 24;

/** BTF kinds, as far as they are looked up. */
export const BTF_KIND_TYPEDEF = 8;
export const BTF_KIND_FUNC = 12;

/** A BTF blob: header, types, strings. */
export function btfBlob(types: Uint8Array, strings: Uint8Array): Uint8Array {
  const blob = new Uint8Array(HEADER_BYTES + types.length + strings.length);
  const view = new DataView(blob.buffer);
  view.setUint16(0, MAGIC, true);
  view.setUint8(2, 1);
  view.setUint32(4, HEADER_BYTES, true);
  view.setUint32(12, types.length, true);
  view.setUint32(16, types.length, true);
  view.setUint32(20, strings.length, true);
  blob.set(types, HEADER_BYTES);
  blob.set(strings, HEADER_BYTES + types.length);
  return blob;
}

/** Bytes that follow the 12 of a type's head: for each kind, so many at all and so many for each of its vlen. */
const EXTRA: Readonly<Record<number, readonly [number, number]>> = {
  1: [4, 0],
  2: [0, 0],
  3: [12, 0],
  4: [0, 12],
  5: [0, 12],
  6: [0, 8],
  7: [0, 0],
  8: [0, 0],
  9: [0, 0],
  10: [0, 0],
  11: [0, 0],
  12: [0, 0],
  13: [0, 8],
  14: [4, 0],
  15: [0, 12],
  16: [0, 0],
  17: [4, 0],
  18: [0, 0],
  19: [0, 12],
};

interface TypeHead {
  id: number;
  kind: number;
  nameOff: number;
  /** Of the next type. */
  end: number;
}

function* walkTypes(view: DataView, start: number, end: number): Generator<TypeHead> {
  for (let off = start, id = 1; off < end; id++) {
    const info = view.getUint32(off + 4, true);
    const kind = (info >>> 24) & 0x1f;
    const extra = EXTRA[kind];
    if (extra === undefined) throw new UsageError(`BTF type ${id} has unknown kind ${kind}`, { errno: EINVAL });
    const next = off + 12 + extra[0] + extra[1] * (info & 0xffff);
    yield { id, kind, nameOff: view.getUint32(off, true), end: next };
    off = next;
  }
}

/** The bytes of the first `count` types. */
export function firstTypes(types: Uint8Array, count: number): Uint8Array {
  const view = new DataView(types.buffer, types.byteOffset, types.byteLength);
  for (const { id, end } of walkTypes(view, 0, types.length)) if (id === count) return types.subarray(0, end);
  return types;
}

/** Finds ids of named types: `find(kind, name)` is 0 where there is none. */
export function btfNames(blob: Uint8Array): (kind: number, name: string) => number {
  const view = new DataView(blob.buffer, blob.byteOffset, blob.byteLength);
  if (blob.length < HEADER_BYTES || view.getUint16(0, true) !== MAGIC)
    throw new UsageError('Not a BTF blob', { errno: EINVAL });
  const headerBytes = view.getUint32(4, true);
  const typesStart = headerBytes + view.getUint32(8, true);
  const typesEnd = typesStart + view.getUint32(12, true);
  const strings = headerBytes + view.getUint32(16, true);
  const ids = new Map<string, number>();
  const decoder = new TextDecoder();
  for (const { id, kind, nameOff } of walkTypes(view, typesStart, typesEnd)) {
    if (kind !== BTF_KIND_TYPEDEF && kind !== BTF_KIND_FUNC) continue;
    const start = strings + nameOff;
    const key = `${kind} ${decoder.decode(blob.subarray(start, blob.indexOf(0, start)))}`;
    if (!ids.has(key)) ids.set(key, id);
  }
  return (kind, name) => ids.get(`${kind} ${name}`) ?? 0;
}
