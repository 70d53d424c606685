// SPDX-License-Identifier: MIT
// Loads and stores of kernel structures by the name of a member, for context rewrites.
import { BPF_B, BPF_DW, BPF_H, BPF_W, ENOENT, NotSupportedError } from '@tsbpf/uapi';
import { ldxMem, stxMem, type Insn } from '@tsbpf/insn';
import type { CtxAccess, CtxRewrite, KernelField, KernelTypes } from '@tsbpf/core';

const SIZE_CODES: Readonly<Record<number, number>> = { 1: BPF_B, 2: BPF_H, 4: BPF_W, 8: BPF_DW };

/** The register the verifier keeps for its own rewrites; programs cannot name it. */
export const REG_AX = 11;

/** The opcode's size bits for an access of `size` bytes. */
export function sizeCode(size: number): number {
  const code = SIZE_CODES[size];
  if (code === undefined) {
    throw new NotSupportedError(`a member of ${size} bytes cannot be loaded by one instruction`, {
      errno: ENOENT,
      feature: `context rewrite of ${size} bytes`,
    });
  }
  return code;
}

/** A member, or a place inside one. */
export type Place = string | { readonly off: number; readonly size: number };

function at(types: KernelTypes, place: Place): { off: number; size: number } | KernelField {
  return typeof place === 'string' ? types.resolve(place) : place;
}

/** dst = *(member *)(src + its offset). */
export function load(types: KernelTypes, place: Place, dst: number, src: number): Insn {
  const { off, size } = at(types, place);
  return ldxMem(sizeCode(size), dst, src, off);
}

/** *(member *)(dst + its offset) = src. */
export function store(types: KernelTypes, place: Place, dst: number, src: number): Insn {
  const { off, size } = at(types, place);
  return stxMem(sizeCode(size), dst, src, off);
}

/** A chain of pointer loads through one register: `['xdp_buff.rxq', 'xdp_rxq_info.dev', 'net_device.ifindex']`. */
export function loadChain(access: CtxAccess, ...places: Place[]): CtxRewrite {
  const { insn, types } = access;
  const insns = places.map((place, i) => load(types, place, insn.dst, i === 0 ? insn.src : insn.dst));
  const last = places.at(-1);
  return { insns, targetSize: last === undefined ? 0 : at(types, last).size };
}

/** A plain load or store of one member. */
export function loadOrStore(access: CtxAccess, place: Place): CtxRewrite {
  if (!access.write) return loadChain(access, place);
  const { insn, types } = access;
  return { insns: [store(types, place, insn.dst, insn.src)], targetSize: 0 };
}

/** What makes the verifier say that it is misconfigured: the access was let pass, and no member starts there. */
export const NO_REWRITE: CtxRewrite = { insns: [], targetSize: 0 };

/** The member `inner` of the structure that a path's array of bytes is used as, such as skb's `cb`. */
export function inside(types: KernelTypes, path: string, inner: string): { off: number; size: number } {
  const field = types.resolve(inner);
  return { off: types.resolve(path).off + field.off, size: field.size };
}
