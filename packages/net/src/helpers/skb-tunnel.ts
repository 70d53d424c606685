// SPDX-License-Identifier: MIT
// Keys and options of tunnels, and associations. @see net/core/filter.c, bpf_skb_get_tunnel_key and its siblings
import { EINVAL, ENOENT, ENOMEM, EPROTO } from '@tsbpf/uapi';
import { defineHelper, type HelperRow, type KernelServices } from '@tsbpf/core';
import { Skb } from '../skb/skb.ts';
import { INET, INET6 } from '../world/prefix.ts';
import { secPathOf } from '../world/sec-path.ts';
import {
  cpuTunnel,
  MAX_TUNNEL_OPTIONS,
  setTunnelInfo,
  TUNNEL_CSUM,
  TUNNEL_DONT_FRAGMENT,
  TUNNEL_KEY,
  TUNNEL_NOCACHE,
  TUNNEL_OPTIONS_PRESENT,
  TUNNEL_SEQ,
  tunnelInfoOf,
} from '../world/tunnel.ts';

/** `struct bpf_tunnel_key`, and the sizes it had before. @see include/uapi/linux/bpf.h */
const KEY = { id: 0, remote: 4, tos: 20, ttl: 21, ext: 22, label: 24, size: 28 } as const;
const WITHOUT_IPV6 = 8;
const OLDER: readonly number[] = [WITHOUT_IPV6, KEY.ext, KEY.label];
/** `struct bpf_xfrm_state`. */
const XFRM = { reqid: 0, spi: 4, family: 8, remote: 12, size: 28 } as const;

const F_IPV6 = 1;
const F_ZERO_CSUM = 2;
const F_DONT_FRAGMENT = 4;
const F_SEQ = 8;
const LABEL_MASK = 0xfffff;

/** Bytes of an IPv4 address in memory as a number of the host. */
const reversed = (bytes: Uint8Array): Uint8Array => bytes.slice().reverse();

/** A key as programs see it; -errno. */
function readKey(skb: Skb, size: number, flags: { low: number; high: number }): Uint8Array | number {
  const info = tunnelInfoOf(skb);
  if (info === undefined || flags.high !== 0 || (flags.low & ~F_IPV6) !== 0) return -EINVAL;
  const v6 = (flags.low & F_IPV6) !== 0;
  if ((info.family === INET6) !== v6) return -EPROTO;
  if (size !== KEY.size && !OLDER.includes(size)) return -EINVAL;
  if (size === WITHOUT_IPV6 && v6) return -EINVAL;
  const out = new Uint8Array(KEY.size);
  const view = new DataView(out.buffer);
  view.setUint32(KEY.id, Number(BigInt.asUintN(32, info.id)), true);
  out[KEY.tos] = info.tos;
  out[KEY.ttl] = info.ttl;
  out.set(v6 ? info.src : reversed(info.src), KEY.remote);
  if (v6) view.setUint32(KEY.label, info.label, true);
  return out.subarray(0, size);
}

function setKey(
  kernel: KernelServices,
  skb: Skb,
  from: { off: number; size: number; flags: number; high: number },
): number {
  const { off, size, flags, high } = from;
  if (high !== 0 || (flags & ~(F_IPV6 | F_ZERO_CSUM | F_DONT_FRAGMENT | F_SEQ)) !== 0) return -EINVAL;
  if (size !== KEY.size && !OLDER.includes(size)) return -EINVAL;
  const key = new Uint8Array(KEY.size);
  key.set(kernel.mem.readBytes(off, size));
  const view = new DataView(key.buffer);
  const v6 = (flags & F_IPV6) !== 0;
  const label = view.getUint32(KEY.label, true);
  if ((!v6 && label !== 0) || view.getUint16(KEY.ext, true) !== 0) return -EINVAL;
  const info = cpuTunnel(kernel);
  setTunnelInfo(skb, info);
  info.clear();
  info.sending = true;
  info.family = v6 ? INET6 : INET;
  info.flags =
    TUNNEL_KEY |
    TUNNEL_NOCACHE |
    ((flags & F_ZERO_CSUM) === 0 ? TUNNEL_CSUM : 0) |
    ((flags & F_DONT_FRAGMENT) === 0 ? 0 : TUNNEL_DONT_FRAGMENT) |
    ((flags & F_SEQ) === 0 ? 0 : TUNNEL_SEQ);
  info.id = BigInt(view.getUint32(KEY.id, true));
  info.tos = key[KEY.tos] ?? 0;
  info.ttl = key[KEY.ttl] ?? 0;
  info.label = v6 ? label & LABEL_MASK : 0;
  info.dst = v6 ? key.subarray(KEY.remote, KEY.remote + 16) : reversed(key.subarray(KEY.remote, KEY.remote + 4));
  return 0;
}

