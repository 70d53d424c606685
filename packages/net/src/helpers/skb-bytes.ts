// SPDX-License-Identifier: MIT
// Copying bytes of packets, and making them writable. @see net/core/filter.c
import { EFAULT, EINVAL } from '@tsbpf/uapi';
import { defineHelper, type HelperFn, type HelperRow, type KernelServices } from '@tsbpf/core';
import { readPointer } from '../dev/pointer.ts';
import { afterPull, afterPush } from '../skb/receive-csum.ts';
import { clearHash } from '../skb/hash.ts';
import { Skb } from '../skb/skb.ts';

/** No packet is longer, so no offset is larger. */
export const MAX_OFFSET = 0xffff;

const BPF_F_RECOMPUTE_CSUM = 1;
const BPF_F_INVALIDATE_HASH = 2;
const BPF_HDR_START_MAC = 0;
const BPF_HDR_START_NET = 1;

/** Copies from a packet's data to a program's memory, which is zeroed where the packet is too short. */
function loadBytes(kernel: KernelServices, skb: Skb | undefined, offset: number, to: number, lenBytes: number): number {
  if (skb === undefined || offset > MAX_OFFSET || offset + lenBytes > skb.len) {
    kernel.mem.fill(to, lenBytes, 0);
    return -EFAULT;
  }
  kernel.mem.copy(to, skb.data + offset, lenBytes);
  return 0;
}

/** Where a header begins, or undefined where it is not known or there is none of that number. */
function headerStart(skb: Skb, which: number): number | undefined {
  if (which === BPF_HDR_START_NET) return skb.head + skb.header('network_header');
  return which === BPF_HDR_START_MAC && skb.headerSet('mac_header') ? skb.head + skb.header('mac_header') : undefined;
}

const loadRelative =
  (skbOf: (kernel: KernelServices, ctx: number) => Skb): HelperFn =>
  ({ kernel }, ctx, off, toOff, len, which) => {
    const skb = skbOf(kernel, ctx);
    const offset = off >>> 0;
    const to = toOff >>> 0;
    const start = headerStart(skb, which >>> 0);
    if (offset > MAX_OFFSET || start === undefined || start + offset + (len >>> 0) > skb.tail) {
      kernel.mem.fill(to, len >>> 0, 0);
      return -EFAULT;
    }
    kernel.mem.copy(to, start + offset, len >>> 0);
    return 0;
  };

/** The sk_buff that a structure of another program type's context points at; undefined for NULL. */
function skbIn(kernel: KernelServices, ctx: number, member: string): Skb | undefined {
  const off = readPointer(kernel.mem, (ctx >>> 0) + kernel.types.resolve(member).off);
  return off === 0 ? undefined : new Skb(kernel, off);
}

/** The first bytes (0: all) become writable; programs of sockmaps keep data_end elsewhere. */
const pullData =
  (refresh: (skb: Skb) => void): HelperFn =>
  ({ kernel }, ctx, len) => {
    const skb = new Skb(kernel, ctx);
    const err = skb.ensureWritable(len === 0 ? skb.len : len >>> 0);
    refresh(skb);
    return err;
  };

/** Helpers that move bytes between packets and programs. */
export const skbBytesHelpers: readonly HelperRow[] = [
  defineHelper('bpf_skb_load_bytes', {
    retWidth: 'sext',
    call: ({ kernel }, ctx, off, to, len) => loadBytes(kernel, new Skb(kernel, ctx), off >>> 0, to >>> 0, len >>> 0),
  }),
  defineHelper('bpf_flow_dissector_load_bytes', {
    retWidth: 'sext',
    call: ({ kernel }, ctx, off, to, len) =>
      loadBytes(kernel, skbIn(kernel, ctx, 'bpf_flow_dissector.skb'), off >>> 0, to >>> 0, len >>> 0),
  }),
  defineHelper('sk_reuseport_load_bytes', {
    retWidth: 'sext',
    call: ({ kernel }, ctx, off, to, len) =>
      loadBytes(kernel, skbIn(kernel, ctx, 'sk_reuseport_kern.skb'), off >>> 0, to >>> 0, len >>> 0),
  }),
  defineHelper('bpf_skb_load_bytes_relative', {
    retWidth: 'sext',
    call: loadRelative((kernel, ctx) => new Skb(kernel, ctx)),
  }),
  defineHelper('sk_reuseport_load_bytes_relative', {
    retWidth: 'sext',
    call: loadRelative((kernel, ctx) => skbIn(kernel, ctx, 'sk_reuseport_kern.skb') ?? new Skb(kernel, 0)),
  }),
  defineHelper('bpf_skb_store_bytes', {
    retWidth: 'sext',
    wideArgs: [5],
    call({ kernel, argHi }, ctx, off, fromOff, len, flags) {
      const skb = new Skb(kernel, ctx);
      const offset = off >>> 0;
      const lenBytes = len >>> 0;
      if (argHi[5] !== 0 || (flags & ~(BPF_F_RECOMPUTE_CSUM | BPF_F_INVALIDATE_HASH)) !== 0) return -EINVAL;
      if (offset > MAX_OFFSET) return -EFAULT;
      const err = skb.ensureWritable(offset + lenBytes);
      skb.computeDataPointers();
      if (err < 0) return -EFAULT;
      const at = skb.data + offset;
      const recompute = (flags & BPF_F_RECOMPUTE_CSUM) !== 0;
      if (recompute) afterPull(skb, at, lenBytes, offset);
      kernel.mem.copy(at, fromOff >>> 0, lenBytes);
      if (recompute) afterPush(skb, at, lenBytes, offset);
      if ((flags & BPF_F_INVALIDATE_HASH) !== 0) clearHash(skb);
      return 0;
    },
  }),
  defineHelper('bpf_skb_pull_data', { retWidth: 'sext', call: pullData((skb) => skb.computeDataPointers()) }),
  defineHelper('sk_skb_pull_data', { retWidth: 'sext', call: pullData((skb) => skb.computeSkSkbDataEnd()) }),
];
