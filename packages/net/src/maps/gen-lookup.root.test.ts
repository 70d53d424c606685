// SPDX-License-Identifier: MIT
// What the verifier makes of lookups in these maps, against the running kernel's rewritten programs, laid out by its
// own BTF.
import { afterAll, describe, expect, it } from 'vitest';
import { Btf } from '@tsbpf/btf';
import { createKernelTypes } from '@tsbpf/core';
import { createHost } from '@tsbpf/host';
import { openSystemPair, translatedLookup } from '@tsbpf/testkit';
import { BPF_MAP_TYPE_DEVMAP, BPF_MAP_TYPE_DEVMAP_HASH, BPF_MAP_TYPE_XSKMAP, BPF_PROG_TYPE_XDP } from '@tsbpf/uapi';
import { netRegistries } from '../registries.ts';

const systems = openSystemPair(createHost, netRegistries());
afterAll(() => systems.close());

const VMLINUX = '/sys/kernel/btf/vmlinux';
const KALLSYMS = '/proc/kallsyms';
const CALL = 0x85;
/** Calls are relative to this function. */
const CALL_BASE = '__bpf_call_base';

/** Where functions of the running kernel are; 0 where it does not say. */
function placesOf(kallsyms: string, names: readonly string[]): bigint[] {
  return names.map((name) => BigInt(`0x${new RegExp(`^([0-9a-f]+) . ${name}$`, 'm').exec(kallsyms)?.[1] ?? '0'}`));
}

describe('lookups by programs', () => {
  for (const map_type of [BPF_MAP_TYPE_XSKMAP, BPF_MAP_TYPE_DEVMAP, BPF_MAP_TYPE_DEVMAP_HASH]) {
    it(`map type ${map_type}`, (context) => {
      const { real } = systems;
      if (real === undefined) {
        context.skip(`no kernel to compare with: ${systems.why}`);
        return;
      }
      const [vmlinux, kallsyms] = [real.readFile(VMLINUX), real.readFile(KALLSYMS)];
      if (typeof vmlinux === 'number' || typeof kallsyms === 'number') {
        context.skip(`the running kernel has no ${VMLINUX} or ${KALLSYMS}`);
        return;
      }
      const [theirs, ours] = systems.maps({ map_type, key_size: 4, value_size: 4, max_entries: 3 });
      const file = systems.sim.state.fds.get(ours.fd, 'map');
      if (typeof file === 'number') throw new TypeError('the simulated map is missing');
      const { map } = file;

      const got = translatedLookup(real, theirs.fd, BPF_PROG_TYPE_XDP);

      const inlined = map.def.genLookup?.(map, createKernelTypes(new Btf(vmlinux)));
      if (inlined !== undefined) {
        expect(got).toEqual(inlined.insns);
        return;
      }
      expect(got.map(({ code }) => code)).toEqual([CALL]);
      const [symbol = 0n, base = 0n] = placesOf(new TextDecoder('latin1').decode(kallsyms), [
        map.def.opSymbols?.lookup ?? '',
        CALL_BASE,
      ]);
      if (symbol === 0n || base === 0n) {
        context.skip('the running kernel does not show where its functions are');
        return;
      }
      expect(got[0]?.imm).toBe(Number(BigInt.asIntN(32, symbol - base)));
    });
  }
});
