// SPDX-License-Identifier: MIT
export { netRegistries } from './registries.ts';
export { Net, netOf } from './net-state.ts';
export { NetDevice, type DeviceOptions, type SavedDevice, type TransmittedFrame } from './dev/device.ts';
export type { NetNamespace } from './dev/namespace.ts';
export type { ReceiveResult } from './dev/receive.ts';
export type { RedirectOutcome } from './xdp/redirect.ts';
export type { RedirectInfo } from './xdp/redirect-info.ts';
export type { MapRedirect, RedirectMapDef } from './xdp/redirect-map.ts';
export { ETH_HLEN, XDP_PACKET_HEADROOM, XdpBuff } from './xdp/xdp-buff.ts';
export {
  XDP_FLAGS_DRV_MODE,
  XDP_FLAGS_HW_MODE,
  XDP_FLAGS_SKB_MODE,
  XDP_FLAGS_UPDATE_IF_NOEXIST,
  type XdpSlots,
} from './xdp/attach.ts';
