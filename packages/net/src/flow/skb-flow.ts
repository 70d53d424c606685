// SPDX-License-Identifier: MIT
// Finding the headers of an sk_buff for its hash. @see net/core/flow_dissector.c, __skb_flow_dissect
import type { KernelServices } from '@tsbpf/core';
import type { NetDevice } from '../dev/device.ts';
import type { Sock } from '../sock/sock.ts';
import type { NetNamespace } from '../dev/namespace.ts';
import type { Skb } from '../skb/skb.ts';
import { flowDissectorFor } from './attached.ts';
import { dissect, dissectorPlace, KEYS_SIZE } from './dissect.ts';

/** What a flow dissector found. Offsets are from the beginning of the packet's data. */
export interface FlowKeys {
  /** The program answered BPF_OK. */
  readonly found: boolean;
  readonly nhoff: number;
  readonly thoff: number;
  /** ETH_P_IP, ETH_P_IPV6, or 0: which addresses there are. In network order, as `nProto` is. */
  readonly addrProto: number;
  readonly isFrag: boolean;
  readonly isFirstFrag: boolean;
  readonly isEncap: boolean;
  readonly ipProto: number;
  readonly nProto: number;
  readonly sport: number;
  readonly dport: number;
  readonly src: Uint8Array;
  readonly dst: Uint8Array;
  readonly flowLabel: number;
}

const ETH_P_IP = 0x0800;

function keysOf(bytes: Uint8Array, found: boolean): FlowKeys {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const addrProto = view.getUint16(4, true);
  const v4 = addrProto === ETH_P_IP;
  return {
    found,
    nhoff: view.getUint16(0, true),
    thoff: view.getUint16(2, true),
    addrProto,
    isFrag: bytes[6] !== 0,
    isFirstFrag: bytes[7] !== 0,
    isEncap: bytes[8] !== 0,
    ipProto: bytes[9] ?? 0,
    nProto: view.getUint16(10, false),
    sport: view.getUint16(12, false),
    dport: view.getUint16(14, false),
    src: v4 ? bytes.slice(16, 20) : bytes.slice(16, 32),
    dst: v4 ? bytes.slice(20, 24) : bytes.slice(32, 48),
    flowLabel: view.getUint32(52, false),
  };
}

function namespaceOf(kernel: KernelServices, skb: Skb): NetNamespace | undefined {
  if (skb.dev !== 0) return kernel.objects.get<NetDevice>(skb.dev, 'netdev')?.netns;
  return skb.sk === 0 ? undefined : kernel.objects.get<Sock>(skb.sk, 'sock')?.netns;
}

/** What the namespace's program finds in an sk_buff; undefined where there is no program. */
export function dissectSkb(skb: Skb): FlowKeys | undefined {
  const { kernel } = skb;
  const netns = namespaceOf(kernel, skb);
  const prog = netns === undefined ? undefined : flowDissectorFor(kernel, netns);
  if (prog === undefined) return undefined;
  const place = dissectorPlace(kernel, { skb: skb.off, data: skb.data, lenBytes: skb.len });
  if (place === undefined) return undefined;
  const nhoff = skb.headerOffset('network_header');
  const found = dissect(kernel, prog, place, { nhoff, lenBytes: skb.len, proto: skb.protocol, flags: 0 });
  const keys = keysOf(kernel.mem.readBytes(place.keys, KEYS_SIZE), found);
  place.free();
  return keys;
}
