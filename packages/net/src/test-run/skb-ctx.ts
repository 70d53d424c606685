// SPDX-License-Identifier: MIT
// The `__sk_buff` that a test run takes and gives. @see net/bpf/test_run.c, convert___skb_to_skb
import { E2BIG, EINVAL, ENOSPC, type TestRunAttr } from '@tsbpf/uapi';
import type { Skb } from '../skb/skb.ts';

/** Bytes of `struct __sk_buff`. */
export const SKB_CTX_SIZE = 176;
const PAGE_SIZE = 4096;
const GSO_MAX_SIZE = 65536;
const GSO_MAX_SEGS = 65535;

const MARK = 8;
const PRIORITY = 32;
const CB = 48;
const CB_SIZE = 20;
const TSTAMP = 152;
const WIRE_LEN = 160;
const GSO_SEGS = 164;
/** Ranges that must be zero: all but the fields above. */
const UNUSED: readonly (readonly [from: number, to: number])[] = [
  [0, MARK],
  [MARK + 4, PRIORITY],
  [PRIORITY + 4, CB],
  [CB + CB_SIZE, TSTAMP],
  [GSO_SEGS + 4, SKB_CTX_SIZE],
];

/**
 * The context the user gave, in full length; undefined where neither a context was given nor one is wanted.
 * @errno E2BIG it is longer than the structure and not zero there, or longer than a page
 */
export function readCtx(attr: TestRunAttr, sizeBytes: number): Uint8Array | number | undefined {
  if (attr.ctx_in === undefined && attr.ctx_out === undefined) return undefined;
  const ctx = new Uint8Array(sizeBytes);
  const given = attr.ctx_in ?? new Uint8Array(0);
  if (given.length > PAGE_SIZE || given.subarray(sizeBytes).some((byte) => byte !== 0)) return -E2BIG;
  ctx.set(given.subarray(0, sizeBytes));
  return ctx;
}

/** Hands the context back. 0 or -ENOSPC: what fits was copied. */
export function writeCtx(attr: TestRunAttr, ctx: Uint8Array | undefined): number {
  if (ctx === undefined || attr.ctx_out === undefined) return 0;
  const room = attr.ctx_out.length;
  attr.ctx_out.set(ctx.subarray(0, room));
  attr.ctx_size_out = ctx.length;
  return ctx.length > room ? -ENOSPC : 0;
}

/** Gives the sk_buff what the context says. 0 or -EINVAL. */
export function applyCtx(skb: Skb, ctx: Uint8Array | undefined): number {
  if (ctx === undefined) return 0;
  const view = new DataView(ctx.buffer);
  if (UNUSED.some(([from, to]) => ctx.subarray(from, to).some((byte) => byte !== 0))) return -EINVAL;
  const { mem } = skb.kernel;
  const { cb, at } = skb.layout;
  skb.set('mark', view.getUint32(MARK, true));
  skb.set('priority', view.getUint32(PRIORITY, true));
  mem.write64(skb.off + at.tstamp, view.getBigUint64(TSTAMP, true));
  mem.writeBytes(skb.off + cb.scratch, ctx.subarray(CB, CB + CB_SIZE));
  const wireLen = view.getUint32(WIRE_LEN, true);
  if (wireLen !== 0 && (wireLen < skb.len || wireLen > GSO_MAX_SIZE)) return -EINVAL;
  mem.write32(skb.off + cb.pktLen, wireLen === 0 ? skb.len : wireLen);
  const segs = view.getUint32(GSO_SEGS, true);
  if (segs > GSO_MAX_SEGS) return -EINVAL;
  mem.write16(skb.info + skb.layout.info.gsoSegs, segs);
  return 0;
}

/** Tells the context what became of the sk_buff; other fields stay as given. */
export function updateCtx(skb: Skb, ctx: Uint8Array | undefined): void {
  if (ctx === undefined) return;
  const view = new DataView(ctx.buffer);
  const { mem } = skb.kernel;
  const { cb, at, info } = skb.layout;
  view.setUint32(MARK, skb.get('mark'), true);
  view.setUint32(PRIORITY, skb.get('priority'), true);
  view.setBigUint64(TSTAMP, mem.read64(skb.off + at.tstamp), true);
  ctx.set(mem.readBytes(skb.off + cb.scratch, CB_SIZE), CB);
  view.setUint32(WIRE_LEN, mem.read32(skb.off + cb.pktLen), true);
  view.setUint32(GSO_SEGS, mem.read16(skb.info + info.gsoSegs), true);
}
