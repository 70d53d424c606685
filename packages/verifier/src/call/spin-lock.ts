// SPDX-License-Identifier: MIT
// Spin locks in map values. Linux v5.6 flattens every failure to EACCES. @see kernel/bpf/verifier.c, process_spin_lock
import { E2BIG, EACCES, ENOENT } from '@tsbpf/uapi';
import { hasSpinLock, mapOf } from '../mem/map-value.ts';
import { refuse } from '../refuse.ts';
import { tnumIsConst } from '../scalar/index.ts';
import { type Analysis, regAt } from '../state/analysis.ts';

/** Takes or gives back the lock that a register points to. @errno EACCES */
export function checkSpinLock(a: Analysis, regno: number, lock: boolean): void {
  const fails = (message: string): never => refuse(a.v, EACCES, message);
  const reg = regAt(a, regno);
  if (reg.type !== 'PTR_TO_MAP_VALUE') return fails(`R${regno} is not a pointer to map_value\n`);
  if (!tnumIsConst(reg.bounds)) {
    return fails(`R${regno} doesn't have constant offset. bpf_spin_lock has to be at the constant offset\n`);
  }
  const map = mapOf(reg);
  if (map.btf === undefined) return fails(`map '${map.name}' has to have BTF in order to use bpf_spin_lock\n`);
  if (!hasSpinLock(map)) {
    if (map.spinLockOff === -E2BIG) return fails(`map '${map.name}' has more than one 'struct bpf_spin_lock'\n`);
    if (map.spinLockOff === -ENOENT) return fails(`map '${map.name}' doesn't have 'struct bpf_spin_lock'\n`);
    return fails(`map '${map.name}' is not a struct type or bpf_spin_lock is mangled\n`);
  }
  const off = BigInt.asIntN(64, reg.bounds.value + BigInt(reg.off));
  if (off !== BigInt(map.spinLockOff)) return fails(`off ${off} doesn't point to 'struct bpf_spin_lock'\n`);
  if (lock) {
    if (a.cur.activeLock !== 0) return fails('Locking two bpf_spin_locks are not allowed\n');
    a.cur.activeLock = reg.id;
    return;
  }
  if (a.cur.activeLock === 0) return fails('bpf_spin_unlock without taking a lock\n');
  if (a.cur.activeLock !== reg.id) return fails('bpf_spin_unlock of different lock\n');
  a.cur.activeLock = 0;
}
