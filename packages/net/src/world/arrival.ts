// SPDX-License-Identifier: MIT
// Packets that arrive out of a tunnel, or opened by security associations.
import { EINVAL, UsageError } from '@tsbpf/uapi';
import type { NetDevice } from '../dev/device.ts';
import { receiveSkb, type IngressOutcome } from '../dev/receive-skb.ts';
import { skbWith } from '../dev/receive.ts';
import { ETH_HLEN } from '../xdp/xdp-buff.ts';
import { makeSecPath, setSecPath, type XfrmState } from './sec-path.ts';
import { setTunnelInfo, TunnelInfo, type TunnelKey } from './tunnel.ts';

/** How a packet came. */
export interface Arrival {
  /** The header of the tunnel it came by, whose device keeps no addresses of its own (`external`). */
  readonly tunnel?: TunnelKey;
  /** The associations that opened it, outermost last. */
  readonly secPath?: readonly XfrmState[];
}

/**
 * A frame comes out of a tunnel at a device, past its ingress classifiers. What they said; undefined without any.
 * @errno EINVAL UsageError: less than an Ethernet header @errno ENOMEM UsageError
 */
export function receiveArrival(device: NetDevice, frame: Uint8Array, arrival: Arrival): IngressOutcome | undefined {
  const { net } = device;
  const { kernel } = net;
  if (frame.length < ETH_HLEN) {
    throw new UsageError(`a frame has at least an Ethernet header of ${ETH_HLEN} bytes, not ${frame.length}`, {
      errno: EINVAL,
    });
  }
  kernel.rcu.enter();
  const held: number[] = [];
  try {
    const skb = skbWith(device, frame, new Uint8Array(0));
    if (arrival.tunnel !== undefined) {
      const info = TunnelInfo.alloc(kernel);
      held.push(info.off);
      info.fill(arrival.tunnel);
      setTunnelInfo(skb, info);
    }
    if (arrival.secPath !== undefined) {
      const path = makeSecPath(kernel, arrival.secPath);
      held.push(path);
      setSecPath(skb, path);
    }
    return receiveSkb(device, skb);
  } finally {
    net.drainBacklog();
    for (const off of held) kernel.mem.free(off);
    kernel.rcu.exit();
  }
}
