// SPDX-License-Identifier: MIT
import { BTF_KIND_ARRAY, BTF_KIND_PTR, type Btf } from '@tsbpf/btf';
import { BtfError, EACCES, EFAULT, EINVAL } from '@tsbpf/uapi';
import { refuse } from '../refuse.ts';
import { reject } from '../reject.ts';
import type { Verification } from '../verification.ts';
import { isStructKind, printedName } from './kind-names.ts';

/** What a load through a pointer to a kernel structure yields. */
export type StructLoad =
  | { readonly regType: 'SCALAR_VALUE' }
  | {
      readonly regType: 'PTR_TO_BTF_ID';
      /** The structure pointed to. */
      readonly btfId: number;
    };

const SCALAR: StructLoad = { regType: 'SCALAR_VALUE' };

/** A member of a structure, straight from the blob: this runs for every load, over structures of hundreds of members. */
interface Member {
  readonly nameOff: number;
  readonly typeId: number;
  readonly bitOff: number;
  readonly bits: number;
}

function memberAt(btf: Btf, structId: number, index: number): Member {
  const word = btf.extraWord(structId, index * 3 + 2);
  const kflag = btf.kflag(structId);
  return {
    nameOff: btf.extraWord(structId, index * 3),
    typeId: btf.extraWord(structId, index * 3 + 1),
    bitOff: kflag ? word & 0xffffff : word,
    bits: kflag ? word >>> 24 : 0,
  };
}

/** A member's type with its modifiers and array dimensions taken off. */
function elementOf(btf: Btf, typeId: number): { elemId: number; count: number; isArray: boolean } {
  let elemId = btf.skipModifiers(typeId);
  let count = 1;
  const isArray = btf.kind(elemId) === BTF_KIND_ARRAY;
  while (btf.kind(elemId) === BTF_KIND_ARRAY) {
    count *= btf.extraWord(elemId, 2);
    elemId = btf.skipModifiers(btf.extraWord(elemId, 0));
  }
  return { elemId, count, isArray };
}

/**
 * What `size` bytes at `off` of a kernel structure are: nested structures and arrays are walked into, the first member
 * that covers the place decides (also in unions), a pointer to a structure must be read whole.
 * @errno EACCES, EINVAL a place that no member covers properly; EFAULT a member without a size
 * @see kernel/bpf/btf.c, btf_struct_access
 */
export function btfStructAccess(v: Verification, access: { structId: number; off: number; size: number }): StructLoad {
  const btf = v.env.vmlinux;
  if (btf === undefined) reject(EINVAL);
  const { size } = access;
  let { structId, off } = access;

  for (;;) {
    const structName = printedName(btf, structId);
    if (!isStructKind(btf, structId)) refuse(v, EINVAL, `Type '${structName}' is not a struct\n`);
    if (off + size > btf.sizeOrType(structId)) {
      refuse(v, EACCES, `access beyond struct ${structName} at off ${off} size ${size}\n`);
    }
    const found = coveringMember(v, btf, structId, { off, size });
    if (found === undefined) refuse(v, EINVAL, `struct ${structName} doesn't have field at offset ${off}\n`);
    if (found === 'bitfield') return SCALAR;

    const { elemId, start, end, elemSize, name } = found;
    if (isStructKind(btf, elemId)) {
      structId = elemId;
      off -= start;
      continue;
    }
    if (btf.kind(elemId) === BTF_KIND_PTR) {
      if (elemSize !== size || off !== start) {
        refuse(
          v,
          EACCES,
          `cannot access ptr member ${name} with moff ${start} in struct ${structName} with off ${off} size ${size}\n`,
        );
      }
      const pointee = btf.skipModifiers(btf.sizeOrType(elemId));
      if (isStructKind(btf, pointee)) return { regType: 'PTR_TO_BTF_ID', btfId: pointee };
    }
    if (off + size > end) {
      refuse(
        v,
        EACCES,
        `access beyond the end of member ${name} (mend:${end}) in struct ${structName} with off ${off} size ${size}\n`,
      );
    }
    return SCALAR;
  }
}

/** The member, or the element of an array member, that holds the first byte. Offsets in the structure. */
interface Covering {
  readonly name: string;
  readonly elemId: number;
  readonly elemSize: number;
  readonly start: number;
  /** Of the whole member. */
  readonly end: number;
}

function coveringMember(
  v: Verification,
  btf: Btf,
  structId: number,
  place: { off: number; size: number },
): Covering | 'bitfield' | undefined {
  const { off, size } = place;
  const count = btf.vlen(structId);
  for (let i = 0; i < count; i++) {
    const member = memberAt(btf, structId, i);
    const start = Math.floor(member.bitOff / 8);
    if (off + size <= start) return undefined;
    if (member.bits !== 0) {
      const end = Math.ceil((member.bitOff + member.bits) / 8);
      if (off <= start && end <= off + size) return 'bitfield';
      continue;
    }
    if (off < start) return undefined;

    const name = member.nameOff === 0 ? '(anon)' : btf.strAt(member.nameOff);
    const bytes = sizeOrFault(v, btf, member.typeId, name);
    const end = start + bytes;
    if (off >= end) continue;
    const { elemId, count: elems, isArray } = elementOf(btf, member.typeId);
    if (!isArray) return { name, elemId, elemSize: bytes, start, end };
    const elemSize = bytes / elems;
    return { name, elemId, elemSize, start: start + Math.floor((off - start) / elemSize) * elemSize, end };
  }
  return undefined;
}

function sizeOrFault(v: Verification, btf: Btf, typeId: number, name: string): number {
  try {
    return btf.resolveSize(typeId);
  } catch (error) {
    if (!(error instanceof BtfError)) throw error;
    return refuse(v, EFAULT, `field ${name} doesn't have size\n`);
  }
}
