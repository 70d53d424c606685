// SPDX-License-Identifier: MIT
import type { Insn } from '@tsbpf/insn';
import {
  BPF_PSEUDO_BTF_ID,
  BPF_PSEUDO_KFUNC_CALL,
  BPF_PSEUDO_MAP_FD,
  BPF_PSEUDO_MAP_VALUE,
  InternalError,
} from '@tsbpf/uapi';
import type { BpfMap } from '../handle/map.ts';
import type { ExternSpec, MapSpec } from '../open/spec.ts';
import { poison } from './core-patch.ts';
import type { KsymAddress } from './ksyms.ts';
import type { LateRelo } from './link.ts';

/** Helper numbers that no kernel has, for references to what is not there. */
export const POISON_MAP_BASE = 2001000000;
export const POISON_KFUNC_BASE = 2002000000;

export interface RelocateContext {
  readonly maps: readonly BpfMap[];
  readonly mapOf: ReadonlyMap<MapSpec, BpfMap>;
  readonly externs: readonly ExternSpec[];
  readonly ksyms: ReadonlyMap<ExternSpec, KsymAddress>;
}

const low = (value: bigint): number => Number(BigInt.asIntN(32, value));

/** Puts fds, addresses and BTF ids into a program's instructions. */
export function relocateLate(insns: Insn[], relos: readonly LateRelo[], ctx: RelocateContext): void {
  const load = (idx: number, src: number, first: number, second: number): void => {
    insns[idx] = { ...insns[idx], src, imm: first };
    insns[idx + 1] = { ...insns[idx + 1], imm: second };
  };
  const handle = (spec: MapSpec): BpfMap => {
    const map = ctx.mapOf.get(spec);
    if (map === undefined) throw new InternalError(`loader: map ${spec.name} has no handle`);
    return map;
  };
  for (const relo of relos) {
    const idx = relo.insnIdx;
    switch (relo.kind) {
      case 'map':
      case 'data': {
        const map = handle(relo.map);
        if (!map.autocreate) poison(insns, idx, POISON_MAP_BASE + ctx.maps.indexOf(map));
        else if (relo.kind === 'map') load(idx, BPF_PSEUDO_MAP_FD, map.fd, insns[idx + 1].imm);
        else load(idx, BPF_PSEUDO_MAP_VALUE, map.fd, relo.symOff | 0);
        break;
      }
      case 'extern': {
        const { where } = relo.ext;
        if (where.sec === 'kconfig') {
          const map = ctx.maps.find((m) => m.kind === 'kconfig');
          if (map === undefined) throw new InternalError('loader: no .kconfig map');
          load(idx, BPF_PSEUDO_MAP_VALUE, map.fd, where.dataOff);
          break;
        }
        const found = ctx.ksyms.get(relo.ext);
        if (found === undefined) load(idx, 0, 0, 0);
        else if (found.kind === 'btf') load(idx, BPF_PSEUDO_BTF_ID, found.typeId, found.objFd);
        else load(idx, 0, low(found.addr), low(found.addr >> 32n));
        break;
      }
      case 'externCall': {
        const found = ctx.ksyms.get(relo.ext);
        if (found?.kind === 'btf') {
          insns[idx] = { ...insns[idx], src: BPF_PSEUDO_KFUNC_CALL, imm: found.typeId, off: 0 };
        } else poison(insns, idx, POISON_KFUNC_BASE + ctx.externs.indexOf(relo.ext));
        break;
      }
    }
  }
}
