// SPDX-License-Identifier: MIT
import type { NetDevice } from '../dev/device.ts';
import type { Prefix } from './prefix.ts';

/** Tables every namespace has. @see include/uapi/linux/rtnetlink.h */
export const RT_TABLE_DEFAULT = 253;
export const RT_TABLE_MAIN = 254;
export const RT_TABLE_LOCAL = 255;

/** What a route does with packets. */
export type RouteKind =
  'unicast' | 'local' | 'broadcast' | 'anycast' | 'multicast' | 'blackhole' | 'unreachable' | 'prohibit' | 'throw';

/** A lightweight tunnel on a route: what its packets pass. */
export interface LwtState {
  /** `bpf`, `seg6`, `seg6local`, … */
  readonly kind: string;
  /** Bytes it may put in front of a packet. */
  readonly headroom: number;
}

export interface RouteOptions {
  /** `10.0.0.0/8`, `2001:db8::/32`, `default`, `default6`. */
  readonly to: string;
  /** Where packets leave; not needed by routes that send nothing anywhere. */
  readonly dev?: NetDevice;
  /** The next router; of either family. Without one, destinations are on the link. */
  readonly via?: string;
  /** Default `unicast`. */
  readonly kind?: RouteKind;
  /** Default {@link RT_TABLE_MAIN}. */
  readonly table?: number;
  /** The lowest wins. Default 0 for IPv4, 1024 for IPv6. */
  readonly metric?: number;
  /** Of IPv4: the only type of service it is for; 0 for all. */
  readonly tos?: number;
  readonly mtu?: number;
  /** The route's own MTU counts for packets that are forwarded, too. */
  readonly lockMtu?: boolean;
  readonly encap?: LwtState;
}

/** A route in a table. */
export interface Route {
  readonly to: Prefix;
  readonly kind: RouteKind;
  readonly table: number;
  readonly metric: number;
  readonly tos: number;
  readonly dev: NetDevice | undefined;
  /** 4 or 16 bytes; undefined where destinations are on the link. */
  readonly via: Uint8Array | undefined;
  readonly mtu: number | undefined;
  readonly lockMtu: boolean;
  readonly encap: LwtState | undefined;
}

/** A route carries packets only where its device is there, and up. */
export function isAlive({ dev }: Route): boolean {
  return dev === undefined || (dev.net.findDevice(dev.ifindex, dev.netns) === dev && dev.up);
}
