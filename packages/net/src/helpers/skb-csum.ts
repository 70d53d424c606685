// SPDX-License-Identifier: MIT
// Repairing checksums. @see net/core/filter.c, bpf_l3_csum_replace and its siblings
import { EFAULT, EINVAL, ENOTSUPP } from '@tsbpf/uapi';
import { defineHelper, type HelperRow } from '@tsbpf/core';
import { csumAdd, csumFold, csumPartial, csumSub, replace2, replace4, replaceByDiff } from '../skb/checksum.ts';
import { CHECKSUM_COMPLETE, CHECKSUM_PARTIAL } from '../skb/receive-csum.ts';
import { Skb } from '../skb/skb.ts';
import { MAX_OFFSET } from './skb-bytes.ts';

const BPF_F_HDR_FIELD_MASK = 0xf;
const BPF_F_PSEUDO_HDR = 0x10;
const BPF_F_MARK_MANGLED_0 = 0x20;
const BPF_F_MARK_ENFORCE = 0x40;
/** What a UDP checksum of zero is written as. */
const MANGLED_0 = 0xffff;
/** A program's stack, which bounds what bpf_csum_diff takes. */
const MAX_DIFF = 512;

/** Whether the two bytes of a checksum at `offset` may be written: 0 or -EFAULT. */
function checksumWritable(skb: Skb, offset: number): number {
  if (offset > MAX_OFFSET || (offset & 1) !== 0) return -EFAULT;
  const err = skb.ensureWritable(offset + 2);
  skb.computeDataPointers();
  return err < 0 ? -EFAULT : 0;
}

/** A transport checksum after a change; with a partial one only the pseudo header counts. */
function l4Replace(
  skb: Skb,
  sum: number,
  change: { from: number; to: number; diff: boolean; pseudo: boolean },
): number {
  const { from, to, diff, pseudo } = change;
  const summed = skb.get('ip_summed');
  if (summed === CHECKSUM_PARTIAL) {
    if (!pseudo) return sum;
    return ~csumFold(diff ? csumAdd(to, sum) : csumAdd(csumSub(sum, from), to)) & 0xffff;
  }
  if (summed === CHECKSUM_COMPLETE && pseudo) {
    const csum = skb.get('csum');
    skb.set('csum', ~(diff ? csumAdd(to, ~csum) : csumAdd(csumSub(~csum, from), to)) >>> 0);
  }
  return diff ? replaceByDiff(sum, to) : replace4(sum, from, to);
}

/** Helpers that compute and repair checksums. */
export const skbCsumHelpers: readonly HelperRow[] = [
  defineHelper('bpf_l3_csum_replace', {
    retWidth: 'sext',
    wideArgs: [3, 5],
    call({ kernel, argHi }, ctx, off, from, to, flags) {
      const skb = new Skb(kernel, ctx);
      if (argHi[5] !== 0 || (flags & ~BPF_F_HDR_FIELD_MASK) !== 0) return -EINVAL;
      const offset = off >>> 0;
      const err = checksumWritable(skb, offset);
      if (err < 0) return err;
      const at = skb.data + offset;
      const sum = kernel.mem.read16(at);
      switch (flags) {
        case 0:
          if (from !== 0 || argHi[3] !== 0) return -EINVAL;
          kernel.mem.write16(at, replaceByDiff(sum, to));
          return 0;
        case 2:
          kernel.mem.write16(at, replace2(sum, from, to));
          return 0;
        case 4:
          kernel.mem.write16(at, replace4(sum, from, to));
          return 0;
        default:
          return -EINVAL;
      }
    },
  }),
  defineHelper('bpf_l4_csum_replace', {
    retWidth: 'sext',
    wideArgs: [3, 5],
    call({ kernel, argHi }, ctx, off, from, to, flags) {
      const skb = new Skb(kernel, ctx);
      const known = BPF_F_MARK_MANGLED_0 | BPF_F_MARK_ENFORCE | BPF_F_PSEUDO_HDR | BPF_F_HDR_FIELD_MASK;
      if (argHi[5] !== 0 || (flags & ~known) !== 0) return -EINVAL;
      const offset = off >>> 0;
      const err = checksumWritable(skb, offset);
      if (err < 0) return err;
      const at = skb.data + offset;
      const sum = kernel.mem.read16(at);
      const zeroMeansNone = (flags & BPF_F_MARK_MANGLED_0) !== 0;
      if (zeroMeansNone && (flags & BPF_F_MARK_ENFORCE) === 0 && sum === 0) return 0;
      const pseudo = (flags & BPF_F_PSEUDO_HDR) !== 0;
      const width = flags & BPF_F_HDR_FIELD_MASK;
      if (width === 0 ? from !== 0 || argHi[3] !== 0 : width !== 2 && width !== 4) return -EINVAL;
      const mask = width === 2 ? 0xffff : -1;
      const change = { from: (from & mask) >>> 0, to: (to & mask) >>> 0, diff: width === 0, pseudo };
      const result = l4Replace(skb, sum, change);
      kernel.mem.write16(at, zeroMeansNone && result === 0 ? MANGLED_0 : result);
      return 0;
    },
  }),
  defineHelper('bpf_csum_diff', {
    retWidth: 'words',
    call(call, fromOff, fromLen, toOff, toLen, seed) {
      const { mem } = call.kernel;
      const from = fromLen >>> 0;
      const to = toLen >>> 0;
      if (((from | to) & 3) !== 0 || from + to > MAX_DIFF) {
        call.retHi = -1;
        return -EINVAL;
      }
      call.retHi = 0;
      let sum = 0;
      for (let i = 0; i < from; i += 4) sum = csumAdd(sum, ~mem.read32((fromOff >>> 0) + i));
      return csumAdd(csumPartial(mem, toOff >>> 0, to, sum), seed);
    },
  }),
  defineHelper('bpf_csum_update', {
    retWidth: 'words',
    call(call, ctx, csum) {
      const skb = new Skb(call.kernel, ctx);
      if (skb.get('ip_summed') !== CHECKSUM_COMPLETE) {
        call.retHi = -1;
        return -ENOTSUPP;
      }
      const sum = csumAdd(skb.get('csum'), csum);
      skb.set('csum', sum);
      call.retHi = 0;
      return sum;
    },
  }),
];
