// SPDX-License-Identifier: MIT
// The instructions that replace lookups, against the running kernel's rewritten programs, laid out by its own BTF.
import { afterAll, describe, expect, it } from 'vitest';
import { Btf } from '@tsbpf/btf';
import { createKernelTypes } from '@tsbpf/core';
import { createHost } from '@tsbpf/host';
import type { Insn } from '@tsbpf/insn';
import { TestMap, openSystemPair, translatedLookup } from '@tsbpf/testkit';
import {
  BPF_F_NO_COMMON_LRU,
  BPF_MAP_TYPE_ARRAY,
  BPF_MAP_TYPE_ARRAY_OF_MAPS,
  BPF_MAP_TYPE_HASH,
  BPF_MAP_TYPE_HASH_OF_MAPS,
  BPF_MAP_TYPE_LRU_HASH,
  BPF_PROG_TYPE_SOCKET_FILTER,
  type MapCreateAttr,
} from '@tsbpf/uapi';
import { mapTypes } from './index.ts';

const systems = openSystemPair(createHost, { mapTypes });
afterAll(() => systems.close());

const VMLINUX = '/sys/kernel/btf/vmlinux';
const CALL = 0x85;

const rows: readonly (MapCreateAttr & { inner?: boolean })[] = [
  { map_type: BPF_MAP_TYPE_ARRAY, key_size: 4, value_size: 8, max_entries: 3 },
  { map_type: BPF_MAP_TYPE_ARRAY, key_size: 4, value_size: 20, max_entries: 1000 },
  { map_type: BPF_MAP_TYPE_HASH, key_size: 8, value_size: 8, max_entries: 3 },
  { map_type: BPF_MAP_TYPE_HASH, key_size: 3, value_size: 1, max_entries: 3, map_flags: 1 },
  { map_type: BPF_MAP_TYPE_LRU_HASH, key_size: 6, value_size: 8, max_entries: 3 },
  { map_type: BPF_MAP_TYPE_LRU_HASH, key_size: 8, value_size: 8, max_entries: 4, map_flags: BPF_F_NO_COMMON_LRU },
  { map_type: BPF_MAP_TYPE_ARRAY_OF_MAPS, key_size: 4, value_size: 4, max_entries: 5, inner: true },
  { map_type: BPF_MAP_TYPE_HASH_OF_MAPS, key_size: 5, value_size: 4, max_entries: 5, inner: true },
];

describe('inlined lookups', () => {
  for (const { inner, ...attr } of rows) {
    const title = mapTypes.find((row) => row.type === attr.map_type)?.name ?? '';
    it(`${title} of ${attr.key_size} and ${attr.value_size} bytes, flags ${attr.map_flags ?? 0}`, (context) => {
      const { real, sim } = systems;
      if (real === undefined) {
        context.skip(`no kernel to compare with: ${systems.why}`);
        return;
      }
      const vmlinux = real.readFile(VMLINUX);
      if (typeof vmlinux === 'number') {
        context.skip(`the running kernel has no ${VMLINUX}`);
        return;
      }
      const types = createKernelTypes(new Btf(vmlinux));
      const template = { map_type: BPF_MAP_TYPE_HASH, key_size: 4, value_size: 4, max_entries: 1 };
      const [realInner, simInner] = inner === true ? systems.maps(template) : [undefined, undefined];
      const realMap = new TestMap(real, { ...attr, inner_map_fd: realInner?.fd });
      const simFd = sim.bpf(0, { ...attr, inner_map_fd: simInner?.fd });
      const file = sim.state.fds.get(simFd, 'map');
      if (typeof file === 'number') throw new TypeError('the simulated map is missing');
      const { map } = file;
      const want = map.def.genLookup?.(map, types);
      expect(want).toBeDefined();

      const got = translatedLookup(real, realMap.fd, BPF_PROG_TYPE_SOCKET_FILTER);
      // Calls are relative to where the kernel lies.
      const unplaced = (insn: Insn): Insn => (insn.code === CALL ? { ...insn, imm: 0 } : insn);
      expect(got.map(unplaced)).toEqual(want?.insns.map(unplaced));
      realMap.close();
    });
  }
});