/** Options as programs see them; -errno. */
function readOptions(skb: Skb, room: number): Uint8Array | number {
  const info = tunnelInfoOf(skb);
  if (info === undefined || (info.flags & TUNNEL_OPTIONS_PRESENT) === 0) return -ENOENT;
  const { options } = info;
  return room < options.length ? -ENOMEM : options;
}

/** Writes what was found, and zeroes behind it; the result where it is an error, or `ret`. */
function hand(kernel: KernelServices, to: { off: number; size: number }, found: Uint8Array | number): number {
  kernel.mem.fill(to.off, to.size, 0);
  if (typeof found === 'number') return found;
  kernel.mem.writeBytes(to.off, found);
  return 0;
}

/** Helpers about tunnels and associations. */
export const skbTunnelHelpers: readonly HelperRow[] = [
  defineHelper('bpf_skb_get_tunnel_key', {
    retWidth: 'sext',
    wideArgs: [4],
    call({ kernel, argHi }, ctx, to, size, flags) {
      const found = readKey(new Skb(kernel, ctx), size >>> 0, { low: flags, high: argHi[4] ?? 0 });
      return hand(kernel, { off: to >>> 0, size: size >>> 0 }, found);
    },
  }),
  defineHelper('bpf_skb_set_tunnel_key', {
    retWidth: 'sext',
    wideArgs: [4],
    call: ({ kernel, argHi }, ctx, from, size, flags) =>
      setKey(kernel, new Skb(kernel, ctx), { off: from >>> 0, size: size >>> 0, flags, high: argHi[4] ?? 0 }),
  }),
  defineHelper('bpf_skb_get_tunnel_opt', {
    retWidth: 'sext',
    call({ kernel }, ctx, to, size) {
      const found = readOptions(new Skb(kernel, ctx), size >>> 0);
      const err = hand(kernel, { off: to >>> 0, size: size >>> 0 }, found);
      return typeof found === 'number' ? err : found.length;
    },
  }),
  defineHelper('bpf_skb_set_tunnel_opt', {
    retWidth: 'sext',
    call({ kernel }, ctx, from, size) {
      const info = tunnelInfoOf(new Skb(kernel, ctx));
      const len = size >>> 0;
      // Only of the metadata that this CPU's programs have set.
      if (info?.off !== cpuTunnel(kernel).off || len % 4 !== 0) return -EINVAL;
      if (len > MAX_TUNNEL_OPTIONS) return -ENOMEM;
      info.options = kernel.mem.readBytes(from >>> 0, len);
      info.flags |= TUNNEL_OPTIONS_PRESENT;
      return 0;
    },
  }),
  defineHelper('bpf_skb_get_xfrm_state', {
    retWidth: 'sext',
    wideArgs: [5],
    call({ kernel, argHi }, ctx, index, to, size, flags) {
      const state = secPathOf(new Skb(kernel, ctx))?.[index >>> 0];
      const fine = flags === 0 && argHi[5] === 0 && size >>> 0 === XFRM.size;
      if (state === undefined || !fine) return hand(kernel, { off: to >>> 0, size: size >>> 0 }, -EINVAL);
      const out = new Uint8Array(XFRM.size);
      const view = new DataView(out.buffer);
      view.setUint32(XFRM.reqid, state.reqid, true);
      out.set(state.spiBytes, XFRM.spi);
      view.setUint16(XFRM.family, state.src.length === 4 ? INET : INET6, true);
      out.set(state.src, XFRM.remote);
      return hand(kernel, { off: to >>> 0, size: XFRM.size }, out);
    },
  }),
];
