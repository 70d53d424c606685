// SPDX-License-Identifier: MIT
import type { BpfMap, MapTypeDef } from '@tsbpf/core';
import type { NetDevice } from '../dev/device.ts';
import type { XdpBuff } from './xdp-buff.ts';

/** What a redirect is carried out with. */
export interface MapRedirect<M extends BpfMap = BpfMap> {
  readonly map: M;
  readonly key: number;
  /** What `redirectTarget` answered. */
  readonly target: number;
  readonly xdp: XdpBuff;
  readonly from: NetDevice;
  /** The packet is an sk_buff's: generic XDP. */
  readonly generic: boolean;
}

/** The operations bpf_redirect_map needs of a map type: device, CPU and AF_XDP socket maps have them. */
export interface RedirectMapDef<M extends BpfMap = BpfMap> extends MapTypeDef<M> {
  /** Offset of the target stored under `key`, or 0: what the helper asks at once. */
  redirectTarget(map: M, key: number): number;
  /** Hands the packet to the target, when the verdict is carried out. 0 or -errno. */
  redirectXmit(redirect: MapRedirect<M>): number;
}

/** The redirect operations of a map's type; undefined where it has none. */
export function redirectOps(map: BpfMap): RedirectMapDef | undefined {
  return 'redirectTarget' in map.def ? (map.def as RedirectMapDef) : undefined;
}
