// SPDX-License-Identifier: MIT
// What reading a pinned map gives: its elements, printed by their types. @see kernel/bpf/inode.c, map_seq_show
import { showValue } from '@tsbpf/btf';
import {
  BPF_MAP_TYPE_ARRAY,
  BPF_MAP_TYPE_CGROUP_STORAGE,
  BPF_MAP_TYPE_HASH,
  BPF_MAP_TYPE_LRU_HASH,
  BPF_MAP_TYPE_LRU_PERCPU_HASH,
  BPF_MAP_TYPE_PERCPU_ARRAY,
  BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE,
  BPF_MAP_TYPE_PERCPU_HASH,
  BPF_MAP_TYPE_PROG_ARRAY,
  EIO,
  ENOMEM,
} from '@tsbpf/uapi';
import type { BpfMap, KernelBtf } from '@tsbpf/core';
import type { KernelState } from '../kernel-state.ts';

const HEAD = ['# WARNING!! The output is for debug purpose only', '# WARNING!! The output format will change'] as const;

/** Types that print an index as it is, not by the type of the key. */
const BY_INDEX: readonly number[] = [BPF_MAP_TYPE_ARRAY, BPF_MAP_TYPE_PERCPU_ARRAY, BPF_MAP_TYPE_PROG_ARRAY];
const PER_CPU: readonly number[] = [
  BPF_MAP_TYPE_PERCPU_ARRAY,
  BPF_MAP_TYPE_PERCPU_HASH,
  BPF_MAP_TYPE_LRU_PERCPU_HASH,
  BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE,
];
const SHOWN: readonly number[] = [
  ...BY_INDEX,
  ...PER_CPU,
  BPF_MAP_TYPE_HASH,
  BPF_MAP_TYPE_LRU_HASH,
  BPF_MAP_TYPE_CGROUP_STORAGE,
];

/** The lines of one element. */
function showElement(
  k: KernelState,
  map: BpfMap,
  btf: KernelBtf,
  elem: { key: Uint8Array; value: Uint8Array },
): string[] {
  const { key, value } = elem;
  const valueText = (at: number): string => showValue(btf.btf, map.btfValueTypeId, value.subarray(at));
  const index = new DataView(key.buffer, key.byteOffset).getUint32(0, true);
  const keyText = BY_INDEX.includes(map.type) ? String(index) : showValue(btf.btf, map.btfKeyTypeId, key);
  if (!PER_CPU.includes(map.type)) {
    // An array may have a value's type alone, as one of a program's global data has.
    return [map.type === BPF_MAP_TYPE_ARRAY && map.btfKeyTypeId === 0 ? valueText(0) : `${keyText}: ${valueText(0)}`];
  }
  const stride = map.syscallValueSize / k.env.cpus;
  const cpus = Array.from({ length: k.env.cpus }, (_, cpu) => `\tcpu${cpu}: ${valueText(cpu * stride)}`);
  return [`${keyText}: {`, ...cpus, '}'];
}

/**
 * The text of a pinned map, as v5.6 prints it.
 * @errno EIO A map without BTF, or of a type that is not printed; that is what a pinned program answers, too.
 */
export function showMap(k: KernelState, map: BpfMap): string | number {
  const { btf, def, keySize } = map;
  const { getNextKey, sysLookup } = def.ops;
  if (btf === undefined || getNextKey === undefined || sysLookup === undefined || !SHOWN.includes(map.type))
    return -EIO;
  const keyOff = k.scratch.get(0, keySize);
  const valueOff = k.scratch.get(1, Math.max(8, map.syscallValueSize));
  const nextOff = k.scratch.get(2, Math.max(8, keySize));
  if (keyOff === 0 || valueOff === 0 || nextOff === 0) return -ENOMEM;

  const lines: string[] = [...HEAD];
  for (let from = 0; getNextKey(map, from, nextOff) >= 0; from = keyOff) {
    k.mem.u8.copyWithin(keyOff, nextOff, nextOff + keySize);
    if (sysLookup(map, keyOff, valueOff, 0) < 0) continue;
    const key = k.mem.u8.slice(keyOff, keyOff + keySize);
    const value = k.mem.u8.slice(valueOff, valueOff + map.syscallValueSize);
    lines.push(...showElement(k, map, btf, { key, value }));
  }
  return lines.map((line) => `${line}\n`).join('');
}
