// SPDX-License-Identifier: MIT
// `struct bpf_cgroup_storage_key`: a cgroup's id and an attach type. @see include/uapi/linux/bpf.h
import { EINVAL } from '@tsbpf/uapi';
import { BTF_KIND_INT, BTF_KIND_STRUCT, type Btf } from '@tsbpf/btf';
import type { BpfMap, Errno, KernelBtf } from '@tsbpf/core';
import type { KernelMemory } from '@tsbpf/memory';

/** Four bytes of padding included. */
export const STORAGE_KEY_BYTES = 16;
const ATTACH_TYPE_OFF = 8;

export interface StorageKey {
  readonly cgroupId: bigint;
  readonly attachType: number;
}

export function readKey(mem: KernelMemory, at: number): StorageKey {
  return { cgroupId: mem.read64(at), attachType: mem.read32(at + ATTACH_TYPE_OFF) };
}

/** The padding is left as it is, as in Linux. */
export function writeKey(mem: KernelMemory, at: number, key: StorageKey): void {
  mem.write64(at, key.cgroupId);
  mem.write32(at + ATTACH_TYPE_OFF, key.attachType);
}

/** A member is a plain integer of so many bytes at an offset. @see kernel/bpf/btf.c, btf_member_is_reg_int */
function isInt(
  btf: Btf,
  member: { typeId: number; bitOffset: number; bitSize: number } | undefined,
  at: { off: number; size: number },
): boolean {
  if (member === undefined || member.bitSize !== 0 || member.bitOffset !== at.off * 8) return false;
  const type = btf.type(btf.skipModifiers(member.typeId));
  return type.kind === BTF_KIND_INT && type.bits === at.size * 8 && type.bitOffset === 0 && type.size === at.size;
}

/** Keys are a structure of the two members, whatever their names. @see cgroup_storage_check_btf */
export function checkKeyBtf(
  _map: BpfMap,
  { btf, keyTypeId }: { btf: KernelBtf; keyTypeId: number; valueTypeId: number },
): Errno {
  const model = btf.btf;
  const key = keyTypeId === 0 ? undefined : model.type(model.skipModifiers(keyTypeId));
  if (key?.kind !== BTF_KIND_STRUCT || key.members.length !== 2) return -EINVAL;
  const [id, attachType] = key.members;
  return isInt(model, id, { off: 0, size: 8 }) && isInt(model, attachType, { off: ATTACH_TYPE_OFF, size: 4 })
    ? 0
    : -EINVAL;
}
