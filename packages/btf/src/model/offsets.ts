// SPDX-License-Identifier: MIT
import { EINVAL, BtfError } from '@tsbpf/uapi';
import { BTF_KIND_LAST, BTF_KIND_NAMES, BTF_MAX_TYPE, infoKind, infoVlen } from '../kinds.ts';

/** Bytes of kind-specific data behind the record of a type: `fixed + perItem * vlen`. */
const EXTRA: readonly (readonly [fixed: number, perItem: number])[] = [
  [0, 0],
  [4, 0],
  [0, 0],
  [12, 0],
  [0, 12],
  [0, 12],
  [0, 8],
  [0, 0],
  [0, 0],
  [0, 0],
  [0, 0],
  [0, 0],
  [0, 0],
  [0, 8],
  [4, 0],
  [0, 12],
  [0, 0],
  [4, 0],
  [0, 0],
  [0, 12],
];

/** Bytes that follow the 12-byte record of a type of this kind. `kind` must be one of the 19. */
export function extraBytes(kind: number, vlen: number): number {
  const [fixed, perItem] = EXTRA[kind];
  return fixed + perItem * vlen;
}

/**
 * Byte offsets of the records of a type section, in order: the whole index that lazy decoding needs.
 * @throws BtfError for an unknown kind and for a record that ends beyond the section.
 */
export function indexTypes(types: DataView, littleEndian: boolean, startId: number): Uint32Array {
  const end = types.byteLength;
  let offsets = new Uint32Array(Math.min(1024, Math.ceil(end / 12) + 1));
  let count = 0;
  for (let off = 0; off < end;) {
    const id = startId + count;
    if (end - off < 12) throw new BtfError(`[${id}] type record is cut off`, { errno: EINVAL, typeId: id });
    const info = types.getUint32(off + 4, littleEndian);
    const kind = infoKind(info);
    if (kind === 0 || kind > BTF_KIND_LAST) {
      throw new BtfError(`[${id}] unsupported BTF kind ${kind}`, { errno: EINVAL, typeId: id });
    }
    if (id > BTF_MAX_TYPE) throw new BtfError(`more than ${BTF_MAX_TYPE} BTF types`, { errno: EINVAL, typeId: id });
    const next = off + 12 + extraBytes(kind, infoVlen(info));
    if (next > end) {
      throw new BtfError(`[${id}] ${BTF_KIND_NAMES[kind]} ends ${next - end} bytes beyond the type section`, {
        errno: EINVAL,
        typeId: id,
      });
    }
    if (count === offsets.length) {
      const bigger = new Uint32Array(Math.min(count * 2, count + Math.ceil((end - off) / 12)));
      bigger.set(offsets);
      offsets = bigger;
    }
    offsets[count++] = off;
    off = next;
  }
  return count === offsets.length ? offsets : offsets.slice(0, count);
}
