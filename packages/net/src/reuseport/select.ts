// SPDX-License-Identifier: MIT
// Choosing one of the sockets that share a port. @see net/core/sock_reuseport.c, reuseport_select_sock
import { BPF_PROG_TYPE_SK_REUSEPORT, SK_PASS } from '@tsbpf/uapi';
import type { KernelServices } from '@tsbpf/core';
import { readField, writeField, writePointerField } from '../dev/fields.ts';
import { readPointer } from '../dev/pointer.ts';
import type { Skb } from '../skb/skb.ts';
import { groupOf, type ReuseportGroup } from './group.ts';

const TCP_ESTABLISHED = 1;

/** A packet looks for a socket. */
export interface Arrival {
  /** Its data begins at the transport header. Undefined for lookups by programs. */
  readonly skb: Skb | undefined;
  /** Of addresses and ports; 32 bits. */
  readonly hash: number;
  /** Bytes of the transport header, which socket filters do not see. */
  readonly headerLen: number;
}

/** The socket a program chose: 0 for none, undefined where the packet is refused. */
function askProgram(kernel: KernelServices, group: ReuseportGroup, sk: number, arrival: Arrival): number | undefined {
  const { mem, types } = kernel;
  const { skb, hash } = arrival;
  const ctx =
    skb === undefined ? 0 : mem.alloc(types.sizeOf('sk_reuseport_kern'), { kind: 'ctx', name: 'sk_reuseport_kern' });
  if (skb === undefined || group.prog === undefined || ctx === 0) return 0;
  const set = (member: string, target: number): void =>
    writePointerField(kernel, ctx, `sk_reuseport_kern.${member}`, target);
  set('skb', skb.off);
  set('sk', sk);
  set('data_end', skb.data + skb.len);
  writeField(kernel, ctx, 'sk_reuseport_kern.hash', hash);
  writeField(kernel, ctx, 'sk_reuseport_kern.reuseport_id', group.id);
  writeField(kernel, ctx, 'sk_reuseport_kern.bind_inany', group.bindInany ? 1 : 0);
  const action = kernel.runProg(group.prog, ctx);
  const selected = readPointer(mem, ctx + types.resolve('sk_reuseport_kern.selected_sk').off);
  mem.free(ctx);
  return action === SK_PASS ? selected : undefined;
}

/** A socket filter answers the index of a socket; others than there are choose none. */
function askFilter(kernel: KernelServices, group: ReuseportGroup, { skb, headerLen }: Arrival): number {
  if (skb === undefined || group.prog === undefined || skb.len < headerLen) return 0;
  const scratch = skb.off + skb.layout.cb.scratch;
  const saved = kernel.mem.readBytes(scratch, 20);
  skb.pull(headerLen);
  const index = kernel.runProg(group.prog, skb.off);
  skb.push(headerLen);
  kernel.mem.writeBytes(scratch, saved);
  return group.socks[index] ?? 0;
}

/** Scales a hash to below `count`. @see reciprocal_scale */
function scale(hash: number, count: number): number {
  return Math.floor(((hash >>> 0) * count) / 2 ** 32);
}

/** By the hash, past sockets that are connected; 0 where all are. */
function byHash(kernel: KernelServices, { socks }: ReuseportGroup, hash: number): number {
  const from = scale(hash, socks.length);
  for (let i = 0; i < socks.length; i++) {
    const sk = socks[(from + i) % socks.length] ?? 0;
    if (readField(kernel, sk, 'sock_common.skc_state') !== TCP_ESTABLISHED) return sk;
  }
  return 0;
}

/** The socket of `sk`'s group that gets what arrives; `sk` itself without a group. Undefined: a program refused it. */
export function selectSock(kernel: KernelServices, sk: number, arrival: Arrival): number | undefined {
  const group = groupOf(kernel, sk);
  if (group === undefined) return sk;
  let chosen: number | undefined = 0;
  if (group.prog !== undefined && arrival.skb !== undefined) {
    const own = group.prog.type === BPF_PROG_TYPE_SK_REUSEPORT;
    chosen = own ? askProgram(kernel, group, sk, arrival) : askFilter(kernel, group, arrival);
  }
  if (chosen === undefined) return undefined;
  return chosen || byHash(kernel, group, arrival.hash) || sk;
}
