// SPDX-License-Identifier: MIT
// Choosing the socket that gets a message, for programs of socket maps. @see net/core/sock_map.c, bpf_sk_redirect_map
import { SK_DROP, SK_PASS } from '@tsbpf/uapi';
import { defineHelper, type HelperCall, type HelperRow } from '@tsbpf/core';
import { writePointer } from '../dev/pointer.ts';
import { readPointer } from '../dev/pointer.ts';
import type { SockHash } from '../maps/sockhash.ts';
import type { SockMap } from '../maps/sockmap.ts';
import { SkMsg } from '../stream/sk-msg.ts';
import { BPF_F_INGRESS } from '../stream/skb-verdict.ts';
import { redirectPlace } from '../stream/stream-skb.ts';

/** The socket at an index; 0 for none. */
function inSockMap({ kernel }: HelperCall, mapOff: number, index: number): number {
  const map = kernel.objects.get<SockMap>(mapOff >>> 0, 'map');
  const slot = map?.slot(index >>> 0) ?? 0;
  return slot === 0 ? 0 : readPointer(kernel.mem, slot);
}

/** The socket under a key in memory; 0 for none. */
function inSockHash({ kernel }: HelperCall, mapOff: number, keyOff: number): number {
  const map = kernel.objects.get<SockHash>(mapOff >>> 0, 'map');
  const elem = map?.find(keyOff >>> 0) ?? 0;
  return map === undefined || elem === 0 ? 0 : map.sock(elem);
}

type Find = typeof inSockMap;
const badFlags = ({ argHi }: HelperCall, flags: number): boolean => argHi[4] !== 0 || (flags & ~BPF_F_INGRESS) !== 0;

const redirectSkb =
  (find: Find) =>
  (call: HelperCall, ctx: number, map: number, key: number, flags: number): number => {
    if (badFlags(call, flags)) return SK_DROP;
    const { mem } = call.kernel;
    const place = redirectPlace(call.kernel, ctx >>> 0);
    const sk = find(call, map, key);
    mem.write32(place.flags, flags);
    writePointer(mem, place.sk, sk);
    return sk === 0 ? SK_DROP : SK_PASS;
  };

const redirectMsg =
  (find: Find) =>
  (call: HelperCall, ctx: number, map: number, key: number, flags: number): number => {
    if (badFlags(call, flags)) return SK_DROP;
    const msg = new SkMsg(call.kernel, ctx);
    const sk = find(call, map, key);
    msg.set('flags', flags);
    msg.setPointer('sk_redir', sk);
    return sk === 0 ? SK_DROP : SK_PASS;
  };

/** Helpers of stream verdicts and message programs that redirect. */
export const skRedirectHelpers: readonly HelperRow[] = [
  defineHelper('bpf_sk_redirect_map', { retWidth: 'sext', wideArgs: [4], call: redirectSkb(inSockMap) }),
  defineHelper('bpf_sk_redirect_hash', { retWidth: 'sext', wideArgs: [4], call: redirectSkb(inSockHash) }),
  defineHelper('bpf_msg_redirect_map', { retWidth: 'sext', wideArgs: [4], call: redirectMsg(inSockMap) }),
  defineHelper('bpf_msg_redirect_hash', { retWidth: 'sext', wideArgs: [4], call: redirectMsg(inSockHash) }),
];
