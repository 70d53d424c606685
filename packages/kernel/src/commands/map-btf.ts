// SPDX-License-Identifier: MIT
// BTF of keys and values at creation. @see kernel/bpf/syscall.c, map_check_btf; kernel/bpf/btf.c, btf_find_spin_lock
import { BPF_F_RDONLY_PROG, E2BIG, EACCES, EFAULT, EINVAL, ENOENT, ENOTSUPP, BpfError } from '@tsbpf/uapi';
import { BTF_KIND_STRUCT, type Btf } from '@tsbpf/btf';
import type { BpfMap, MapParams } from '@tsbpf/core';
import type { KernelState } from '../kernel-state.ts';

const SPIN_LOCK = 'bpf_spin_lock';
const SPIN_LOCK_SIZE = 4;

/** Bytes of a type that has a size; undefined for one that has none, or does not exist. */
function sizeOfType(btf: Btf, typeId: number): number | undefined {
  try {
    return btf.resolveSize(typeId);
  } catch (error) {
    if (error instanceof BpfError) return undefined;
    throw error;
  }
}

/** Offset of the one spin lock among a struct's members, or -ENOENT, -E2BIG (several), -EINVAL (misaligned, no struct). */
export function findSpinLock(btf: Btf, valueTypeId: number): number {
  const type = btf.type(valueTypeId);
  if (type.kind !== BTF_KIND_STRUCT) return -EINVAL;
  let off = -ENOENT;
  for (const member of type.members) {
    const inner = btf.type(member.typeId);
    if (inner.kind !== BTF_KIND_STRUCT || inner.size !== SPIN_LOCK_SIZE || inner.name !== SPIN_LOCK) continue;
    if (off !== -ENOENT) return -E2BIG;
    if (member.bitOffset % 8 !== 0) return -EINVAL;
    off = member.bitOffset / 8;
    if (off % 4 !== 0) return -EINVAL;
  }
  return off;
}

/** Takes the BTF reference and checks the types; 0 or -errno. */
export function checkMapBtf(k: KernelState, map: BpfMap, params: MapParams): number {
  map.spinLockOff = -EINVAL;
  const { btfKeyTypeId: keyTypeId, btfValueTypeId: valueTypeId } = params;
  if (keyTypeId === 0 && valueTypeId === 0 && params.btfVmlinuxValueTypeId === 0) return 0;
  const file = k.fds.get(params.btfFd, 'btf');
  if (typeof file === 'number') return file;
  const { btf } = file;
  if (valueTypeId !== 0) {
    const err = checkTypes(map, btf.btf, keyTypeId, valueTypeId) || checkTypeRow(map, btf, keyTypeId, valueTypeId);
    if (err < 0) return err;
  }
  btf.get();
  map.btf = btf;
  map.btfKeyTypeId = keyTypeId;
  map.btfValueTypeId = valueTypeId;
  return 0;
}

function checkTypes(map: BpfMap, btf: Btf, keyTypeId: number, valueTypeId: number): number {
  if (keyTypeId !== 0) {
    if (sizeOfType(btf, keyTypeId) !== map.keySize) return -EINVAL;
  } else if (map.def.noBtf !== true && map.def.ops.checkBtf === undefined) return -EINVAL;
  if (sizeOfType(btf, valueTypeId) !== map.valueSize) return -EINVAL;
  map.spinLockOff = findSpinLock(btf, btf.skipModifiers(valueTypeId));
  if (map.spinLockOff < 0) return 0;
  if ((map.flags & BPF_F_RDONLY_PROG) !== 0) return -EACCES;
  if (map.def.spinLocks !== true) return -ENOTSUPP;
  return map.spinLockOff + SPIN_LOCK_SIZE > map.valueSize ? -EFAULT : 0;
}

function checkTypeRow(map: BpfMap, btf: NonNullable<BpfMap['btf']>, keyTypeId: number, valueTypeId: number): number {
  if (map.def.noBtf === true) return -ENOTSUPP;
  return map.def.ops.checkBtf?.(map, { btf, keyTypeId, valueTypeId }) ?? 0;
}
