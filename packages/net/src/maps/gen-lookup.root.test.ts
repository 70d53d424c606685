// SPDX-License-Identifier: MIT
// What the verifier makes of lookups in these maps, against the running kernel's rewritten programs, laid out by its
// own BTF.
import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { Btf } from '@tsbpf/btf';
import { createKernelTypes } from '@tsbpf/core';
import { createHost } from '@tsbpf/host';
import {
  alu64Imm,
  callHelper,
  decodeInsns,
  encodeInsns,
  exit,
  ldMapFd,
  mov64Imm,
  mov64Reg,
  program,
  stMem,
} from '@tsbpf/insn';
import { openSystemPair } from '@tsbpf/testkit';
import {
  BPF_ADD,
  BPF_DW,
  BPF_MAP_TYPE_DEVMAP,
  BPF_MAP_TYPE_DEVMAP_HASH,
  BPF_MAP_TYPE_XSKMAP,
  BPF_OBJ_GET_INFO_BY_FD,
  BPF_PROG_LOAD,
  BPF_PROG_TYPE_XDP,
} from '@tsbpf/uapi';
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
      let vmlinux: Uint8Array;
      let kallsyms: string;
      try {
        vmlinux = readFileSync(VMLINUX);
        kallsyms = readFileSync(KALLSYMS, 'latin1');
      } catch {
        context.skip(`the running kernel has no ${VMLINUX} or ${KALLSYMS}`);
        return;
      }
      const [theirs, ours] = systems.maps({ map_type, key_size: 4, value_size: 4, max_entries: 3 });
      const file = systems.sim.state.fds.get(ours.fd, 'map');
      if (typeof file === 'number') throw new TypeError('the simulated map is missing');
      const { map } = file;

      const insns = program(
        stMem(BPF_DW, 10, -8, 0),
        mov64Reg(2, 10),
        alu64Imm(BPF_ADD, 2, -8),
        ...ldMapFd(1, theirs.fd),
        callHelper(1),
        mov64Imm(0, 0),
        exit(),
      );
      const prog = real.bpf(BPF_PROG_LOAD, {
        prog_type: BPF_PROG_TYPE_XDP,
        insns: encodeInsns(insns),
        license: 'GPL',
      });
      expect(prog).toBeGreaterThan(0);
      const info = { xlated_prog_insns: new Uint8Array(4096), xlated_prog_len: 4096 };
      expect(real.bpf(BPF_OBJ_GET_INFO_BY_FD, { bpf_fd: prog, info })).toBe(0);
      real.close(prog);
      const xlated = decodeInsns(info.xlated_prog_insns.subarray(0, info.xlated_prog_len));
      // Between the load of the map, five slots in, and what follows the call.
      const got = xlated.slice(5, xlated.length - 2);

      const inlined = map.def.genLookup?.(map, createKernelTypes(new Btf(new Uint8Array(vmlinux))));
      if (inlined !== undefined) {
        expect(got).toEqual(inlined.insns);
        return;
      }
      expect(got.map(({ code }) => code)).toEqual([CALL]);
      const [symbol = 0n, base = 0n] = placesOf(kallsyms, [map.def.opSymbols?.lookup ?? '', CALL_BASE]);
      if (symbol === 0n || base === 0n) {
        context.skip('the running kernel does not show where its functions are');
        return;
      }
      expect(got[0]?.imm).toBe(Number(BigInt.asIntN(32, symbol - base)));
    });
  }
});
