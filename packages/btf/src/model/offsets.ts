// SPDX-License-Identifier: MIT
import { EINVAL, BtfError } from '@tsbpf/uapi';
import { BTF_KIND_LAST, BTF_KIND_NAMES, BTF_MAX_TYPE, infoKind } from '../kinds.ts';

/** Words behind the three of a type's record, by kind: those that it always has, and those for each item. */
const FIXED_WORDS = new Uint8Array([0, 1, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0]);
const ITEM_WORDS = new Uint8Array([0, 0, 0, 0, 3, 3, 2, 0, 0, 0, 0, 0, 0, 2, 0, 3, 0, 0, 0, 3]);

/** Bytes that follow the 12-byte record of a type of this kind. `kind` must be one of the 19. */
export function extraBytes(kind: number, vlen: number): number {
  return 4 * (FIXED_WORDS[kind] + ITEM_WORDS[kind] * vlen);
}

function bad(message: string, typeId: number): never {
  throw new BtfError(message, { errno: EINVAL, typeId });
}

/**
 * The first word of each record of a type section, in order: the whole index that lazy decoding needs.
 * @param typeLen bytes of the section
 * @throws BtfError for an unknown kind and for a record that ends beyond the section.
 */
export function indexTypes(words: Uint32Array, typeLen: number, startId: number): Uint32Array {
  const end = typeLen / 4;
  // A record has three words at least. This runs once per blob and mostly cold: nothing but numbers in the loop.
  const starts = new Uint32Array(Math.ceil(end / 3));
  let count = 0;
  let at = 0;
  while (at + 3 <= end) {
    const info = words[at + 1];
    const kind = (info >>> 24) & 0x1f;
    if (kind === 0 || kind > BTF_KIND_LAST) bad(`[${startId + count}] unsupported BTF kind ${kind}`, startId + count);
    starts[count++] = at;
    at += 3 + FIXED_WORDS[kind] + ITEM_WORDS[kind] * (info & 0xffff);
  }
  if (at > end) {
    const kind = infoKind(words[starts[count - 1] + 1]);
    const id = startId + count - 1;
    bad(`[${id}] ${BTF_KIND_NAMES[kind]} ends ${4 * (at - end)} bytes beyond the type section`, id);
  }
  const last = startId + count - 1;
  if (at < end) bad(`[${last + 1}] type record is cut off`, last + 1);
  if (last > BTF_MAX_TYPE) bad(`more than ${BTF_MAX_TYPE} BTF types`, BTF_MAX_TYPE + 1);
  return starts.slice(0, count);
}
